"""What fails, by class: a counter and one log event for each, so that an operator knows whom to ask (R-59).

Counted at the end of a request, or where it is repeated; never per chunk.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal

from copilot_api.copilot.headers import request_id
from copilot_api.engine.client_interfaces import RelaySummary
from copilot_api.engine.interfaces import (
    AnswerTooLarge,
    ConnectFailed,
    FirstByteTimeout,
    IdleTimeout,
    RequestFacts,
    UpstreamError,
    Usage,
)
from copilot_api.keys.caller import ANYONE, Caller
from copilot_api.redaction import redact

if TYPE_CHECKING:
    from copilot_api.engine.standing_interfaces import Errand
    from copilot_api.gateway.plan import Plan

logger = logging.getLogger("copilot_api.failures")

Origin = Literal["upstream", "network", "client", "gateway"]
"""Who is to be asked about a failure."""

FailureClass = Literal[
    "connect_failed",
    "connection_lost",
    "incomplete_answer",
    "upstream_error",
    "unusable_answer",
    "stream_silent",
    "first_byte_timeout",
    "upstream_status",
    "token_refused",
    "token_unavailable",
    "client_gone",
    "overloaded",
    "shutdown",
    "internal",
]

ORIGINS: dict[FailureClass, Origin] = {
    "connect_failed": "network",
    "connection_lost": "network",
    "incomplete_answer": "upstream",  # a clean end before the answer's
    "upstream_error": "upstream",
    "unusable_answer": "upstream",  # not JSON, no answer, too large
    "stream_silent": "upstream",
    "first_byte_timeout": "upstream",
    "upstream_status": "upstream",
    "token_refused": "upstream",  # each 401 that a new token may cure
    "token_unavailable": "upstream",
    "client_gone": "client",
    "overloaded": "gateway",
    "shutdown": "gateway",  # the drain time was over
    "internal": "gateway",
}

RetryReason = Literal["connect", "token", "seat", "host"]
RETRY_REASONS: tuple[RetryReason, ...] = ("connect", "token", "seat", "host")
"""Why a call is made again (R-38, R-43): no connection, a refused token, a changed seat, another host."""

LONGEST_CAUSE = 300

_OWN_CAUSE = re.compile(
    r"upstream ended the stream (?:before the answer was complete|without an answer)"
    r"|the connection to upstream broke before the answer was complete|the answer broke off"
    r"|upstream was silent for (?:too long|\S{1,20} s)|upstream sent no content for \S{1,20} s"
    r"|upstream sent a frame that is (?:too large|not JSON|not an object)"
    r"|the gateway is shutting down; try again|the request was cancelled"
)

_UNUSABLE = "upstream sent a frame that is"
_WORDS: dict[FailureClass, str] = {
    "upstream_error": "upstream reported an error in the stream; the client has its text",
    "connection_lost": "the connection to upstream broke before the answer was complete",
    "client_gone": "the client left",
}
"""What is said where the text is not our own."""
_NOTHING = "upstream ended the stream without an answer"


NO_HEADERS: Mapping[bytes, bytes] = {}


class Trace:
    """What a request is known by: in its answer's header ``x-request-id``, upstream, and in the log."""

    __slots__ = (
        "answer_model",
        "asked",
        "caller",
        "calls",
        "chain",
        "elsewhere",
        "errand",
        "facts",
        "finish_reason",
        "headers",
        "heard",
        "id",
        "method",
        "near",
        "outcome",
        "path",
        "plan",
        "rewrites",
        "session",
        "target",
        "upstream_id",
        "upstream_url",
        "usage",
        "user_agent",
    )

    def __init__(
        self,
        method: str,
        path: str,
        user_agent: bytes | None = None,
        session: bytes | None = None,
        id: str | None = None,  # noqa: A002 - it is the attribute's name
    ) -> None:
        self.id = request_id() if id is None else id
        self.method = method
        self.path = path
        self.user_agent = user_agent
        self.session = session
        """The client's own name for its conversation."""
        self.upstream_id = ""
        """The id that upstream gave its answer; empty when none came."""
        self.facts: RequestFacts | None = None
        """What is asked for, once it is known; with `plan` and `caller`, for the ledger."""
        self.plan: Plan | None = None
        self.caller: Caller = ANYONE
        self.calls = 0
        """Calls that were made for it, repeated ones too; 0 where none got as far as upstream."""
        self.elsewhere = 0.0
        """Seconds that upstream took, and that it waited for its turn: what the gateway did not add."""
        self.asked = self.heard = 0.0
        """When upstream was asked first and a call of it ended last, in monotonic seconds; 0 is never."""
        self.upstream_url = ""
        self.headers: Mapping[bytes, bytes] = NO_HEADERS
        """Those of the client, the first of each name."""
        self.finish_reason: str | None = None
        """Of an answer that was no stream, as `answer_model` and `usage` are."""
        self.answer_model: str | None = None
        self.chain: object = None
        """The hashes of what was sent, for the cache doctor."""
        self.usage: Usage | None = None
        self.rewrites = ""
        self.outcome = ""
        """Why it was refused."""
        self.errand: Errand | None = None
        """Where our own server would carry requests of this kind, or has carried this one."""
        self.target = ""
        """With `errand`: path and query for the request log."""
        self.near = ""
        """A budget that is nearly spent, in words for a header."""


