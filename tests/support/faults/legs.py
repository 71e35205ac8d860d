"""What the pretend Copilot says on each leg, cut into the pieces between which it can fail."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support import chat, messages, responses

TEXTS = ("Once ", "upon é漢🚀\u2028 ", "a time")
TEXT = "".join(TEXTS)
USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool, in the pieces in which its arguments come."""

    name: str
    pieces: tuple[str, ...]

    @property
    def arguments(self) -> Any:
        return json.loads("".join(self.pieces))


@dataclass(frozen=True, slots=True)
class Parts:
    """One good stream: `finish` holds the finish reason, `end` says that nothing comes any more."""

    opening: bytes
    deltas: tuple[bytes, ...]
    finish: bytes
    end: bytes

    @property
    def whole(self) -> bytes:
        return b"".join((self.opening, *self.deltas, self.finish, self.end))

    @property
    def broken(self) -> tuple[bytes, ...]:
        """The frames before the finish."""
        return (self.opening, *self.deltas) if self.opening else self.deltas


Streamed = Callable[[Sequence[str], Sequence[Call]], Parts]


@dataclass(frozen=True, slots=True)
class Leg:
    """One of upstream's endpoints."""

    name: str
    path: str
    model: str
    """A model that is served there and nowhere else."""
    streamed: Streamed
    error: Callable[[str, str], bytes]
    """The event of an error with this message and code."""
    whole: Callable[[str], dict[str, Any]]

    def parts(self, texts: Sequence[str] = TEXTS, calls: Sequence[Call] = ()) -> Parts:
        """One good stream."""
        return self.streamed(texts, calls)

    def answer(self, text: str = TEXT) -> bytes:
        """One good whole answer."""
        return json.dumps(self.whole(text), ensure_ascii=False).encode()


# ---------------------------------------------------------------------------------------------------- chat


def chat_tool(index: int, **more: Any) -> bytes:
    """One piece of a call."""
    return chat.sse(chat.frame(tools=[chat.tool(index, **more)]))


def _chat_parts(texts: Sequence[str], calls: Sequence[Call]) -> Parts:
    deltas = [chat.sse(chat.frame(text)) for text in texts]
    for index, call in enumerate(calls):
        deltas.append(chat_tool(index, id=f"call_{index}", name=call.name, arguments=""))
        deltas += [chat_tool(index, arguments=piece) for piece in call.pieces]
    finish = chat.frame(finish="tool_calls" if calls else "stop", usage=USAGE)
    return Parts(b"", tuple(deltas), chat.sse(finish), b"data: [DONE]\n\n")


def _chat_error(message: str, code: str) -> bytes:
    return chat.sse({"error": {"message": message, "code": code}})


def _chat_whole(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4.1",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": USAGE,
    }


# ------------------------------------------------------------------------------------------------ messages

_MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-5",
    "stop_sequence": None,
}


def _block(index: int, block: dict[str, Any], kind: str, pieces: Sequence[str]) -> list[dict[str, Any]]:
    member = {"text_delta": "text", "input_json_delta": "partial_json"}[kind]
    return [
        {"type": "content_block_start", "index": index, "content_block": block},
        *(
            {"type": "content_block_delta", "index": index, "delta": {"type": kind, member: piece}}
            for piece in pieces
        ),
    ]


def _messages_parts(texts: Sequence[str], calls: Sequence[Call]) -> Parts:
    started = {**_MESSAGE, "content": [], "stop_reason": None}
    opening = [
        {"type": "message_start", "message": {**started, "usage": {"input_tokens": 3, "output_tokens": 1}}}
    ]
    found = _block(0, {"type": "text", "text": ""}, "text_delta", texts)
    opening.append(found[0])
    deltas = found[1:]
    for index, call in enumerate(calls, 1):
        deltas.append({"type": "content_block_stop", "index": index - 1})
        block = {"type": "tool_use", "id": f"toolu_{index}", "name": call.name, "input": {}}
        deltas += _block(index, block, "input_json_delta", call.pieces)
    reason = {"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}
    finish: list[dict[str, Any]] = [
        {"type": "content_block_stop", "index": len(calls)},
        {"type": "message_delta", "delta": reason, "usage": {"input_tokens": 3, "output_tokens": 5}},
    ]
    return Parts(
        messages.stream(*opening),
        tuple(messages.stream(delta) for delta in deltas),
        messages.stream(*finish),
        messages.stream({"type": "message_stop"}),
    )


def _messages_error(message: str, code: str) -> bytes:
    kinds = {"rate_limited": "rate_limit_error", "model_overloaded": "overloaded_error"}
    inner = {"type": kinds.get(code, "invalid_request_error"), "message": message}
    return messages.stream({"type": "error", "error": inner})


def _messages_whole(text: str) -> dict[str, Any]:
    return {
        **_MESSAGE,
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 5},
    }


