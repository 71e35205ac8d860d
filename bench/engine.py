"""The stateless components, native against reference, in one run: validation, translation, streams.

    python bench/engine.py

The request is of the size and shape that Claude Code sends on a working day: a system prompt, 40 tools with
schemas, 60 messages with tool calls and results, about 200 kB. Rounds alternate between the two
implementations; a figure is the median of the rounds, the ratio that of the medians. Both outputs are
compared before anything is measured.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from copilot_api.engine.interfaces import AnswerPlan, RequestPlan, StreamPlan
from copilot_api.engine.native import NativeTranslation, NativeValidation
from copilot_api.engine.reference.translation import ReferenceTranslation
from copilot_api.engine.reference.validation import ReferenceValidation

ROUNDS = 7
PROSE = 'The quick brown fox reads `src/main.rs`, finds "nothing" wrong,\n\tand goes on to the next file. '


def claude_code_request() -> bytes:
    """Return a messages request of about 200 kB."""
    tools = [
        {
            "name": f"tool_{number}",
            "description": PROSE * 8,
            "input_schema": {
                "type": "object",
                "properties": {
                    name: {"type": "string", "description": PROSE} for name in ("path", "pattern", "text")
                },
                "required": ["path"],
                "additionalProperties": False,
            },
        }
        for number in range(40)
    ]
    messages: list[dict[str, object]] = [{"role": "user", "content": [{"type": "text", "text": PROSE * 10}]}]
    for number in range(30):
        call = {
            "type": "tool_use",
            "id": f"toolu_{number}",
            "name": "tool_1",
            "input": {"path": f"/a/{number}"},
        }
        messages.append({"role": "assistant", "content": [{"type": "text", "text": PROSE}, call]})
        result = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": PROSE * 35}
        messages.append({"role": "user", "content": [result]})
    body = {
        "model": "claude-sonnet-4.6",
        "max_tokens": 32000,
        "system": [{"type": "text", "text": PROSE * 150, "cache_control": {"type": "ephemeral"}}],
        "tools": tools,
        "messages": messages,
        "stream": True,
    }
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def chat_frames(count: int) -> list[bytes]:
    """Return the frames of a chat stream, one piece each, as Copilot sends them."""
    head = {"created": 1795390000, "id": "chatcmpl-CkR9tOZ8", "model": "gpt-4.1-2025-04-14"}
    frames = []
    for number in range(count):
        delta = {"content": f" word{number},", "role": "assistant"}
        choices = [{"index": 0, "content_filter_offsets": {"check_offset": 1}, "delta": delta}]
        frames.append({"choices": choices, "object": "chat.completion.chunk", **head})
    last = {"choices": [{"finish_reason": "stop", "index": 0, "delta": {"content": None}}], **head}
    last["usage"] = {"completion_tokens": count, "prompt_tokens": 900, "total_tokens": 900 + count}
    return [f"data: {json.dumps(frame)}\n\n".encode() for frame in [*frames, last]] + [b"data: [DONE]\n\n"]


def messages_frames(count: int) -> list[bytes]:
    """Return the events of a messages stream, one piece each, as Copilot sends them."""
    message = {"id": "msg_vrtx_1", "type": "message", "role": "assistant", "model": "m", "content": []}
    message["usage"] = {"input_tokens": 900, "output_tokens": 1}
    block = {"type": "text", "text": ""}
    events = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
    ]
    for number in range(count):
        delta = {"type": "text_delta", "text": f" word{number},"}
        events.append({"type": "content_block_delta", "index": 0, "delta": delta})
    usage = {"output_tokens": count}
    events += [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
        {"type": "message_stop"},
    ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]


def side_by_side(
    name: str, native: Callable[[], object], reference: Callable[[], object], per: int = 1
) -> None:
    """Measure two callables that do the same; `per` units of work a call."""
    assert native() == reference(), f"{name}: the two engines differ"
    figures: dict[Callable[[], object], list[float]] = {native: [], reference: []}
    for _ in range(ROUNDS):
        for call, seconds in figures.items():
            repeats = 200 if call is native else 10
            began = time.perf_counter()
            for _ in range(repeats):
                call()
            seconds.append((time.perf_counter() - began) / repeats / per)
    fast, slow = (statistics.median(seconds) * 1e6 for seconds in figures.values())
    print(f"{name:44} native {fast:9.2f} us   reference {slow:9.2f} us   {slow / fast:6.1f} x")


def main() -> None:
    """Print one line a component."""
    body = claude_code_request()
    print(f"request of {len(body):,} bytes, 40 tools, 61 messages; medians of {ROUNDS} alternating rounds")
    fast_check, slow_check = NativeValidation(), ReferenceValidation()
    side_by_side(
        "validation, messages",
        lambda: fast_check.inspect(body, "messages"),
        lambda: slow_check.inspect(body, "messages"),
    )
    fast, slow = NativeTranslation(), ReferenceTranslation()
    plan = RequestPlan("messages", "chat", model="claude-sonnet-4.6")
    side_by_side(
        "translation, request, messages to chat",
        lambda: fast.request(body, plan),
        lambda: slow.request(body, plan),
    )
    chat_body = fast.request(body, plan).body
    chat = RequestPlan("chat", "chat", model="gpt-4.1")
    side_by_side(
        "translation, request, chat to chat",
        lambda: fast.request(chat_body, chat),
        lambda: slow.request(chat_body, chat),
    )
    for leg in ("messages", "responses"):
        own: Any = RequestPlan("messages", leg, model="m", target="m")
        side_by_side(
            f"translation, request, messages to {leg}",
            lambda plan=own: fast.request(body, plan),  # type: ignore[misc]
            lambda plan=own: slow.request(body, plan),  # type: ignore[misc]
        )
    message = {"role": "assistant", "content": PROSE * 40}
    answer = json.dumps(
        {"id": "1", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    ).encode()
    whole = AnswerPlan("messages", "chat")
    side_by_side(
        "translation, whole answer, chat to messages",
        lambda: fast.answer(answer, whole),
        lambda: slow.answer(answer, whole),
    )
    streams: list[tuple[Any, Any, list[bytes]]] = [
        ("chat", "messages", chat_frames(500)),
        ("chat", "chat", chat_frames(500)),
        ("messages", "messages", messages_frames(500)),
        ("messages", "chat", messages_frames(500)),
        ("messages", "responses", messages_frames(500)),
    ]
    for leg, dialect, frames in streams:
        stream = StreamPlan(dialect, leg)

        def translated(
            translation: NativeTranslation | ReferenceTranslation,
            plan: StreamPlan = stream,
            pieces: list[bytes] = frames,
        ) -> bytes:
            feed = translation.stream(plan).feed
            return b"".join([feed(piece) for piece in pieces])

        side_by_side(
            f"streaming, {leg} to {dialect}, per chunk",
            lambda run=translated: run(fast),  # type: ignore[misc]
            lambda run=translated: run(slow),  # type: ignore[misc]
            per=len(frames),
        )


if __name__ == "__main__":
    main()
