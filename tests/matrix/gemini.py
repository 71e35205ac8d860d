"""Google's Generative Language API (upstream.md 10.4)."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.matrix import sse
from tests.matrix.talk import Ask, Call, InBand, Request, Said, Turn


class Gemini:
    name = "gemini"
    tools = True

    def request(self, ask: Ask) -> Request:
        config: dict[str, Any] = {"maxOutputTokens": ask.cap}
        body: dict[str, Any] = {
            "contents": [_content(turn) for turn in ask.turns],
            "generationConfig": config,
        }
        if ask.system:
            body["systemInstruction"] = {"parts": [{"text": ask.system}]}
        if ask.tools:
            declared = [{"name": tool.name, "parametersJsonSchema": tool.parameters} for tool in ask.tools]
            body["tools"] = [{"functionDeclarations": declared}]
        if ask.schema:
            config |= {"responseMimeType": "application/json", "responseJsonSchema": ask.schema}
        if ask.reasoning:
            config["thinkingConfig"] = {"includeThoughts": True, "thinkingLevel": "HIGH"}
        verb = "streamGenerateContent?alt=sse" if ask.stream else "generateContent"
        return Request(f"/v1beta/models/{ask.model}:{verb}", body, {"x-goog-api-key": "dummy"})

    def whole(self, body: bytes) -> Said:
        return _said([json.loads(body)])

    def streamed(self, body: bytes) -> Said:
        found = [frame for frame in sse.frames(body) if isinstance(frame, dict)]
        if "error" in found[-1]:
            assert found[-1]["error"]["message"]
            assert found[-1]["error"]["status"]
            raise InBand(found[-1]["error"]["message"])
        return _said(found)

    def error(self, status: int, body: bytes) -> str:
        inner = json.loads(body)["error"]
        assert inner["code"] == status
        assert inner["status"].isupper()
        return str(inner["message"])


def _content(turn: Turn) -> dict[str, Any]:
    if turn.said is not None:
        return turn.said.raw or {"role": "model", "parts": [{"text": turn.text}]}
    if turn.results:
        parts: list[dict[str, Any]] = [
            {"functionResponse": {"name": call.name, "response": {"output": text}}}
            for call, text in turn.results
        ]
        return {"role": "user", "parts": parts}
    parts = [{"text": turn.text}]
    if turn.picture is not None:
        # The SDKs write the URL-safe alphabet.
        data = base64.urlsafe_b64encode(turn.picture).decode()
        parts.append({"inlineData": {"mimeType": "image/png", "data": data}})
    return {"role": "user", "parts": parts}


def _said(chunks: list[dict[str, Any]]) -> Said:
    parts: list[dict[str, Any]] = []
    reason, usage = "", {}
    for chunk in chunks:
        usage = chunk.get("usageMetadata") or usage
        for candidate in chunk.get("candidates", []):
            assert candidate["index"] == 0
            parts += candidate.get("content", {}).get("parts", [])
            reason = candidate.get("finishReason") or reason
    calls = tuple(
        Call(part["functionCall"].get("id", ""), part["functionCall"]["name"], part["functionCall"]["args"])
        for part in parts
        if "functionCall" in part
    )
    for part in parts:
        if "thoughtSignature" in part:
            base64.b64decode(part["thoughtSignature"], validate=True)
    texts = [part for part in parts if "text" in part]
    return Said(
        text="".join(part["text"] for part in texts if not part.get("thought")),
        reasoning="".join(part["text"] for part in texts if part.get("thought")),
        calls=calls,
        finish={"STOP": "tools" if calls else "stop", "MAX_TOKENS": "length"}[reason],
        input_tokens=usage.get("promptTokenCount", 0),
        output_tokens=usage.get("candidatesTokenCount", 0),
        raw={"role": "model", "parts": parts},
    )
