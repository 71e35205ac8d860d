"""OpenAI Responses, the stateless subset (upstream.md 10.2)."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.matrix import sse
from tests.matrix.talk import Ask, Call, InBand, Request, Said, Turn


class Responses:
    name = "responses"
    tools = True

    def request(self, ask: Ask) -> Request:
        body: dict[str, Any] = {
            "model": ask.model,
            "input": [item for turn in ask.turns for item in _items(turn)],
            "max_output_tokens": ask.cap,
            "store": False,
            "include": ["reasoning.encrypted_content"],
        }
        if ask.system:
            body["instructions"] = ask.system
        if ask.stream:
            body["stream"] = True
        if ask.tools:
            body["tools"] = [
                {"type": "function", "name": tool.name, "parameters": tool.parameters, "strict": False}
                for tool in ask.tools
            ]
        if ask.schema:
            named = {"type": "json_schema", "name": "answer", "schema": ask.schema, "strict": True}
            body["text"] = {"format": named}
        if ask.reasoning:
            body["reasoning"] = {"effort": "high", "summary": "auto"}
        return Request("/v1/responses", body)

    def whole(self, body: bytes) -> Said:
        return _said(json.loads(body))

    def streamed(self, body: bytes) -> Said:
        found = [frame for frame in sse.frames(body, named=True) if isinstance(frame, dict)]
        last = found[-1]
        if last["type"] in ("response.failed", "error"):
            error = last["response"]["error"] if last["type"] == "response.failed" else last
            assert error["message"]
            raise InBand(error["message"])
        assert [frame["sequence_number"] for frame in found] == list(range(len(found)))
        assert found[0]["type"] == "response.created"
        assert last["type"] in ("response.completed", "response.incomplete")
        ids = {frame["response"]["id"] for frame in found if "response" in frame}
        assert len(ids) == 1, "the response's id changes"
        _check_items(found, last["response"]["output"])
        return _said(last["response"])

    def error(self, status: int, body: bytes) -> str:
        inner = json.loads(body)["error"]
        assert {"message", "type", "param", "code"} <= set(inner)
        return str(inner["message"])


def _check_items(found: list[dict[str, Any]], output: list[dict[str, Any]]) -> None:
    done = [frame["item"] for frame in found if frame["type"] == "response.output_item.done"]
    assert done == output
    added = [frame["item"]["id"] for frame in found if frame["type"] == "response.output_item.added"]
    assert added == [item["id"] for item in output]
    for frame in found:
        if "item_id" in frame:
            assert frame["item_id"] == added[frame["output_index"]]
    for index, item in enumerate(output):
        deltas: dict[str, str] = {}
        for frame in found:
            if frame.get("output_index") == index and frame["type"].endswith(".delta"):
                deltas[frame["type"]] = deltas.get(frame["type"], "") + frame["delta"]
        if item["type"] == "message":
            text = "".join(part["text"] for part in item["content"])
            assert deltas.get("response.output_text.delta", "") == text
        elif item["type"] == "function_call":
            pieces = deltas.get("response.function_call_arguments.delta", "")
            assert json.loads(pieces or "{}") == json.loads(item["arguments"])
        elif item["type"] == "reasoning" and item["summary"]:
            assert deltas.get("response.reasoning_summary_text.delta") == item["summary"][0]["text"]


def _items(turn: Turn) -> list[dict[str, Any]]:
    if turn.said is not None:
        return turn.said.raw or [{"role": "assistant", "content": turn.text}]
    if turn.results:
        return [
            {"type": "function_call_output", "call_id": call.id, "output": text}
            for call, text in turn.results
        ]
    parts: list[dict[str, Any]] = [{"type": "input_text", "text": turn.text}]
    if turn.picture is not None:
        url = "data:image/png;base64," + base64.b64encode(turn.picture).decode()
        parts.append({"type": "input_image", "image_url": url, "detail": "auto"})
    return [{"type": "message", "role": "user", "content": parts}]


def _said(response: dict[str, Any]) -> Said:
    assert response["object"] == "response"
    assert response["id"].startswith("resp_") or response["id"]
    output = response["output"]
    text = "".join(part["text"] for item in output if item["type"] == "message" for part in item["content"])
    calls = tuple(
        Call(item["call_id"], item["name"], json.loads(item["arguments"]))
        for item in output
        if item["type"] == "function_call"
    )
    finish = "length" if response["status"] == "incomplete" else "tools" if calls else "stop"
    if finish == "length":
        assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    reasoning = "".join(
        part["text"] for item in output if item["type"] == "reasoning" for part in item["summary"]
    )
    usage = response["usage"]
    assert usage["total_tokens"] >= usage["input_tokens"]
    return Said(text, reasoning, calls, finish, usage["input_tokens"], usage["output_tokens"], output)
