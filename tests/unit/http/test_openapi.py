"""The OpenAPI document: it is what its tool writes, and it has every route and nothing else."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from copilot_api import Gateway
from copilot_api.http.routes import openapi
from copilot_api.version import VERSION

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = json.loads(openapi.FILE.read_text(encoding="utf-8"))
DIALECT_ERRORS = {
    "messages": "AnthropicError",
    "gemini": "GoogleError",
    "ollama": "OllamaError",
}


def operations() -> list[tuple[str, str, Any]]:
    return [
        (method.upper(), path, item[method])
        for path, item in DOCUMENT["paths"].items()
        for method in item
        if method != "parameters"
    ]


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        here = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return here + [found for each in value.values() for found in references(each)]
    return [found for each in value for found in references(each)] if isinstance(value, list) else []


def test_the_file_is_what_its_tool_writes() -> None:
    spec = importlib.util.spec_from_file_location("write_openapi", ROOT / "tools/write_openapi.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert openapi.FILE.read_text(encoding="utf-8") == module.text(), "run `make docs`"


async def test_every_route_is_in_it_and_nothing_else() -> None:
    async with Gateway(simulate=True) as gateway:
        router = gateway.app._router
        routes = {(route.method, path): route.dialect for (_, path), route in router._table.items()}
        routes |= {(route.method, "{model}".join(ends)): route.dialect for ends, route in router._patterns}
    # What the dashboard's page asks is its own affair and changes with it.
    routes = {place: dialect for place, dialect in routes.items() if not place[1].startswith("/dashboard/")}
    assert {(method, path) for method, path, _ in operations()} == set(routes)
    for method, path, operation in operations():
        wanted = DIALECT_ERRORS.get(routes[method, path], "OpenAIError")
        told = operation["responses"]["4XX"]["content"]["application/json"]["schema"]
        assert f"#/components/schemas/{wanted}" in references(told), path


def test_what_it_refers_to_is_there_and_used() -> None:
    found = set(references(DOCUMENT))
    for reference in found:
        place: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert place
    named = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert named <= found


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/completions"])
def test_what_streams_says_so(path: str) -> None:
    assert "text/event-stream" in DOCUMENT["paths"][path]["post"]["responses"]["200"]["content"]


async def test_it_is_served_with_this_version() -> None:
    sent: list[Any] = []

    async def respond(response: Any) -> None:
        sent.append(response)

    (route,) = openapi.routes()
    await route.handler(None, b"", respond)  # type: ignore[arg-type]
    served = json.loads(sent[0].content)
    assert served["info"]["version"] == VERSION
    assert {**served, "info": None} == {**DOCUMENT, "info": None}