# ----------------------------------------------------------------------------------------------- responses

_RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-5.4", "error": None}
_RESPONSE_USAGE = {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}


def _message_item(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {
        "id": "msg_1",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [part] if text else [],
    }


def _call_item(index: int, call: Call, arguments: str) -> dict[str, Any]:
    return {
        "id": f"fc_{index}",
        "type": "function_call",
        "status": "completed",
        "call_id": f"call_{index}",
        "name": call.name,
        "arguments": arguments,
    }


def _response(output: list[dict[str, Any]]) -> dict[str, Any]:
    return {**_RESPONSE, "status": "completed", "output": output, "usage": _RESPONSE_USAGE}


def _responses_parts(texts: Sequence[str], calls: Sequence[Call]) -> Parts:
    numbers = itertools.count()

    def write(frames: Iterator[dict[str, Any]]) -> tuple[bytes, ...]:
        return tuple(responses.sse({**frame, "sequence_number": next(numbers)}) for frame in frames)

    output = [_message_item("".join(texts))]
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    text = {"type": "output_text", "text": "", "annotations": []}
    begun = {**_RESPONSE, "status": "in_progress", "output": [], "usage": None}
    opening: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**_message_item(""), "status": "in_progress"},
        },
        {"type": "response.content_part.added", **at, "part": text},
    ]
    deltas: list[dict[str, Any]] = [
        {"type": "response.output_text.delta", **at, "delta": piece} for piece in texts
    ]
    done = [
        {"type": "response.output_text.done", **at, "text": "".join(texts)},
        {"type": "response.content_part.done", **at, "part": {**text, "text": "".join(texts)}},
        {"type": "response.output_item.done", "output_index": 0, "item": output[0]},
    ]
    for index, call in enumerate(calls, 1):
        deltas += done
        item, arguments = _call_item(index, call, ""), "".join(call.pieces)
        deltas.append({"type": "response.output_item.added", "output_index": index, "item": item})
        place = {"item_id": item["id"], "output_index": index}
        deltas += [
            {"type": "response.function_call_arguments.delta", **place, "delta": piece}
            for piece in call.pieces
        ]
        output.append(_call_item(index, call, arguments))
        done = [
            {"type": "response.function_call_arguments.done", **place, "arguments": arguments},
            {"type": "response.output_item.done", "output_index": index, "item": output[-1]},
        ]
    # In this order: the frames are numbered.
    return Parts(
        b"".join(write(iter(opening))),
        write(iter(deltas)),
        b"".join(write(iter(done))),
        b"".join(write(iter([{"type": "response.completed", "response": _response(output)}]))),
    )


def _responses_error(message: str, code: str) -> bytes:
    return responses.sse({"type": "error", "code": code, "message": message, "param": None})


def _responses_whole(text: str) -> dict[str, Any]:
    return _response([_message_item(text)])


CHAT = Leg("chat", "/chat/completions", "gemini-3.1-pro-preview", _chat_parts, _chat_error, _chat_whole)
MESSAGES = Leg("messages", "/v1/messages", "claude-opus-5", _messages_parts, _messages_error, _messages_whole)
RESPONSES = Leg("responses", "/responses", "gpt-5.4", _responses_parts, _responses_error, _responses_whole)
LEGS = {leg.name: leg for leg in (CHAT, MESSAGES, RESPONSES)}
