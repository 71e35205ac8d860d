"""The members of a request beside the conversation and the tools (upstream.md 6.2)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.messages.draft import Draft
from copilot_api.engine.reference.jsontext import Number

DEFAULT_CAP = 8192
"""``max_tokens`` where neither the client nor the model list says anything: upstream requires one."""

UNSTREAMED_CAP = 16000
"""What upstream writes at most in an answer that is not streamed."""

KNOWN = (
    "model",
    "max_tokens",
    "system",
    "messages",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "context_management",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "stream",
    "metadata",
)
"""Members that upstream takes; "Extra inputs are not permitted"."""


def mend(draft: Draft) -> None:
    """Mend model, stream, cap, context management; remove what upstream does not know."""
    plan, request = draft.plan, draft.request
    if plan.model is not None and request.get("model") != plan.model:
        request["model"] = plan.model
        draft.touched.add("model")
    if plan.stream is not None and request.get("stream") is not plan.stream:
        request["stream"] = plan.stream
        draft.touched.add("stream")
    _old_format(draft)
    for member in [member for member in request if member not in KNOWN]:
        draft.drop(member, f"dropped {jsontext.well_formed(member)}")
    _cap(draft)
    _context_management(draft)


def _old_format(draft: Draft) -> None:
    """Move ``output_format``, the beta's name of ``output_config.format``, to where it belongs now."""
    config = draft.request.get("output_config", {})
    if "output_format" in draft.request and isinstance(config, dict) and "format" not in config:
        wanted = draft.request["output_format"]
        draft.drop("output_format", "output_format sent as output_config.format")
        if wanted is not None:
            draft.request["output_config"] = {**config, "format": wanted}
            draft.touched.add("output_config")


def _cap(draft: Draft) -> None:
    traits, request = draft.plan.traits, draft.request
    limit = traits.max_output_tokens if traits is not None else None
    if limit is not None and request.get("stream") is not True:
        limit = min(limit, UNSTREAMED_CAP)
    given = request.get("max_tokens")
    if given is None:
        value = limit or draft.plan.output_cap or DEFAULT_CAP
        draft.put("max_tokens", Number(str(value)), f"set max_tokens to {value}, since upstream wants one")
        return
    asked = frames.count(given)
    if asked is not None and limit is not None and asked > limit:
        draft.put("max_tokens", Number(str(limit)), f"max_tokens sent as {limit}, the most the model writes")


def _context_management(draft: Draft) -> None:
    value = draft.request.get("context_management")
    if "context_management" not in draft.request:
        return
    if not draft.has_beta("context-management-"):
        draft.drop("context_management", "removed context_management, whose beta upstream does not get")
        return
    edits = value.get("edits") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(edits, list) or thinks(draft.request):
        return
    kept = [edit for edit in edits if not _clears_thinking(edit)]
    if len(kept) == len(edits):
        return
    rewrite = "removed clear_thinking from context_management, since thinking is off"
    if kept:
        value["edits"] = kept
        draft.touch("context_management", rewrite)
    else:
        draft.drop("context_management", rewrite)


def _clears_thinking(edit: Any) -> bool:
    return frames.text(frames.mapping(edit).get("type")).startswith("clear_thinking_")


def thinks(request: dict[str, Any]) -> bool:
    """Tell whether the request asks for thinking."""
    return frames.mapping(request.get("thinking")).get("type") in ("enabled", "adaptive")
