"""OpenAI's legacy completions: one text in, one text out."""

from __future__ import annotations

import json
from typing import Any

from tests.matrix import sse
from tests.matrix.talk import Ask, InBand, Request, Said


class Completions:
    name = "completions"
    tools = False

    def request(self, ask: Ask) -> Request:
        body: dict[str, Any] = {"model": ask.model, "prompt": ask.turns[-1].text, "max_tokens": ask.cap}
        if ask.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return Request("/v1/completions", body)

    def whole(self, body: bytes) -> Said:
        return _said([json.loads(body)])

    def streamed(self, body: bytes) -> Said:
        found = sse.frames(body)
        if isinstance(found[-1], dict) and "error" in found[-1]:
            raise InBand(found[-1]["error"]["message"])
        assert found[-1] == "[DONE]"
        return _said([frame for frame in found[:-1] if isinstance(frame, dict)])

    def error(self, status: int, body: bytes) -> str:
        inner = json.loads(body)["error"]
        assert {"message", "type", "param", "code"} <= set(inner)
        return str(inner["message"])


def _said(chunks: list[dict[str, Any]]) -> Said:
    assert {chunk["object"] for chunk in chunks} == {"text_completion"}
    text, finish, usage = "", "", {}
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        for choice in chunk["choices"]:
            text += choice["text"]
            finish = choice.get("finish_reason") or finish
    return Said(
        text, finish=finish, input_tokens=usage["prompt_tokens"], output_tokens=usage["completion_tokens"]
    )