_CURRENT: ContextVar[Trace | None] = ContextVar("copilot_api_trace", default=None)
begin = _CURRENT.set
"""Make a trace that of the current request."""
current = _CURRENT.get
"""Return the trace of the current request; None outside of one."""


def own_words(text: str) -> str:
    """Return the cause of a stream's end if the text is our own: upstream's may quote a prompt (R-08)."""
    cause = text.partition(":")[0]
    return cause if _OWN_CAUSE.fullmatch(cause) else ""


def of_error(error: UpstreamError) -> FailureClass:
    """Return the class of a call that brought no answer."""
    if isinstance(error, ConnectFailed):
        return "connect_failed"
    if isinstance(error, FirstByteTimeout):
        return "first_byte_timeout"
    if isinstance(error, IdleTimeout):
        return "stream_silent"
    return "unusable_answer" if isinstance(error, AnswerTooLarge) else "connection_lost"


def of_stream(summary: RelaySummary | None, message: str) -> FailureClass | None:
    """Return the class of a stream's end; None when nothing failed. `message` is what the client is told."""
    if summary is None or summary.outcome in ("completed", "cancelled"):
        return None
    if summary.outcome == "client_gone":
        return "client_gone"
    if summary.outcome == "shutdown":
        return "shutdown"
    if summary.outcome == "deadline":
        return "stream_silent"
    if summary.end == "cut":
        return "connection_lost"
    if message.startswith(_UNUSABLE) or summary.end == "too_large":
        return "unusable_answer"
    return "incomplete_answer" if summary.end == "end" or message == _NOTHING else "upstream_error"


class Failures:
    """The counters; made once, in `app`."""

    def __init__(self) -> None:
        self.counts: dict[FailureClass, int] = dict.fromkeys(ORIGINS, 0)
        self.retries: dict[RetryReason, int] = dict.fromkeys(RETRY_REASONS, 0)
        self.calls = 0
        """Calls of Copilot, repeated ones too."""

    def note(self, kind: FailureClass, cause: str, status: int = 0, trace: Trace | None = None) -> None:
        """Count a failure and log its event; `status` is what the client got, 0 when that was nothing.

        `cause` is in our own words (R-08). A client that leaves is nobody's fault: it is logged for those who
        ask for details (R-32, R-55).
        """
        self.counts[kind] += 1
        level = logging.WARNING
        if kind == "client_gone":
            level = logging.DEBUG
        elif kind == "token_refused" or (0 < status < 500 and status != 200):
            level = logging.INFO
        told: dict[str, str] = {"class": kind, "origin": ORIGINS[kind]}
        self._log(level, "failure", told, cause, trace or current(), status)

    def retry(self, reason: RetryReason, cause: str) -> None:
        """Count a call that is made again and log its event."""
        self.retries[reason] += 1
        self._log(logging.INFO, "retry", {"reason": reason}, cause, current(), 0)

    def stream(self, summary: RelaySummary | None, trace: Trace | None = None) -> None:
        """Count a stream that ended badly after its head was sent."""
        message = "" if summary is None else summary.facts.error or ""
        kind = of_stream(summary, message)
        if kind is not None and summary is not None:
            seen = f"{summary.facts.events} events, {summary.bytes_out} bytes, {summary.duration_ms:.0f} ms"
            cause = own_words(message) or _WORDS.get(kind, summary.outcome)
            self.note(kind, f"{cause} after {seen}", 200, trace)

    def _log(
        self, level: int, event: str, told: Mapping[str, str], cause: str, trace: Trace | None, status: int
    ) -> None:
        if not logger.isEnabledFor(level):
            return
        what = f"{event} {' '.join(f'{name}={value}' for name, value in told.items())}"
        fields: dict[str, str | int] = {**told}
        if trace is not None:
            what += f" request_id={trace.id}"
            fields["request_id"] = trace.id
            if trace.upstream_id:
                what += f" upstream_request_id={trace.upstream_id}"
                fields["upstream_request_id"] = trace.upstream_id
            fields["request"] = f"{trace.method} {trace.path}"
            what += f" request={json.dumps(fields['request'])}"
        if status:
            what += f" status={status}"
            fields["status"] = status
        fields["cause"] = redact(cause)[:LONGEST_CAUSE]
        told_cause = json.dumps(fields["cause"], ensure_ascii=False)
        logger.log(level, "%s cause=%s", what, told_cause, extra={"event": event, "fields": fields})
