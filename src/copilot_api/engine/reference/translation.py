"""Requests, whole answers and streams between a dialect and a leg: the reference of `translation`."""

from __future__ import annotations

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
from copilot_api.engine.reference import jsontext, sse
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.chat.answer import normalise
from copilot_api.engine.reference.formats.chat.encode_request import encode_request
from copilot_api.engine.reference.formats.messages.decode_request import decode_request
from copilot_api.engine.reference.formats.messages.encode_answer import encode_answer
from copilot_api.engine.reference.streams import ChatToChat, ChatToMessages


class UnsupportedPair(ValueError):
    """No translation between this dialect and leg exists (yet)."""


class ReferenceTranslation:
    """See :class:`copilot_api.engine.interfaces.Translation`."""

    def request(self, body: RequestBody, plan: RequestPlan) -> TranslatedRequest:
        """Return the body for upstream."""
        body = bytes(body)
        if (plan.dialect, plan.leg) == ("embeddings", "embeddings"):
            return _embeddings_request(body, plan)
        if (plan.dialect, plan.leg) == ("chat", "chat"):
            return _chat_request(body, plan)
        if (plan.dialect, plan.leg) == ("messages", "chat"):
            return _messages_request(body, plan)
        raise UnsupportedPair(f"{plan.dialect} over {plan.leg}")

    def answer(self, body: bytes, plan: AnswerPlan) -> TranslatedAnswer:
        """Return the body for the client."""
        value = _answer_json(body)
        if plan.dialect == "embeddings":
            if not isinstance(value, dict) or "data" not in value:
                raise UnusableAnswer("upstream answered without embeddings")
            if "object" not in value:
                body = jsontext.encode(jsontext.dumps({"object": "list", **value}))
            return TranslatedAnswer(body, frames.usage_of(value), None)
        answer, changed = normalise(value)
        usage = frames.usage_of(answer)
        reason = jsontext.well_formed(frames.text(answer["choices"][0].get("finish_reason"))) or None
        model = jsontext.well_formed(frames.text(answer.get("model"))) or None
        if plan.dialect == "messages":
            message = encode_answer(answer, reasoning=plan.reasoning)
            body = jsontext.encode(jsontext.dumps(message))
        elif changed:
            body = jsontext.encode(jsontext.dumps(answer))
        return TranslatedAnswer(body, usage, reason, model)

    def answer_as_stream(self, body: bytes, plan: StreamPlan) -> bytes:
        """Return a whole stream for a JSON answer."""
        answer, _ = normalise(_answer_json(body))
        choice = answer["choices"][0]
        delta = dict(choice["message"])
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            delta["tool_calls"] = [
                {"index": jsontext.Number(str(number)), **frames.mapping(call)}
                for number, call in enumerate(calls)
            ]
        frame = {
            **{name: value for name, value in answer.items() if name != "choices"},
            "object": "chat.completion.chunk",
            "choices": [
                {
                    "index": jsontext.Number("0"),
                    "delta": delta,
                    "finish_reason": choice.get("finish_reason") or "stop",
                }
            ],
        }
        translator = self.stream(plan)
        out = translator.feed(sse.write(jsontext.encode(jsontext.dumps(frame))))
        return out + translator.finish("end")

    def stream(self, plan: StreamPlan) -> StreamTranslator:
        """Return a fresh translator."""
        if (plan.dialect, plan.leg) == ("chat", "chat"):
            return ChatToChat(plan)
        if (plan.dialect, plan.leg) == ("messages", "chat"):
            return ChatToMessages(plan)
        raise UnsupportedPair(f"{plan.dialect} over {plan.leg}")


def _chat_request(body: bytes, plan: RequestPlan) -> TranslatedRequest:
    text = jsontext.decode(body)
    rewrites: list[str] = []
    edited = text
    if plan.model is not None:
        edited = jsontext.replace_value(edited, "model", jsontext.dumps(plan.model))
    listed = {member.key: edited[member.value_start : member.end] for member in jsontext.members(edited)}
    cap = listed.get("max_tokens")
    if cap is None and plan.output_cap is not None and "max_completion_tokens" not in listed:
        edited = jsontext.append(edited, plan.cap_field, str(plan.output_cap))
    elif cap == "null":
        if plan.output_cap is None:
            edited = jsontext.remove(edited, "max_tokens")
            rewrites.append("dropped max_tokens, which was null")
        else:
            edited = jsontext.replace_value(edited, "max_tokens", str(plan.output_cap))
            edited = _rename_cap(edited, plan, rewrites)
    elif cap is not None:
        edited = _rename_cap(edited, plan, rewrites)
    return TranslatedRequest(body if edited == text else edited.encode("utf-8"), tuple(rewrites))


def _rename_cap(text: str, plan: RequestPlan, rewrites: list[str]) -> str:
    if plan.cap_field == "max_tokens":
        return text
    rewrites.append(f"max_tokens sent as {plan.cap_field}")
    return jsontext.rename(text, "max_tokens", plan.cap_field)


def _messages_request(body: bytes, plan: RequestPlan) -> TranslatedRequest:
    conversation, rewrites = decode_request(jsontext.loads(body), body)
    request = encode_request(conversation)
    if plan.model is not None:
        request["model"] = plan.model
    if plan.cap_field != "max_tokens" and "max_tokens" in request:
        request = {plan.cap_field if name == "max_tokens" else name: value for name, value in request.items()}
        rewrites += (f"max_tokens sent as {plan.cap_field}",)
    return TranslatedRequest(jsontext.encode(jsontext.dumps(request)), rewrites)


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


def _answer_json(body: bytes) -> Any:
    try:
        return jsontext.loads(body)
    except InvalidRequest:
        raise UnusableAnswer("upstream answered with something that is not JSON") from None
