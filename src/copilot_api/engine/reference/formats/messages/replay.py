"""A whole Anthropic answer as the frames of a stream, where the client asked for one (D-H7)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import UnusableAnswer
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.jsontext import Number


def frames_of(value: Any) -> list[tuple[bytes, dict[str, Any]]]:
    """Return event names and frames. Raises `UnusableAnswer`."""
    if not isinstance(value, dict) or not isinstance(value.get("content"), list):
        raise UnusableAnswer("upstream answered without an answer")
    usage = value.get("usage")
    message = {**value, "content": [], "stop_reason": None, "stop_sequence": None}
    if isinstance(usage, dict):
        message["usage"] = {**usage, "output_tokens": Number("0")}
    made: list[dict[str, Any]] = [{"type": "message_start", "message": message}]
    for index, block in enumerate(frames.mapping(item) for item in value["content"]):
        place = Number(str(index))
        opening, deltas = _block(block)
        made.append({"type": "content_block_start", "index": place, "content_block": opening})
        made += [{"type": "content_block_delta", "index": place, "delta": delta} for delta in deltas]
        made.append({"type": "content_block_stop", "index": place})
    delta = {
        "stop_reason": value.get("stop_reason") or "end_turn",
        "stop_sequence": value.get("stop_sequence"),
    }
    ending: dict[str, Any] = {"type": "message_delta", "delta": delta}
    if usage is not None:
        ending["usage"] = usage
    for name in ("context_management", "copilot_usage"):
        if name in message:
            ending[name] = message.pop(name)
    made += [ending, {"type": "message_stop"}]
    return [(frame["type"].encode(), frame) for frame in made]


def _block(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    kind = block.get("type")
    if kind == "text":
        cited = block.get("citations")
        deltas = [{"type": "text_delta", "text": frames.text(block.get("text"))}]
        deltas += [
            {"type": "citations_delta", "citation": citation}
            for citation in (cited if isinstance(cited, list) else ())
        ]
        return {"type": "text", "text": ""}, deltas
    if kind == "thinking":
        thought = {"type": "thinking_delta", "thinking": frames.text(block.get("thinking"))}
        signature = {"type": "signature_delta", "signature": frames.text(block.get("signature"))}
        opening = {"type": "thinking", "thinking": "", "signature": ""}
        return opening, ([thought] if thought["thinking"] else []) + [signature]
    if kind == "tool_use":
        arguments = jsontext.dumps(frames.mapping(block.get("input")))
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": arguments}]
    return block, []
