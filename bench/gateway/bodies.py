"""The requests that are sent: a small question, and what a coding agent sends on a working day (220 kB)."""

from __future__ import annotations

import json
from pathlib import Path

CHAT_MODEL = "gpt-4.1"
# The pretend upstream says that it knows chat completions only, so that /v1/messages must be translated.
MESSAGES_MODEL = "claude-sonnet-4.6"
# The load generator writes a number over the digits; the answer must carry it.
ASK = "Say something. asker-0000000000"
PROSE = 'The quick brown fox reads `src/main.rs`, finds "nothing" wrong,\n\tand goes on to the next file. '
TOOLS = 40
ROUNDS = 30
"""Pairs of a call and its result: 60 messages."""


def _schema() -> dict[str, object]:
    properties = {name: {"type": "string", "description": PROSE} for name in ("path", "pattern", "text")}
    return {"type": "object", "properties": properties, "required": ["path"], "additionalProperties": False}


def small_chat(*, stream: bool) -> dict[str, object]:
    return {"model": CHAT_MODEL, "stream": stream, "messages": [{"role": "user", "content": ASK}]}


def small_messages(*, stream: bool) -> dict[str, object]:
    question = {"role": "user", "content": ASK}
    return {"model": MESSAGES_MODEL, "max_tokens": 1000, "stream": stream, "messages": [question]}


def big_chat() -> dict[str, object]:
    tools = [
        {
            "type": "function",
            "function": {"name": f"tool_{number}", "description": PROSE * 8, "parameters": _schema()},
        }
        for number in range(TOOLS)
    ]
    messages: list[dict[str, object]] = [{"role": "system", "content": PROSE * 170}]
    for number in range(ROUNDS - 1):
        function = {"name": "tool_1", "arguments": json.dumps({"path": f"/a/{number}"})}
        call = {"id": f"call_{number}", "type": "function", "function": function}
        messages.append({"role": "assistant", "content": PROSE, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"call_{number}", "content": PROSE * 48})
    messages.append({"role": "user", "content": ASK})
    return {"model": CHAT_MODEL, "stream": False, "messages": messages, "tools": tools}


def big_messages() -> dict[str, object]:
    tools = [
        {"name": f"tool_{number}", "description": PROSE * 8, "input_schema": _schema()}
        for number in range(TOOLS)
    ]
    messages: list[dict[str, object]] = []
    for number in range(ROUNDS):
        call = {
            "type": "tool_use",
            "id": f"toolu_{number}",
            "name": "tool_1",
            "input": {"path": f"/a/{number}"},
        }
        result = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": PROSE * 48}
        question = {"type": "text", "text": ASK if number == ROUNDS - 1 else "Go on."}
        messages.append({"role": "assistant", "content": [{"type": "text", "text": PROSE}, call]})
        messages.append({"role": "user", "content": [result, question]})
    messages[0:0] = [{"role": "user", "content": [{"type": "text", "text": "Begin."}]}]
    return {
        "model": MESSAGES_MODEL,
        "max_tokens": 32000,
        "stream": False,
        "system": [{"type": "text", "text": PROSE * 170, "cache_control": {"type": "ephemeral"}}],
        "tools": tools,
        "messages": messages,
    }


def write(folder: Path) -> dict[str, Path]:
    """Write all bodies and return their files by name."""
    bodies = {
        "small chat": small_chat(stream=False),
        "small messages": small_messages(stream=False),
        "stream chat": small_chat(stream=True),
        "stream messages": small_messages(stream=True),
        "big chat": big_chat(),
        "big messages": big_messages(),
    }
    files = {}
    for name, body in bodies.items():
        files[name] = folder / f"{name.replace(' ', '-')}.json"
        files[name].write_text(json.dumps(body, separators=(",", ":")), encoding="utf-8")
    return files
