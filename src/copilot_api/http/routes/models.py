"""``/models``: the account's models in the shape the asker reads (compat.md 3.6, clients.md 2).

OpenAI's and Anthropic's shape are one list, that of 0.7.0. Who says ``anthropic-version`` gets limits, pages
and the ``[1m]`` names too; who shows a key as Google's clients do gets Google's list.
"""

from __future__ import annotations

from typing import Any

from copilot_api.gateway.allowed import Allowed
from copilot_api.gateway.catalog import Model, ModelCatalog
from copilot_api.gateway.errors import BadRequest, UnknownModel
from copilot_api.gateway.plan import Planner
from copilot_api.gateway.routing import legs_of
from copilot_api.http.asgi import Request, Response, json_response
from copilot_api.http.routing import Route, simple

_LARGE = "-1m"
_VARIANT = "[1m]"
_MOST = 1000
"""Entries of one page, as at Anthropic and Google."""


def routes(catalog: ModelCatalog, planner: Planner, allowed: Allowed) -> tuple[Route, ...]:
    """Return the routes. Each key sees what it is good for."""
    lists = _Lists(catalog, planner, allowed)
    return (
        Route("GET", ("/models", "/v1/models"), simple(lists.every)),
        Route("GET", ("/models/{}", "/v1/models/{}"), simple(lists.one)),
        Route("GET", ("/v1beta/models", "/v1alpha/models"), simple(lists.every_google), "gemini"),
        Route("GET", ("/v1beta/models/{}", "/v1alpha/models/{}"), simple(lists.one_google), "gemini"),
    )


def asks_as_google(request: Request) -> bool:
    """Tell whether a client of Google's asks, on the paths that all share."""
    return request.header("x-goog-api-key") is not None or bool(request.query("key"))


def asks_as_anthropic(request: Request) -> bool:
    """Tell whether a client of Anthropic's asks."""
    return request.header("anthropic-version") is not None


class _Lists:
    def __init__(self, catalog: ModelCatalog, planner: Planner, allowed: Allowed) -> None:
        self._catalog = catalog
        self._planner = planner
        self._allowed = allowed

    async def every(self, request: Request, body: object) -> Response:
        if asks_as_google(request):
            return await self.every_google(request, body)
        models = self._listed(request)
        if asks_as_anthropic(request):
            return json_response(200, _anthropic_page([*map(_anthropic, models), *_large(models)], request))
        data = [_entry(model) for model in models]
        return json_response(200, {"object": "list", "data": data, "has_more": False})

    async def one(self, request: Request, body: object) -> Response:
        if asks_as_google(request):
            return await self.one_google(request, body)
        model = self._find(request)
        if asks_as_anthropic(request):
            return json_response(200, _anthropic(model, request.parameter))
        return json_response(200, _entry(model) | _limits(model))

    async def every_google(self, request: Request, _body: object) -> Response:
        models = [_google(model) for model in self._listed(request) if legs_of(model)]
        size = min(_number(request.query("pageSize"), "pageSize") or _MOST, _MOST)
        start = _number(request.query("pageToken"), "pageToken") or 0
        page: dict[str, Any] = {"models": models[start : start + size]}
        if start + size < len(models):
            page["nextPageToken"] = str(start + size)
        return json_response(200, page)

    async def one_google(self, request: Request, _body: object) -> Response:
        return json_response(200, _google(self._find(request)))

    def _listed(self, request: Request) -> tuple[Model, ...]:
        return self._allowed.listed(request.caller, self._catalog.models)

    def _find(self, request: Request) -> Model:
        name = request.parameter
        model = self._planner.resolve(name).model
        if model is None or not self._allowed.allows(request.caller, model.id):
            raise UnknownModel(name, f'model "{name[:200]}" not found')
        return model


def _entry(model: Model) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": model.id,
        "object": "model",
        "type": "model",
        "created": 0,
        "created_at": "1970-01-01T00:00:00.000Z",
    }
    if model.vendor is not None:
        entry["owned_by"] = model.vendor
    if model.name is not None:
        entry["display_name"] = model.name
    return entry


def _limits(model: Model) -> dict[str, Any]:
    limits = {
        "context_window": model.context_window,
        "max_prompt_tokens": model.max_prompt_tokens,
        "max_output_tokens": model.max_output_tokens,
    }
    return {name: value for name, value in limits.items() if value is not None}


def _anthropic(model: Model, name: str = "") -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "model",
        "id": name or model.id,
        "display_name": model.name or model.id,
        "created_at": "1970-01-01T00:00:00Z",
    }
    limits = {"max_input_tokens": model.max_prompt_tokens, "max_tokens": model.max_output_tokens}
    return entry | {key: value for key, value in limits.items() if value is not None}


def _large(models: tuple[Model, ...]) -> list[dict[str, Any]]:
    """Return the names by which Claude Code asks for a million tokens, of models that have such a variant."""
    listed = {model.id for model in models}
    return [
        _anthropic(model, model.id.removesuffix(_LARGE) + _VARIANT)
        for model in models
        if model.id.endswith(_LARGE) and model.id.removesuffix(_LARGE) in listed
    ]


def _anthropic_page(entries: list[dict[str, Any]], request: Request) -> dict[str, Any]:
    limit = min(_number(request.query("limit"), "limit") or _MOST, _MOST)
    ids = [entry["id"] for entry in entries]
    after, before = request.query("after_id"), request.query("before_id")
    start = ids.index(after) + 1 if after in ids else 0
    end = ids.index(before) if before in ids else len(entries)
    if before in ids and not after:
        start = max(0, end - limit)
    page = entries[start : min(end, start + limit)]
    return {
        "data": page,
        "has_more": start > 0 if before in ids and not after else start + limit < end,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
    }


def _google(model: Model) -> dict[str, Any]:
    embeds = model.kind == "embeddings"
    entry: dict[str, Any] = {
        "name": f"models/{model.id}",
        "baseModelId": model.id,
        "version": model.id,
        "displayName": model.name or model.id,
        "description": f"{model.name or model.id} of {model.vendor}" if model.vendor else "",
        "supportedGenerationMethods": ["embedContent", "batchEmbedContents"]
        if embeds
        else ["generateContent", "streamGenerateContent", "countTokens"],
    }
    limits = {"inputTokenLimit": model.max_prompt_tokens, "outputTokenLimit": model.max_output_tokens}
    entry |= {name: value for name, value in limits.items() if value is not None}
    traits = model.traits
    if traits.reasoning_effort or traits.adaptive_thinking or traits.max_thinking_budget:
        entry["thinking"] = True
    return entry


def _number(text: str, name: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise BadRequest(400, f"{name}: must be a number", param=name)
    return int(text)
