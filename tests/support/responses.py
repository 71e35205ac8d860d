"""Responses requests and streams for tests, in as few words as possible."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from copilot_api.engine.interfaces import AnswerPlan, Dialect, Leg, RequestPlan, StreamEnd, StreamPlan
from copilot_api.engine.reference.translation import ReferenceTranslation
from copilot_api.engine.reference.validation import ReferenceValidation

TRANSLATION = ReferenceTranslation()
VALIDATION = ReferenceValidation()
FIXTURES = Path(__file__).parents[1] / "fixtures"
MODEL = "gpt-5.4"


def recordings() -> dict[str, dict[str, Any]]:
    """Every recorded Responses request of a real client, by client and number."""
    found = {}
    for path in sorted((FIXTURES / "clients").glob("*/*.json")):
        entry = json.loads(path.read_text(encoding="utf-8"))
        if entry["method"] == "POST" and entry["path"] == "/v1/responses":
            found[f"{path.parent.name}-{path.stem}"] = entry["body"]
    for name in ("request_codex", "request_official"):
        body = (FIXTURES / f"upstream/responses/{name}.json").read_text(encoding="utf-8")
        found[name] = json.loads(body)
    return found


def facts(request: dict[str, Any]) -> Any:
    return VALIDATION.inspect(json.dumps(request).encode(), "responses")


def sent(request: dict[str, Any], dialect: Dialect, leg: Leg, **plan: Any) -> tuple[dict[str, Any], Any]:
    """What goes upstream, and the translated request."""
    plan.setdefault("target", MODEL)
    made = TRANSLATION.request(json.dumps(request).encode(), RequestPlan(dialect, leg, **plan))
    value: dict[str, Any] = json.loads(made.body)
    return value, made


def streamed(
    raw: bytes,
    dialect: Dialect,
    leg: Leg,
    end: StreamEnd = "end",
    *,
    step: int = 0,
    context: bytes = b"",
    reasoning: bool = True,
) -> tuple[bytes, Any]:
    """Run a whole stream; return what the client gets, and the translator."""
    plan = StreamPlan(dialect, leg, 5, reasoning, model=MODEL, context=context)
    translator = TRANSLATION.stream(plan)
    size = step or max(1, len(raw))
    out = b"".join(translator.feed(raw[at : at + size]) for at in range(0, len(raw), size))
    return out + translator.finish(end), translator


def answered(answer: Any, dialect: Dialect, leg: Leg, context: bytes = b"") -> dict[str, Any]:
    """A whole answer for a client."""
    plan = AnswerPlan(dialect, leg, reasoning=True, model=MODEL, context=context)
    made = TRANSLATION.answer(json.dumps(answer).encode(), plan)
    value: dict[str, Any] = json.loads(made.body)
    return value


def sse(*frames: dict[str, Any]) -> bytes:
    """Responses events as a stream."""
    return b"".join(
        f"event: {frame['type']}\ndata: {json.dumps(frame, ensure_ascii=False)}\n\n".encode()
        for frame in frames
    )


def frames(stream: bytes) -> list[dict[str, Any]]:
    """The data of each event, whose name must be the one that its data says."""
    found = []
    for block in stream.decode().split("\n\n"):
        lines = block.split("\n")
        data = [line[6:] for line in lines if line.startswith("data: ")]
        if data:
            frame = json.loads(data[0])
            assert lines[0] == f"event: {frame['type']}"
            found.append(frame)
    return found
