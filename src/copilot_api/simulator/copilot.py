"""Copilot's side: what is refused and why, and the answer (upstream.md 2.2, 3, 4, 7, 8)."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import Any

from copilot_api.simulator import conversation, embeddings, responses, seals, vendors
from copilot_api.simulator import messages as messages_leg
from copilot_api.simulator.models import model_list
from copilot_api.simulator.refusals import error, plain
from copilot_api.simulator.state import Billed, Recorded, State

INTEGRATIONS = ("vscode-chat", "copilot-developer-cli")
CREATED = 1795390000
BYTES_PER_TOKEN = 4


@dataclass(slots=True)
class Copilot:
    """Answers calls of the Copilot API."""

    state: State
    models: list[dict[str, Any]] = field(default_factory=model_list)

    def check_headers(self, call: Recorded) -> None:
        """Raise :class:`Refused` for what the real front door refuses."""
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise plain(401, "unauthorized: missing token")
        expires = self.state.tokens.get(token)
        if expires is None or self.state.clock() >= expires:
            raise plain(401, "unauthorized: token expired")
        if "editor-version" not in call.headers:
            raise plain(400, "bad request: missing Editor-Version header for IDE auth")
        if call.headers.get("copilot-integration-id") not in INTEGRATIONS:
            raise error(400, "The requested model is not supported.", "model_not_supported")

    def generate(self, call: Recorded) -> tuple[vendors.Reply, bool]:
        """Return the reply and whether it is to be streamed. Raises :class:`Refused`."""
        asked = _object(call.body)
        model = self._model(asked.get("model"), "chat")
        endpoints = model.get("supported_endpoints") or ["/chat/completions"]
        if call.path not in endpoints:
            message = f'model "{model["id"]}" is not accessible via the {call.path} endpoint'
            raise error(400, message, "unsupported_api_for_model")
        if call.path == "/responses":
            request = responses.read(asked, model)
        elif call.path == "/v1/messages":
            request = messages_leg.read(asked, model, call.headers)
        else:
            request = _chat(asked, model)
        messages = request["messages"]
        if _has_picture(messages):
            if "vision" not in model["capabilities"]["supports"]:
                raise error(400, "this model does not support images", "invalid_request_body")
            if call.headers.get("copilot-vision-request") != "true":
                raise plain(400, "missing required Copilot-Vision-Request header for vision requests")
        reply = vendors.Reply(
            answer=conversation.decide(request),
            model=model["id"],
            vendor=model["vendor"],
            cost=self._cost(call, request, model),
            created=CREATED,
        )
        self._bill(call, reply)
        return reply, bool(asked.get("stream"))

    def embed(self, call: Recorded) -> dict[str, Any]:
        """Return the body of an embeddings answer. Raises :class:`Refused`."""
        request = _object(call.body)
        model = self._model(request.get("model"), "embeddings")
        texts = request.get("input")
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise error(400, "input must be an array of strings", "invalid_request_body")
        if len(texts) > 512:
            raise error(400, "too many inputs", "invalid_request_body")
        wanted = request.get("dimensions")
        return embeddings.answer(
            model["id"], texts, wanted if isinstance(wanted, int) and wanted > 0 else 256
        )

    def _model(self, name: Any, kind: str) -> dict[str, Any]:
        for model in self.models:
            if model["id"] == name:
                disabled = model.get("policy", {}).get("state") == "disabled"
                if model["capabilities"]["type"] == kind and not disabled:
                    return model
        raise error(400, "The requested model is not supported.", "model_not_supported", param="model")

    def _cost(self, call: Recorded, request: dict[str, Any], model: dict[str, Any]) -> vendors.Cost:
        pictures = sum(len(url) for url in _picture_urls(request.get("messages")))
        tokens = max(1, (len(call.body) - pictures) // BYTES_PER_TOKEN)
        limit = model["capabilities"]["limits"]["max_prompt_tokens"]
        if tokens > limit:
            message = f"prompt token count of {tokens} exceeds the limit of {limit}"
            raise error(400, message, "model_max_prompt_tokens_exceeded")
        cached, digest = 0, 0
        for message_value in request["messages"]:
            text = json.dumps(message_value)
            digest = zlib.crc32(text.encode(), digest)
            if digest in self.state.seen_prefixes:
                cached += len(text) // BYTES_PER_TOKEN
            self.state.seen_prefixes.add(digest)
        answer = conversation.decide(request)
        made = len(answer.text) + sum(len(json.dumps(each.arguments)) for each in answer.calls)
        return vendors.Cost(tokens, min(cached, tokens), max(1, made // BYTES_PER_TOKEN))

    def _bill(self, call: Recorded, reply: vendors.Reply) -> None:
        cost = reply.cost
        # As the answers tell it (upstream.md 4.4): GPT's always, Claude's own format when it streams.
        told = reply.family == "gpt"
        if call.path == "/v1/messages":
            told = b'"stream":true' in call.body.replace(b" ", b"")
        self.state.bill(
            Billed(
                request_id=call.headers.get("x-request-id", ""),
                model=reply.model,
                input_tokens=cost.input,
                cached_tokens=cost.cached,
                output_tokens=cost.output,
                nano_aiu=cost.nano_aiu if told else None,
                initiator=call.headers.get("x-initiator", ""),
            )
        )


def _chat(request: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise error(400, "messages: at least one is required", "invalid_request_body")
    _check_tools(request.get("tools") or (), request.get("tool_choice"))
    effort = request.get("reasoning_effort")
    efforts = model["capabilities"]["supports"].get("reasoning_effort", ())
    if effort is not None and effort not in efforts:
        message = f'reasoning effort "{effort}" is not supported by model {model["id"]}'
        raise error(400, message, "invalid_reasoning_effort")
    for message in messages:
        carrier = message.get("reasoning_opaque") if isinstance(message, dict) else None
        if carrier is not None and not seals.fits(carrier, "chat", model["id"]):
            raise error(400, "reasoning_opaque could not be verified", "invalid_request_body")
    return request


def _check_tools(tools: Any, choice: Any) -> None:
    listed = tools if isinstance(tools, (list, tuple)) else ()
    functions = [tool.get("function") for tool in listed if isinstance(tool, dict)]
    if (
        listed is not tools
        or len(functions) != len(listed)
        or any(f is not None and not isinstance(_member(f, "name"), str) for f in functions)
        or (isinstance(choice, dict) and not isinstance(choice.get("function", {}), dict))
    ):
        raise error(400, "tools: each needs a function with a name", "invalid_request_body")


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        raise plain(400, "failed to parse request") from None
    if not isinstance(value, dict):
        raise plain(400, "failed to parse request")
    return value


def _picture_urls(messages: Any) -> list[str]:
    urls = []
    for message in messages if isinstance(messages, list) else []:
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else []:
            if isinstance(part, dict) and part.get("type") == "image_url":
                image = part.get("image_url")
                urls.append(str(image.get("url", "")) if isinstance(image, dict) else str(image))
    return urls


def _has_picture(messages: list[Any]) -> bool:
    return bool(_picture_urls(messages))
