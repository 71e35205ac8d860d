"""What a client has heard of an answer that may be broken, and how its dialect says that something failed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Heard:
    """All of a stream, whether it is complete or not."""

    text: str = ""
    arguments: dict[Any, str] = field(default_factory=dict)
    """The arguments of each call, put together."""
    finish: list[str] = field(default_factory=list)
    """Reasons for the end."""
    ended: bool = False
    """The end mark came."""
    errors: list[str] = field(default_factory=list)

    def add_error(self, message: str) -> None:
        assert message
        self.errors.append(message)


def hear(dialect: str, body: bytes) -> Heard:
    """Read a stream; what comes after an error or the end mark is a mistake."""
    heard = Heard()
    for frame in _FRAMES[dialect](body):
        assert not heard.ended, f"after the end mark: {frame!r}"
        assert not heard.errors, f"after the error: {frame!r}"
        _READ[dialect](heard, frame)
    return heard


def _lines(body: bytes) -> Iterator[Any]:
    assert not body or body.endswith(b"\n")
    return (json.loads(line) for line in body.split(b"\n")[:-1])


def _events(body: bytes) -> Iterator[Any]:
    """By the whole grammar: what upstream wrote oddly is relayed as oddly where the formats are the same."""
    assert not body or body.endswith((b"\n\n", b"\r\n\r\n")), f"no blank line at the end: {body[-60:]!r}"
    for block in body.decode().replace("\r\n", "\n").split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        fields = [
            (name, value.removeprefix(" ")) for name, _, value in (line.partition(":") for line in lines)
        ]
        assert {name for name, _ in fields} <= {"event", "data", "id", "retry"}, block
        text = "\n".join(value for name, value in fields if name == "data")
        if text:
            yield text if text == "[DONE]" else json.loads(text)


def _chat(heard: Heard, frame: Any) -> None:
    if frame == "[DONE]":
        heard.ended = True
        return
    if "error" in frame:
        assert {"message", "type", "param", "code"} <= set(frame["error"]), frame
        heard.add_error(frame["error"]["message"])
        return
    for choice in frame["choices"]:
        delta = choice["delta"] if "delta" in choice else {"content": choice["text"]}
        heard.text += delta.get("content") or ""
        for call in delta.get("tool_calls") or []:
            pieces = call["function"].get("arguments") or ""
            heard.arguments[call["index"]] = heard.arguments.get(call["index"], "") + pieces
        if choice.get("finish_reason"):
            heard.finish.append(choice["finish_reason"])


def _messages(heard: Heard, frame: Any) -> None:
    match frame["type"]:
        case "content_block_delta":
            delta = frame["delta"]
            heard.text += delta.get("text", "")
            if "partial_json" in delta:
                at = frame["index"]
                heard.arguments[at] = heard.arguments.get(at, "") + delta["partial_json"]
        case "content_block_start" if frame["content_block"]["type"] == "tool_use":
            heard.arguments.setdefault(frame["index"], "")
        case "message_delta":
            heard.finish.append(frame["delta"]["stop_reason"])
        case "message_stop":
            heard.ended = True
        case "error":
            assert frame["error"]["type"]
            heard.add_error(frame["error"]["message"])


def _responses(heard: Heard, frame: Any) -> None:
    match frame["type"]:
        case "response.output_text.delta":
            heard.text += frame["delta"]
        case "response.function_call_arguments.delta":
            at = frame["output_index"]
            heard.arguments[at] = heard.arguments.get(at, "") + frame["delta"]
        case "response.output_item.added" if frame["item"]["type"] == "function_call":
            heard.arguments.setdefault(frame["output_index"], "")
        case "response.completed" | "response.incomplete":
            heard.finish.append(frame["response"]["status"])
            heard.ended = True
        case "response.failed":
            assert frame["response"]["status"] == "failed"
            heard.add_error(frame["response"]["error"]["message"])
        case "error":
            heard.add_error(frame["message"])


def _gemini(heard: Heard, frame: Any) -> None:
    if "error" in frame:
        assert frame["error"]["status"].isupper()
        heard.add_error(frame["error"]["message"])
        return
    for candidate in frame.get("candidates", []):
        for part in candidate.get("content", {}).get("parts", []):
            heard.text += part.get("text", "")
            if "functionCall" in part:
                heard.arguments[len(heard.arguments)] = json.dumps(part["functionCall"]["args"])
        if candidate.get("finishReason"):
            heard.finish.append(candidate["finishReason"])
            heard.ended = True


def _ollama(heard: Heard, frame: Any) -> None:
    if "error" in frame:
        heard.add_error(frame["error"])
        return
    message = frame["message"]
    heard.text += message["content"]
    for call in message.get("tool_calls") or []:
        heard.arguments[len(heard.arguments)] = json.dumps(call["function"]["arguments"])
    if frame["done"]:
        heard.finish.append(frame["done_reason"])
        heard.ended = True


_FRAMES: dict[str, Callable[[bytes], Iterator[Any]]] = {
    "chat": _events,
    "messages": _events,
    "responses": _events,
    "gemini": _events,
    "ollama": _lines,
    "completions": _events,
}
_READ: dict[str, Callable[[Heard, Any], None]] = {
    "chat": _chat,
    "messages": _messages,
    "responses": _responses,
    "gemini": _gemini,
    "ollama": _ollama,
    "completions": _chat,
}


def status_for(dialect: str, status: int) -> int:
    """The status by which a dialect's clients know what upstream said with `status` (upstream.md 8.6)."""
    if dialect == "gemini":
        return {402: 429, 413: 400, 415: 400, 422: 400}.get(status, status)
    if dialect == "ollama" and status not in (502, 503, 504) and status >= 500:
        return 502
    if dialect == "responses" and status == 402:
        return 429  # with `usage_limit_reached`, at which Codex stops
    if status == 413 and dialect != "chat":
        return 400  # the prompt is too long: clients compact at this
    return status
