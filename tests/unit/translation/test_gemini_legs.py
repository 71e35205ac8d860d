"""Google's clients over every leg: answers are whole, and reasoning finds its way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from copilot_api.engine.interfaces import Leg, RequestPlan, StreamPlan
from copilot_api.engine.reference import jsontext
from tests.support.chat import TRANSLATION
from tests.support.gemini import THOUGHTS, asked, chunks, parts, response

FIXTURES = Path(__file__).parents[2] / "fixtures/upstream"
STREAMS = [
    (leg, path)
    for leg in ("chat", "messages", "responses")
    for path in sorted((FIXTURES / leg).glob("*.sse"))
]
REASONED: list[tuple[Leg, str, str]] = [
    ("chat", "gemini_tools", "reasoning_opaque"),
    ("chat", "claude_thinking", "reasoning_opaque"),
    ("messages", "thinking_tools", "signature"),
    ("messages", "redacted_thinking", "data"),
    ("responses", "text_ids_normalised", "encrypted_content"),
]


def streamed(leg: Leg, path: Path, model: str = "m") -> tuple[bytes, Any]:
    translator = TRANSLATION.stream(StreamPlan("gemini", leg, model=model, context=THOUGHTS))
    return translator.feed(path.read_bytes()) + translator.finish("end"), translator


def values(data: Any, name: str) -> list[Any]:
    """All values of a member, at any depth."""
    if isinstance(data, list):
        return [found for item in data for found in values(item, name)]
    if not isinstance(data, dict):
        return []
    own = [data[name]] if isinstance(data.get(name), str) and data[name] else []
    return own + [found for item in data.values() for found in values(item, name)]


@pytest.mark.parametrize(("leg", "path"), STREAMS, ids=lambda value: getattr(value, "stem", value))
def test_every_recorded_stream_is_a_whole_answer_or_an_error(leg: Leg, path: Path) -> None:
    out, translator = streamed(leg, path)
    if translator.refusal is not None:
        assert out == b""
        return
    *_, last = chunks(out)
    if "error" in last:
        assert translator.facts.error == last["error"]["message"]
    else:
        assert last["candidates"][0]["finishReason"]
    for part in parts(out):
        assert isinstance(part.get("functionCall", {}).get("args", {}), dict)


@pytest.mark.parametrize(("leg", "name", "member"), REASONED)
def test_reasoning_goes_back_to_its_leg_and_model_only(leg: Leg, name: str, member: str) -> None:
    path = FIXTURES / leg / f"{name}.sse"
    raw = [
        json.loads(line[6:]) for line in path.read_text(encoding="utf-8").split("\n") if line[:7] == "data: {"
    ]
    out, _ = streamed(leg, path)
    # gemini-cli keeps no thoughts and joins texts.
    kept = [part for part in parts(out) if not part.get("thought")]
    results = [
        response(part["functionCall"]["name"], {"output": "x"}) for part in kept if "functionCall" in part
    ]
    turns = [("model", *kept), ("user", *(results or ["go on"]))]
    request = json.dumps(asked("hi", *turns)).encode()
    sent = values(raw, member)
    assert sent

    def carried(model: str) -> list[Any]:
        made = TRANSLATION.request(request, RequestPlan("gemini", leg, model=model, target=model))
        return values(jsontext.loads(made.body), member)

    assert set(carried("m")) & set(sent)
    assert not set(carried("other")) & set(sent)
