"""What a client reads out of an answer, per dialect: its text, its tool arguments, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


class Damaged(Exception):
    """The bytes are not what the dialect allows."""


@dataclass(slots=True)
class Heard:
    """One answer. `failed` is the message of an in-band error, `ended` says that the end mark came."""

    text: str = ""
    arguments: str = ""
    ended: bool = False
    failed: str = ""
    reason: str = ""


def streamed(dialect: str, body: bytes) -> Heard:
    """Read a stream. Raises :class:`Damaged` for what no client of the dialect would take."""
    heard = Heard()
    values = _lines(body) if dialect == "ollama" else _events(body)
    try:
        for value in values:
            if heard.ended or heard.failed:
                raise Damaged("something comes after the end")
            _STREAMS[dialect](heard, value)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise Damaged(f"{type(error).__name__}: {error}") from error
    if dialect == "gemini":
        heard.ended = bool(heard.reason) and not heard.failed
    return heard


def whole(dialect: str, body: bytes) -> Heard:
    """Read an answer that is no stream."""
    heard = Heard(ended=True)
    try:
        _WHOLES[dialect](heard, json.loads(body))
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise Damaged(f"{type(error).__name__}: {error}") from error
    return heard


def _events(body: bytes) -> Iterator[Any]:
    text = body.decode().replace("\r\n", "\n")
    if text and not text.endswith("\n\n"):
        raise Damaged("the stream ends within an event")
    for block in text.split("\n\n"):
        for line in block.split("\n"):
            if line.startswith("data: "):
                yield line[6:] if line == "data: [DONE]" else json.loads(line[6:])
            elif line and not line.startswith((":", "event: ")):
                raise Damaged(f"a strange line: {line[:60]!r}")


def _lines(body: bytes) -> Iterator[Any]:
    text = body.decode()
    if text and not text.endswith("\n"):
        raise Damaged("the stream ends within a line")
    for line in text.split("\n"):
        if line:
            yield json.loads(line)


def _openai(heard: Heard, value: Any) -> bool:
    if value == "[DONE]":
        heard.ended = True
    elif "error" in value:
        heard.failed = value["error"]["message"]
    else:
        return False
    return True


def _chat(heard: Heard, value: Any) -> None:
    if _openai(heard, value):
        return
    for choice in value["choices"]:
        delta = choice["delta"]
        heard.text += delta.get("content") or ""
        for call in delta.get("tool_calls") or ():
            heard.arguments += call["function"].get("arguments") or ""
        heard.reason = choice.get("finish_reason") or heard.reason


def _completions(heard: Heard, value: Any) -> None:
    if _openai(heard, value):
        return
    for choice in value["choices"]:
        heard.text += choice["text"]
        heard.reason = choice.get("finish_reason") or heard.reason


def _messages(heard: Heard, value: Any) -> None:
    kind = value["type"]
    if kind == "content_block_delta":
        delta = value["delta"]
        heard.text += delta.get("text", "")
        heard.arguments += delta.get("partial_json", "")
    elif kind == "message_delta":
        heard.reason = value["delta"]["stop_reason"]
    elif kind == "message_stop":
        heard.ended = True
    elif kind == "error":
        heard.failed = value["error"]["message"]


def _responses(heard: Heard, value: Any) -> None:
    kind = value["type"]
    if kind == "response.output_text.delta":
        heard.text += value["delta"]
    elif kind == "response.function_call_arguments.delta":
        heard.arguments += value["delta"]
    elif kind == "response.completed":
        heard.ended = True
        heard.reason = "completed"
        again = Heard()
        _whole_response(again, value["response"])
        if (again.text, again.arguments) != (heard.text, heard.arguments):
            raise Damaged("the completed response differs from its deltas")
    elif kind in ("response.failed", "error"):
        error = value["response"]["error"] if kind == "response.failed" else value
        heard.failed = error["message"]


def _gemini(heard: Heard, value: Any) -> None:
    if "error" in value:
        heard.failed = value["error"]["message"]
        return
    for candidate in value.get("candidates", ()):
        for part in candidate.get("content", {}).get("parts", ()):
            heard.text += part.get("text", "")
            if "functionCall" in part:
                heard.arguments += json.dumps(part["functionCall"]["args"])
        heard.reason = candidate.get("finishReason") or heard.reason


def _ollama(heard: Heard, value: Any) -> None:
    if "error" in value:
        heard.failed = value["error"]
        return
    message = value["message"]
    heard.text += message["content"]
    for call in message.get("tool_calls") or ():
        heard.arguments += json.dumps(call["function"]["arguments"])
    heard.ended = value["done"]


def _whole_chat(heard: Heard, value: Any) -> None:
    for choice in value["choices"]:
        message = choice["message"]
        heard.text += message.get("content") or ""
        for call in message.get("tool_calls") or ():
            heard.arguments += call["function"]["arguments"]


def _whole_messages(heard: Heard, value: Any) -> None:
    for block in value["content"]:
        heard.text += block.get("text", "")
        if block["type"] == "tool_use":
            heard.arguments += json.dumps(block["input"])


def _whole_response(heard: Heard, value: Any) -> None:
    for item in value["output"]:
        if item["type"] == "message":
            heard.text += "".join(part["text"] for part in item["content"])
        elif item["type"] == "function_call":
            heard.arguments += item["arguments"]


def _whole_completion(heard: Heard, value: Any) -> None:
    heard.text = value["choices"][0]["text"]


_STREAMS: dict[str, Callable[[Heard, Any], None]] = {
    "chat": _chat,
    "completions": _completions,
    "messages": _messages,
    "responses": _responses,
    "gemini": _gemini,
    "ollama": _ollama,
}
_WHOLES: dict[str, Callable[[Heard, Any], None]] = {
    "chat": _whole_chat,
    "completions": _whole_completion,
    "messages": _whole_messages,
    "responses": _whole_response,
    "gemini": _gemini,
    "ollama": _ollama,
}
