"""Which route serves a path, and what a pattern leaves open."""

from __future__ import annotations

from typing import Any

import pytest

from copilot_api.http.asgi import Request
from copilot_api.http.routing import Route, Router


async def nobody(_request: Any, _body: Any, _respond: Any) -> None:
    """Serve nothing."""


def route(method: str, path: str, dialect: Any = "chat") -> Route:
    return Route(method, (path,), nobody, dialect)


ROUTER = Router(
    (
        route("GET", "/v1/models"),
        route("GET", "/v1/models/{}"),
        route("POST", "/v1/models/{}:generateContent", "gemini"),
        route("POST", "/v1/models/{}:streamGenerateContent", "gemini"),
        route("POST", "/v1/messages", "messages"),
    )
)


def asked(method: str, path: str, query: bytes = b"") -> Request:
    scope = {"method": method, "path": path, "headers": [], "query_string": query}

    async def receive() -> Any:
        raise AssertionError

    return Request(scope, receive)


@pytest.mark.parametrize(
    ("method", "path", "parameter"),
    [
        ("GET", "/v1/models", ""),
        ("HEAD", "/v1/models", ""),
        ("GET", "/v1/models/gpt-4.1", "gpt-4.1"),
        ("GET", "/v1/models/a[1m]", "a[1m]"),
        ("POST", "/v1/models/gpt-4.1:generateContent", "gpt-4.1"),
        ("POST", "/v1/models/gpt-4.1:latest:generateContent", "gpt-4.1:latest"),
        ("POST", "/v1/models/x:streamGenerateContent", "x"),
    ],
)
def test_found(method: str, path: str, parameter: str) -> None:
    request = asked(method, path)
    assert ROUTER.find(request) is not None
    assert request.parameter == parameter


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/models"),
        ("GET", "/v1/models/"),
        ("GET", "/v1/models/a/b"),
        ("POST", "/v1/models/:generateContent"),
        ("POST", "/v1/models/a:predict"),
        ("DELETE", "/v1/models/a"),
        ("GET", "/V1/models/a"),
    ],
)
def test_not_found(method: str, path: str) -> None:
    assert ROUTER.find(asked(method, path)) is None


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/models/a:generateContent", "gemini"),
        ("/v1/messages", "messages"),
        ("/v1/messages/batches", "messages"),
        ("/v1beta/anything", "gemini"),
        ("/api/pull", "ollama"),
        ("/nope", "chat"),
    ],
)
def test_dialect_of_errors(path: str, dialect: str) -> None:
    assert ROUTER.dialect_of(path) == dialect


@pytest.mark.parametrize(
    ("query", "target", "key"),
    [
        (b"key=secret", "/p?key=***", "secret"),
        (b"alt=sse&key=a%2Fb", "/p?alt=sse&key=***", "a/b"),
        (b"monkey=1", "/p?monkey=1", ""),
        (b"key=", "/p?key=***", ""),
        (b"&".join([b"key=x"] * 200), "/p?" + "&".join(["key=***"] * 200), ""),
    ],
)
def test_a_key_in_the_query_is_read_and_not_shown(query: bytes, target: str, key: str) -> None:
    request = asked("GET", "/p", query)
    assert (request.target, request.query("key")) == (target, key)
