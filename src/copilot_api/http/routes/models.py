"""``/models``: the account's models in the shape OpenAI and Anthropic clients read (compat.md 3.6)."""

from __future__ import annotations

from typing import Any

from copilot_api.gateway.catalog import Model, ModelCatalog
from copilot_api.http.asgi import Request, Response, json_response
from copilot_api.http.routing import Route, simple


def routes(catalog: ModelCatalog) -> tuple[Route, ...]:
    """Return the routes."""

    async def handle(_request: Request, _body: object) -> Response:
        data = [_entry(model) for model in catalog.models]
        return json_response(200, {"object": "list", "data": data, "has_more": False})

    return (Route("GET", ("/models", "/v1/models"), simple(handle)),)


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
