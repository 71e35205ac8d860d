"""What is told of a request, by the semantic conventions of OpenTelemetry (HTTP; generative AI, development).

Numbers and names only: prompts, answers, tools and system texts are in no attribute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from copilot_api.gateway.accounting import COMPLETE
from copilot_api.gateway.metrics import OTHER
from copilot_api.redaction import one_line, redact

if TYPE_CHECKING:
    from copilot_api.engine.client_interfaces import RelaySummary
    from copilot_api.gateway.failures import Trace
    from copilot_api.ledger.entry import Entry

Value = str | int | float | bool | tuple[str, ...]
Attributes = dict[str, Value]

PROVIDER = "github.copilot"
"""Ours: the conventions have no name for it."""
OPERATIONS = {
    "completions": "text_completion",
    "embeddings": "embeddings",
    "gemini": "generate_content",
}
"""Of the dialects that are not ``chat``."""
LEFT = "client_gone"


def operation_of(entry: Entry) -> str:
    """Return the conventions' name for what was asked."""
    if entry.leg == "embeddings":
        return "embeddings"
    return OPERATIONS.get(entry.dialect, "chat")


def error_of(entry: Entry) -> str:
    """Return why a request failed; empty when it did not."""
    if entry.outcome == COMPLETE:
        return ""
    return str(entry.status) if entry.outcome == "refused" and entry.status else entry.outcome


def of_server(entry: Entry, trace: Trace) -> Attributes:
    """Return the attributes of what the client asked of the gateway."""
    told: Attributes = {
        "http.request.method": trace.method,
        "url.path": one_line(redact(trace.path)),
        "url.scheme": "http",
        "copilot_api.request_id": entry.request_id,
        "copilot_api.dialect": entry.dialect,
        "copilot_api.initiator": entry.initiator,
        "copilot_api.outcome": entry.outcome,
        "copilot_api.client": entry.client,
        "copilot_api.key": entry.key,
        "copilot_api.rewrites": one_line(redact(entry.rewrites)),
    }
    if entry.status:
        told["http.response.status_code"] = entry.status
    if entry.multiplier is not None:
        told["copilot_api.premium_requests"] = entry.multiplier
    # A client that leaves is no error of a server, nor is what it did wrong (4xx).
    error = error_of(entry)
    if error and error != LEFT and (entry.status >= 500 or entry.status < 400):
        told["error.type"] = error
    return {name: value for name, value in told.items() if value != ""}


def of_client(entry: Entry, trace: Trace, summary: RelaySummary | None) -> Attributes:
    """Return the attributes of what the gateway asked of Copilot."""
    told: Attributes = {
        "gen_ai.operation.name": operation_of(entry),
        "gen_ai.provider.name": PROVIDER,
        "gen_ai.request.model": _clean(entry.model),
        "gen_ai.request.stream": entry.streamed,
        "copilot_api.leg": entry.leg,
        "copilot_api.attempts": entry.attempts,
        "copilot_api.upstream_request_id": _clean(trace.upstream_id),
    }
    if entry.session:
        told["gen_ai.conversation.id"] = entry.session
    facts = None if summary is None else summary.facts
    finish = trace.finish_reason if facts is None else facts.finish_reason
    model = trace.answer_model if facts is None else facts.model
    if finish:
        told["gen_ai.response.finish_reasons"] = (_clean(finish),)
    if model:
        told["gen_ai.response.model"] = _clean(model)
    if facts is not None and facts.response_id:
        told["gen_ai.response.id"] = _clean(facts.response_id)
    for name, count in (
        ("input_tokens", entry.input_tokens),
        ("output_tokens", entry.output_tokens),
        ("cache_read.input_tokens", entry.cached_tokens),
        ("cache_creation.input_tokens", entry.cache_write_tokens),
        ("reasoning.output_tokens", entry.reasoning_tokens),
    ):
        if count is not None:
            told[f"gen_ai.usage.{name}"] = count
    if entry.nano_aiu is not None:
        told["copilot_api.billed_nano_aiu"] = entry.nano_aiu
    if entry.streamed and summary is not None and summary.first_byte_ms is not None:
        told["gen_ai.response.time_to_first_chunk"] = summary.first_byte_ms / 1000
    if trace.upstream_url:
        place = urlsplit(trace.upstream_url)
        told["server.address"] = place.hostname or ""
        told["server.port"] = place.port or (80 if place.scheme == "http" else 443)
    error = error_of(entry)
    if error:
        told["error.type"] = error
    return {name: value for name, value in told.items() if value != ""}


def of_metrics(entry: Entry, trace: Trace) -> Attributes:
    """Return the attributes of measurements: few, and with few values."""
    listed = trace.plan is not None and trace.plan.resolution.model is not None
    told: Attributes = {
        "gen_ai.operation.name": operation_of(entry),
        "gen_ai.provider.name": PROVIDER,
        "gen_ai.request.model": entry.model if listed else OTHER,
    }
    error = error_of(entry)
    if error:
        told["error.type"] = error
    return told


def _clean(text: str) -> str:
    return one_line(redact(text[:200]))
