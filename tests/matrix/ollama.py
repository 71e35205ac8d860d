"""Ollama's chat (upstream.md 10.5)."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.matrix.talk import Ask, Call, InBand, Request, Said, Turn


class Ollama:
    name = "ollama"
    tools = True

    def request(self, ask: Ask) -> Request:
        messages = [message for turn in ask.turns for message in _messages(turn)]
        if ask.system:
            messages.insert(0, {"role": "system", "content": ask.system})
        body: dict[str, Any] = {
            "model": ask.model,
            "messages": messages,
            "options": {"num_predict": ask.cap},
        }
        if not ask.stream:
            body["stream"] = False
        if ask.tools:
            body["tools"] = [
                {"type": "function", "function": {"name": tool.name, "parameters": tool.parameters}}
                for tool in ask.tools
            ]
        if ask.schema:
            body["format"] = ask.schema
        if ask.reasoning:
            body["think"] = "high"
        return Request("/api/chat", body)

    def whole(self, body: bytes) -> Said:
        return _said([json.loads(body)])

    def streamed(self, body: bytes) -> Said:
        assert body.endswith(b"\n")
        found = [json.loads(line) for line in body.splitlines()]
        if "error" in found[-1]:
            assert isinstance(found[-1]["error"], str)
            raise InBand(found[-1]["error"])
        return _said(found)

    def error(self, status: int, body: bytes) -> str:
        message = json.loads(body)["error"]
        assert isinstance(message, str)
        return message


def _messages(turn: Turn) -> list[dict[str, Any]]:
    if turn.said is not None:
        return [turn.said.raw or {"role": "assistant", "content": turn.text}]
    if turn.results:
        return [{"role": "tool", "tool_name": call.name, "content": text} for call, text in turn.results]
    message: dict[str, Any] = {"role": "user", "content": turn.text}
    if turn.picture is not None:
        message["images"] = [base64.b64encode(turn.picture).decode()]
    return [message]


def _said(chunks: list[dict[str, Any]]) -> Said:
    last = chunks[-1]
    assert [chunk["done"] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    for chunk in chunks:
        piece = chunk["message"]
        message["content"] += piece["content"]
        if piece.get("thinking"):
            message["thinking"] = message.get("thinking", "") + piece["thinking"]
        if piece.get("tool_calls"):
            message.setdefault("tool_calls", []).extend(piece["tool_calls"])
    calls = tuple(
        Call(call.get("id", ""), call["function"]["name"], call["function"]["arguments"])
        for call in message.get("tool_calls", [])
    )
    return Said(
        text=message["content"],
        reasoning=message.get("thinking", ""),
        calls=calls,
        finish="length" if last["done_reason"] == "length" else "tools" if calls else "stop",
        input_tokens=last["prompt_eval_count"],
        output_tokens=last["eval_count"],
        raw=message,
    )
