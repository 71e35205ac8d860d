"""Ollama's endpoints below ``/api`` (upstream.md 10.5)."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Awaitable
from typing import Any

from copilot_api.engine.interfaces import RequestBody
from copilot_api.gateway.allowed import Allowed
from copilot_api.gateway.catalog import Model, ModelCatalog
from copilot_api.gateway.errors import BadRequest, UnknownModel
from copilot_api.gateway.pipeline import Pipeline
from copilot_api.gateway.plan import Planner
from copilot_api.gateway.routing import legs_of
from copilot_api.http import hints
from copilot_api.http.asgi import PlainResponse, Request, Response, json_response
from copilot_api.http.routes.generation import cache_control, delivery
from copilot_api.http.routing import Handler, Respond, Route, simple

VERSION = "0.12.6"
"""The Ollama whose API this is; VS Code refuses those before 0.6.4."""
_LOADS = 4096
"""Bytes of a request that may be one without a prompt, which only loads the model."""
_EPOCH = "1970-01-01T00:00:00Z"


def routes(pipeline: Pipeline, catalog: ModelCatalog) -> tuple[Route, ...]:
    """Return the routes."""
    models = _Models(catalog, pipeline.planner, pipeline.allowed)
    chat = _generate(pipeline)
    embed = _embed(pipeline)
    return (
        Route("POST", ("/api/chat", "/api/generate"), chat, "ollama"),
        Route("POST", ("/api/embed", "/api/embeddings"), embed, "ollama"),
        Route("GET", ("/api/tags",), simple(models.tags), "ollama"),
        Route("POST", ("/api/show",), simple(models.show), "ollama"),
        Route("GET", ("/api/ps",), simple(models.running), "ollama"),
        Route("GET", ("/api/version",), simple(_version), "ollama"),
    )


def _generate(pipeline: Pipeline) -> Handler:
    def handle(request: Request, body: RequestBody, respond: Respond) -> Awaitable[None]:
        if len(body) <= _LOADS and (loaded := _loading(bytes(body), request.path)) is not None:
            return respond(loaded)
        said = hints.addressed(request, framing="lines")
        wish = cache_control(request) if pipeline.caches else None
        return pipeline.generate("ollama", body, delivery(respond), request.caller, said, cache_control=wish)

    return handle


def _embed(pipeline: Pipeline) -> Handler:
    def handle(request: Request, body: RequestBody, respond: Respond) -> Awaitable[None]:
        said = hints.addressed(request, stream=False, embeds=True)
        wish = cache_control(request) if pipeline.caches else None
        return pipeline.generate("ollama", body, delivery(respond), request.caller, said, cache_control=wish)

    return handle


def _loading(body: bytes, path: str) -> PlainResponse | None:
    """Return the answer to a request without a prompt: there is nothing to load."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not isinstance(value.get("model"), str):
        return None
    chats = path.endswith("/chat")
    if value.get("messages" if chats else "prompt") or value.get("images"):
        return None
    said: dict[str, Any] = {"message": {"role": "assistant", "content": ""}} if chats else {"response": ""}
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    reason = "unload" if value.get("keep_alive") in (0, "0", "0s") else "load"
    answer = {"model": value["model"], "created_at": now, **said, "done": True, "done_reason": reason}
    response = json_response(200, answer)
    if value.get("stream", True) is False:
        return response
    return PlainResponse(200, response.content + b"\n", (("content-type", "application/x-ndjson"),))


class _Models:
    """The account's models as Ollama tells of its own."""

    def __init__(self, catalog: ModelCatalog, planner: Planner, allowed: Allowed) -> None:
        self._catalog = catalog
        self._planner = planner
        self._allowed = allowed

    async def tags(self, request: Request, _body: object) -> Response:
        """List them."""
        models = self._allowed.listed(request.caller, self._catalog.models)
        return json_response(200, {"models": [_tag(model) for model in models if _usable(model)]})

    async def running(self, _request: Request, _body: object) -> Response:
        """List those in memory: all are elsewhere."""
        return json_response(200, {"models": []})

    async def show(self, request: Request, body: RequestBody) -> Response:
        """Tell of one. Raises :class:`UnknownModel`."""
        try:
            value = json.loads(bytes(body))
        except (ValueError, RecursionError):
            value = None
        named = value.get("model") or value.get("name") if isinstance(value, dict) else None
        if not isinstance(named, str) or not named:
            raise BadRequest(400, "model: must be a model name", param="model")
        model = self._planner.resolve(named).model
        if model is None or not _usable(model) or not self._allowed.allows(request.caller, model.id):
            raise UnknownModel(named, f'model "{named[:200]}" not found')
        return json_response(200, _shown(model))


async def _version(_request: Request, _body: object) -> Response:
    return json_response(200, {"version": VERSION})


def _usable(model: Model) -> bool:
    return bool(legs_of(model)) and not model.disabled


def _tag(model: Model) -> dict[str, Any]:
    return {
        "name": model.id,
        "model": model.id,
        "modified_at": _EPOCH,
        "size": 0,
        "digest": _digest(model.id),
        "details": _details(model),
        "capabilities": _capabilities(model),
    }


def _details(model: Model) -> dict[str, Any]:
    family = model.id.partition("-")[0]
    return {
        "parent_model": "",
        "format": "remote",
        "family": family,
        "families": [family],
        "parameter_size": "",
        "quantization_level": "",
    }


def _capabilities(model: Model) -> list[str]:
    if model.kind == "embeddings":
        return ["embedding"]
    traits = model.traits
    found = ["completion"]
    if traits.tool_calls:
        found.append("tools")
    if traits.vision:
        found.append("vision")
    if traits.reasoning_effort or traits.adaptive_thinking or traits.max_thinking_budget:
        found.append("thinking")
    return found


def _shown(model: Model) -> dict[str, Any]:
    family = model.id.partition("-")[0]
    facts: dict[str, Any] = {"general.architecture": family, "general.basename": model.name or model.id}
    context = model.context_window or model.max_prompt_tokens
    if context is not None:
        facts[f"{family}.context_length"] = context
    return {
        "modelfile": f"FROM {model.id}\n",
        "parameters": "",
        "template": "{{ .Prompt }}",
        "details": _details(model),
        "model_info": facts,
        "capabilities": _capabilities(model),
        "modified_at": _EPOCH,
    }


def _digest(name: str) -> str:
    """Return 64 hex digits that stay the same for a name; no hash module, which would take 3.6 MB."""
    return "".join(f"{zlib.crc32(name.encode(), seed):08x}" for seed in range(8))
