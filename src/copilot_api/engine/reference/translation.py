"""Requests, whole answers and streams between a dialect and a leg: the reference of `translation`.

A dialect over its own leg is relayed with repairs; every other pair goes through the canonical model.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from copilot_api.engine.interfaces import (
    AnswerPlan,
    InvalidRequest,
    RequestBody,
    RequestPlan,
    StreamPlan,
    StreamTranslator,
    TranslatedAnswer,
    TranslatedRequest,
    UnusableAnswer,
)
from copilot_api.engine.reference import carriers, context, jsontext, orphans, sse, tool_names
from copilot_api.engine.reference.canonical import Answer, AnswerContext, Reasoning, Text, ToolCall
from copilot_api.engine.reference.formats import UnsupportedPair, part
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.streams import RelayedStream, TranslatedStream

__all__ = ["ReferenceTranslation", "UnsupportedPair"]


class ReferenceTranslation:
    """See :class:`copilot_api.engine.interfaces.Translation`."""

    def request(self, body: RequestBody, plan: RequestPlan) -> TranslatedRequest:
        """Return the body for upstream."""
        body = bytes(body)
        if plan.dialect == "embeddings":
            return _embeddings_request(body, plan)
        if plan.leg == "embeddings":
            return _foreign_embeddings_request(body, plan)
        if plan.dialect == plan.leg:
            translated: TranslatedRequest = part(plan.leg, "relay").request(body, plan)
            return translated
        decoded = part(plan.dialect, "decode_request").decode_request(jsontext.loads(body), plan)
        conversation, mended = orphans.repair(decoded.conversation)
        conversation, names, renamed = tool_names.fit(conversation)
        if plan.model is not None:
            conversation = replace(conversation, model=plan.model)
        request, changes = part(plan.leg, "encode_request").encode_request(conversation, plan)
        return TranslatedRequest(
            jsontext.encode(jsontext.dumps(request)),
            tuple(dict.fromkeys((*decoded.rewrites, *mended, *renamed, *changes))),
            context.write(replace(decoded.context, names=names)),
        )

    def answer(self, body: bytes, plan: AnswerPlan) -> TranslatedAnswer:
        """Return the body for the client."""
        value = _answer_json(body)
        if plan.dialect == "embeddings":
            return _embeddings_answer(body, value)
        if plan.leg == "embeddings":
            return _foreign_embeddings_answer(value, plan)
        if plan.dialect == plan.leg:
            relay = part(plan.leg, "relay")
            repaired, changed = relay.answer(value)
            usage, reason, model = relay.answer_facts(repaired)
            out = jsontext.encode(jsontext.dumps(repaired)) if changed else body
        else:
            answer: Answer = part(plan.leg, "decode_answer").decode_answer(value)
            known = context.read(plan.context)
            encoded = part(plan.dialect, "encode_answer").encode_answer(
                _passed(answer, plan, known.names), plan, known
            )
            usage, reason, model = answer.usage, answer.finish.reason if answer.finish else "", answer.model
            out = jsontext.encode(jsontext.dumps(encoded))
        return TranslatedAnswer(
            out, usage, jsontext.well_formed(reason) or None, jsontext.well_formed(model) or None
        )

    def answer_as_stream(self, body: bytes, plan: StreamPlan) -> bytes:
        """Return a whole stream for a JSON answer."""
        translator = self.stream(plan)
        out = b"".join(
            translator.feed(sse.write(jsontext.encode(jsontext.dumps(frame)), event=name))
            for name, frame in part(plan.leg, "replay").frames_of(_answer_json(body))
        )
        return out + translator.finish("end")

    def stream(self, plan: StreamPlan) -> StreamTranslator:
        """Return a fresh translator."""
        return RelayedStream(plan) if plan.dialect == plan.leg else TranslatedStream(plan)


def _passed(answer: Answer, plan: AnswerPlan, names: dict[str, str]) -> Answer:
    """Return the answer as it may pass the border of its format: the client's tool names, tagged carriers."""
    blocks: list[Text | Reasoning | ToolCall] = []
    for block in answer.blocks:
        if isinstance(block, ToolCall):
            blocks.append(replace(block, name=names.get(block.name, block.name)))
        elif isinstance(block, Reasoning) and block.carrier:
            blocks.append(replace(block, carrier=carriers.tag(block.carrier, plan.leg, plan.model)))
        else:
            blocks.append(block)
    return replace(answer, blocks=tuple(blocks), created=answer.created or plan.now or None)


def _embeddings_request(body: bytes, plan: RequestPlan) -> TranslatedRequest:
    text = jsontext.decode(body)
    rewrites: tuple[str, ...] = ()
    if isinstance(jsontext.loads(body), dict):
        edited = text
        if plan.model is not None:
            edited = jsontext.replace_value(edited, "model", jsontext.dumps(plan.model))
        for member in jsontext.members(edited):
            value = edited[member.value_start : member.end]
            if member.key == "input" and value.startswith('"'):
                edited = jsontext.replace_value(edited, "input", f"[{value}]")
                rewrites = ("input put into a list",)
                break
        if edited != text:
            return TranslatedRequest(edited.encode("utf-8"), rewrites)
    return TranslatedRequest(body)


def _embeddings_answer(body: bytes, value: Any) -> TranslatedAnswer:
    if not isinstance(value, dict) or "data" not in value:
        raise UnusableAnswer("upstream answered without embeddings")
    if "object" not in value:
        body = jsontext.encode(jsontext.dumps({"object": "list", **value}))
    return TranslatedAnswer(body, frames.usage_of(value), None)


def _foreign_embeddings_request(body: bytes, plan: RequestPlan) -> TranslatedRequest:
    value = jsontext.loads(body)
    embed = part(plan.dialect, "embed")
    batch: bool = embed.is_batch(value)
    made = embed.to_embeddings(value, plan.model or plan.target, batch)
    known = AnswerContext(echo={"batch": True} if batch else {})
    return TranslatedRequest(jsontext.encode(jsontext.dumps(made)), (), context.write(known))


def _foreign_embeddings_answer(value: Any, plan: AnswerPlan) -> TranslatedAnswer:
    batch = "batch" in context.read(plan.context).echo
    made = part(plan.dialect, "embed").from_embeddings(value, batch)
    return TranslatedAnswer(jsontext.encode(jsontext.dumps(made)), frames.usage_of(value), None)


def _answer_json(body: bytes) -> Any:
    try:
        return jsontext.loads(body)
    except InvalidRequest:
        raise UnusableAnswer("upstream answered with something that is not JSON") from None
