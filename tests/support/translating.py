"""Requests and answers through a translation of any pair, in as few words as possible."""

from __future__ import annotations

import json
from typing import Any

from copilot_api.engine.interfaces import AnswerPlan, Dialect, Leg, RequestPlan, StreamPlan
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import (
    Answer,
    AnswerContext,
    AnswerEvent,
    Conversation,
    Decoded,
    Finish,
    Start,
)
from copilot_api.engine.reference.formats import part
from copilot_api.engine.reference.translation import ReferenceTranslation

TRANSLATION = ReferenceTranslation()
START = Start("id-1", "model-1", None, 1795390000)


def bytes_of(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def decoded(request: Any, dialect: Dialect, leg: Leg = "responses", **plan: Any) -> Decoded:
    """What a dialect's ``decode_request`` reads."""
    value = jsontext.loads(bytes_of(request))
    made: Decoded = part(dialect, "decode_request").decode_request(value, RequestPlan(dialect, leg, **plan))
    return made


def encoded(
    conversation: Conversation, leg: Leg, dialect: Dialect = "responses", **plan: Any
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What a leg's ``encode_request`` writes, and its rewrites."""
    request, rewrites = part(leg, "encode_request").encode_request(
        conversation, RequestPlan(dialect, leg, **plan)
    )
    value: dict[str, Any] = json.loads(jsontext.dumps(request))
    return value, rewrites


def translated(request: Any, dialect: Dialect, leg: Leg, **plan: Any) -> tuple[dict[str, Any], Any]:
    """A request through the whole translation: the body as a value, and what was made."""
    made = TRANSLATION.request(bytes_of(request), RequestPlan(dialect, leg, **plan))
    value: dict[str, Any] = json.loads(made.body)
    return value, made


def answered(
    answer: Answer, dialect: Dialect, context: AnswerContext | None = None, *, reasoning: bool = True
) -> dict[str, Any]:
    """What a dialect's ``encode_answer`` writes."""
    plan = AnswerPlan(dialect, "responses", reasoning=reasoning)
    made = part(dialect, "encode_answer").encode_answer(answer, plan, context or AnswerContext())
    value: dict[str, Any] = json.loads(jsontext.dumps(made))
    return value


def streamed(
    dialect: Dialect,
    *events: AnswerEvent,
    finish: str | None = "stop",
    usage: Any = None,
    context: AnswerContext | None = None,
    reasoning: bool = True,
    start: AnswerEvent | None = START,
) -> str:
    """What a dialect's ``StreamEncoder`` writes for events; no finish is a failure."""
    plan = StreamPlan(dialect, "responses", reasoning=reasoning)
    encoder = part(dialect, "encode_stream").StreamEncoder(plan, context or AnswerContext())
    out: str = encoder.events([start]) if start else ""
    for event in events:
        out += encoder.events([event])
    if finish is None:
        return out + str(encoder.fail("it broke", "server_error"))
    return out + str(encoder.finish(Finish(finish), usage))


def chunks(stream: str) -> list[dict[str, Any]]:
    """The JSON objects of an SSE stream, or of lines; end marks and comments left out."""
    lines = [line.removeprefix("data: ") for line in stream.split("\n")]
    return [json.loads(line) for line in lines if line.startswith("{")]
