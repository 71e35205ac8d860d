"""OpenAI chat completions (upstream.md 10.1)."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.matrix import sse
from tests.matrix.talk import Ask, Call, InBand, Request, Said, Turn

_FINISH = {"stop": "stop", "length": "length", "tool_calls": "tools"}


class Chat:
    name = "chat"
    tools = True

    def request(self, ask: Ask) -> Request:
        messages = [message for turn in ask.turns for message in _messages(turn)]
        if ask.system:
            messages.insert(0, {"role": "system", "content": ask.system})
        body: dict[str, Any] = {"model": ask.model, "messages": messages, "max_tokens": ask.cap}
        if ask.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        if ask.tools:
            body["tools"] = [
                {"type": "function", "function": {"name": tool.name, "parameters": tool.parameters}}
                for tool in ask.tools
            ]
        if ask.schema:
            named = {"name": "answer", "schema": ask.schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        if ask.reasoning:
            body["reasoning_effort"] = "high"
        return Request("/v1/chat/completions", body)

    def whole(self, body: bytes) -> Said:
        answer = json.loads(body)
        assert answer["object"] == "chat.completion"
        [choice] = answer["choices"]
        assert choice["index"] == 0
        return _said(choice["message"], choice["finish_reason"], answer["usage"])

    def streamed(self, body: bytes) -> Said:
        found = sse.frames(body)
        if isinstance(found[-1], dict) and "error" in found[-1]:
            assert found[-1]["error"]["message"]
            raise InBand(found[-1]["error"]["message"])
        assert found[-1] == "[DONE]"
        chunks = [frame for frame in found[:-1] if isinstance(frame, dict)]
        assert len(chunks) == len(found) - 1
        assert len({(chunk["id"], chunk["model"], chunk["created"]) for chunk in chunks}) == 1
        assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
        message: dict[str, Any] = {"role": "assistant", "content": ""}
        calls: dict[int, dict[str, Any]] = {}
        finish, usage = "", None
        for chunk in chunks:
            usage = chunk.get("usage") or usage
            for choice in chunk["choices"]:
                assert not finish, "something follows the finish reason"
                finish = choice.get("finish_reason") or ""
                _merge(message, calls, choice["delta"])
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
        assert sorted(calls) == list(range(len(calls)))
        return _said(message, finish, usage or {})

    def error(self, status: int, body: bytes) -> str:
        inner = json.loads(body)["error"]
        assert {"message", "type", "param", "code"} <= set(inner)
        return str(inner["message"])


def _messages(turn: Turn) -> list[dict[str, Any]]:
    if turn.said is not None:
        return [turn.said.raw or {"role": "assistant", "content": turn.text}]
    if turn.results:
        return [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in turn.results]
    if turn.picture is None:
        return [{"role": "user", "content": turn.text}]
    url = "data:image/png;base64," + base64.b64encode(turn.picture).decode()
    parts = [{"type": "text", "text": turn.text}, {"type": "image_url", "image_url": {"url": url}}]
    return [{"role": "user", "content": parts}]


def _merge(message: dict[str, Any], calls: dict[int, dict[str, Any]], delta: dict[str, Any]) -> None:
    for name in ("content", "reasoning_content", "reasoning_text", "reasoning_opaque"):
        if delta.get(name):
            message[name] = message.get(name, "") + delta[name]
    for piece in delta.get("tool_calls") or []:
        function = piece["function"]
        if piece["index"] not in calls:
            assert piece["id"]
            calls[piece["index"]] = {
                "id": piece["id"],
                "type": "function",
                "function": {"name": function["name"], "arguments": ""},
            }
        calls[piece["index"]]["function"]["arguments"] += function.get("arguments") or ""


def _said(message: dict[str, Any], finish: str, usage: dict[str, Any]) -> Said:
    calls = tuple(
        Call(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in message.get("tool_calls") or []
    )
    if not calls:
        message.pop("tool_calls", None)
    return Said(
        text=message.get("content") or "",
        reasoning=message.get("reasoning_content") or message.get("reasoning_text") or "",
        calls=calls,
        finish=_FINISH[finish],
        input_tokens=usage.get("prompt_tokens", 0),
        output_tokens=usage.get("completion_tokens", 0),
        raw=message,
    )
