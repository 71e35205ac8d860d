"""From an upstream answer to the client's: whole, or as a relay."""

from __future__ import annotations

import time

from copilot_api.copilot.errors import passed_headers, read_fault
from copilot_api.engine.client_interfaces import Relay, Upstream
from copilot_api.engine.interfaces import (
    AnswerPlan,
    StreamPlan,
    StreamRefused,
    Translation,
    UnusableAnswer,
    UpstreamError,
    Usage,
)
from copilot_api.gateway.errors import UpstreamFailed, UpstreamRefused
from copilot_api.gateway.failures import Trace, of_error, of_stream
from copilot_api.gateway.refusals import explain
from copilot_api.gateway.rewrites import HEADER
from copilot_api.records import record

ANSWER_LIMIT = 256 * 1024 * 1024
"""Bytes of a whole answer; embeddings of a full batch take about 30 MB."""
UNUSABLE_LIMIT = 64 * 1024
"""Bytes of an answer that is none which the client is told, as 0.7.0 told it."""

JSON = (("content-type", "application/json"),)
EVENT_STREAM = (
    ("content-type", "text/event-stream"),
    ("cache-control", "no-cache"),
    ("x-accel-buffering", "no"),
)

LINES = (
    ("content-type", "application/x-ndjson"),
    ("cache-control", "no-cache"),
    ("x-accel-buffering", "no"),
)
STREAM_HEADERS = {"sse": EVENT_STREAM, "lines": LINES, "array": JSON}
"""What a stream is declared as, by its framing."""


@record
class Whole:
    """A complete body for the client."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    usage: Usage | None = None
    """What upstream says that it took; None of an answer that was kept."""
    finish_reason: str | None = None
    model: str | None = None
    """The name that upstream gives the model that answered."""


@record
class Streamed:
    """A stream for the client: status 200 and a relay whose first frame has been judged."""

    headers: tuple[tuple[str, str], ...]
    relay: Relay


async def make_answer(
    upstream: Upstream,
    answer_plan: AnswerPlan,
    translation: Translation,
    stream_plan: StreamPlan | None,
    noted: str,
    trace: Trace | None = None,
) -> Whole | Streamed:
    """Answer by what upstream really sent, not by what was asked for (D-H6, D-H7, R-36).

    `stream_plan` is given when a stream was asked for; `noted` are the rewrites, for a header; `trace` learns
    how long upstream took. Raises :class:`UpstreamFailed` and :class:`UpstreamRefused`.
    """
    content_type = upstream.headers.get("content-type", "").partition(";")[0].strip().lower()
    passed = passed_headers(upstream.headers)
    if noted:
        passed += ((HEADER, noted),)
    if stream_plan is not None and content_type in ("text/event-stream", ""):
        relay = upstream.relay(stream_plan)
        asked = time.monotonic()
        try:
            await relay.first()
        except StreamRefused as refused:
            raise _refusal(refused, relay) from refused
        except BaseException:
            await relay.aclose()
            raise
        if trace is not None:
            trace.elsewhere += time.monotonic() - asked
        return Streamed(STREAM_HEADERS[stream_plan.framing] + passed, relay)
    asked = time.monotonic()
    try:
        body = await upstream.read(ANSWER_LIMIT)
    except UpstreamError as error:
        raise UpstreamFailed(error.status, str(error), of_error(error), code="upstream_failed") from error
    if trace is not None:
        trace.heard = time.monotonic()
        trace.elsewhere += trace.heard - asked
    if content_type == "text/event-stream":
        raise UpstreamFailed(
            502,
            "Copilot sent a stream where one answer was asked for",
            "unusable_answer",
            code="upstream_unusable",
        )
    try:
        if stream_plan is not None:
            whole = translation.answer_as_stream(body, stream_plan)
            return Whole(200, STREAM_HEADERS[stream_plan.framing] + passed, whole)
        answer = translation.answer(body, answer_plan)
        return Whole(200, JSON + passed, answer.body, answer.usage, answer.finish_reason, answer.model)
    except UnusableAnswer as error:
        fault = read_fault(200, body[:UNUSABLE_LIMIT])
        text = fault.compat_message if body.strip() else str(error)
        raise UpstreamFailed(
            502, str(error), "unusable_answer", compat_message=text, code="upstream_unusable"
        ) from error


def _refusal(refused: StreamRefused, relay: Relay) -> UpstreamFailed | UpstreamRefused:
    failure = of_stream(relay.summary, str(refused)) or "upstream_error"
    if not refused.body:
        return UpstreamFailed(refused.status, str(refused), failure, code="upstream_failed")
    fault = read_fault(refused.status, refused.body)
    status = 400 if refused.status == 502 and fault.overflow is not None else refused.status
    refusal = UpstreamRefused(
        status, fault.message, compat_message=fault.compat_message, code=fault.code, param=fault.param
    )
    refusal.failure = "upstream_error"
    return explain(refusal, fault)
