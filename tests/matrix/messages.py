"""Anthropic messages (upstream.md 10.3)."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.matrix import sse
from tests.matrix.talk import Ask, Call, InBand, Request, Said, Turn

_FINISH = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tools"}


class Messages:
    name = "messages"
    tools = True

    def request(self, ask: Ask) -> Request:
        body: dict[str, Any] = {
            "model": ask.model,
            "messages": [_message(turn) for turn in ask.turns],
            "max_tokens": ask.cap,
        }
        if ask.system:
            body["system"] = ask.system
        if ask.stream:
            body["stream"] = True
        if ask.tools:
            body["tools"] = [{"name": tool.name, "input_schema": tool.parameters} for tool in ask.tools]
        if ask.schema:
            body["output_config"] = {"format": {"type": "json_schema", "schema": ask.schema}}
        if ask.reasoning:
            body["thinking"] = {"type": "enabled", "budget_tokens": 1500}
        return Request("/v1/messages", body, {"anthropic-version": "2026-10-21"})

    def whole(self, body: bytes) -> Said:
        answer = json.loads(body)
        assert answer["type"] == "message"
        assert answer["role"] == "assistant"
        return _said(answer["content"], answer["stop_reason"], answer["usage"])

    def streamed(self, body: bytes) -> Said:
        found = [frame for frame in sse.frames(body, named=True) if isinstance(frame, dict)]
        found = [frame for frame in found if frame["type"] != "ping"]
        if found[-1]["type"] == "error":
            assert found[-1]["error"]["message"]
            raise InBand(found[-1]["error"]["message"])
        assert found[0]["type"] == "message_start"
        assert [frame["type"] for frame in found[-2:]] == ["message_delta", "message_stop"]
        begun = found[0]["message"]["usage"]
        assert begun["input_tokens"] + begun.get("cache_read_input_tokens", 0) > 0
        content: list[dict[str, Any]] = []
        opened = None
        for frame in found[1:-2]:
            if frame["type"] == "content_block_start":
                assert opened is None
                assert frame["index"] == len(content)
                opened = {**frame["content_block"], "json": ""}
            elif frame["type"] == "content_block_delta":
                assert opened is not None
                _merge(opened, frame["delta"])
            else:
                assert frame["type"] == "content_block_stop"
                assert opened is not None
                pieces = opened.pop("json")
                if opened["type"] == "tool_use":
                    opened["input"] = json.loads(pieces or "{}")
                content.append(opened)
                opened = None
        assert opened is None
        usage = {**found[0]["message"]["usage"], **found[-2]["usage"]}
        return _said(content, found[-2]["delta"]["stop_reason"], usage)

    def error(self, status: int, body: bytes) -> str:
        outer = json.loads(body)
        assert outer["type"] == "error"
        assert outer["error"]["type"]
        return str(outer["error"]["message"])


def _message(turn: Turn) -> dict[str, Any]:
    if turn.said is not None:
        return {"role": "assistant", "content": turn.said.raw or turn.text}
    if turn.results:
        content = [
            {"type": "tool_result", "tool_use_id": call.id, "content": text} for call, text in turn.results
        ]
        return {"role": "user", "content": content}
    if turn.picture is None:
        return {"role": "user", "content": turn.text}
    data = base64.b64encode(turn.picture).decode()
    source = {"type": "base64", "media_type": "image/png", "data": data}
    parts = [{"type": "image", "source": source}, {"type": "text", "text": turn.text}]
    return {"role": "user", "content": parts}


def _merge(block: dict[str, Any], delta: dict[str, Any]) -> None:
    kind = delta["type"]
    if kind == "input_json_delta":
        block["json"] += delta["partial_json"]
    else:
        name = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}[kind]
        block[name] += delta[name]


def _said(content: list[dict[str, Any]], finish: str, usage: dict[str, Any]) -> Said:
    return Said(
        text="".join(block["text"] for block in content if block["type"] == "text"),
        reasoning="".join(block["thinking"] for block in content if block["type"] == "thinking"),
        calls=tuple(
            Call(block["id"], block["name"], block["input"])
            for block in content
            if block["type"] == "tool_use"
        ),
        finish=_FINISH[finish],
        input_tokens=usage["input_tokens"] + usage.get("cache_read_input_tokens", 0),
        output_tokens=usage["output_tokens"],
        raw=content,
    )
