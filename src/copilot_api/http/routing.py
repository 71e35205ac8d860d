"""Which handler serves a method and a path: exact and case-sensitive, query ignored (compat.md 3.1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from copilot_api.engine.interfaces import Dialect, RequestBody
from copilot_api.http.asgi import Request, Response
from copilot_api.records import record

Respond = Callable[[Response], Awaitable[None]]
"""Sends a response; returns when it is sent."""

Handler = Callable[[Request, RequestBody, Respond], Awaitable[None]]
"""Takes the request and its body and responds; what it holds, it frees when it returns."""

PLACEHOLDER = "{}"

_UNKNOWN: tuple[tuple[str, Dialect], ...] = (
    ("/v1/messages", "messages"),
    ("/v1beta/", "gemini"),
    ("/v1alpha/", "gemini"),
    ("/api/", "ollama"),
)
"""Dialects of paths that nothing serves, by how they begin."""


@record
class Route:
    """One endpoint. `dialect` is the one its errors are written in.

    A path may hold one ``{}``, which stands for a part of it without a slash: `Request.parameter`.
    """

    method: str
    paths: tuple[str, ...]
    handler: Handler
    dialect: Dialect = "chat"


class Router:
    """A table of routes. A known path with another method is not found, as in 0.7.0."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        every = [(route, path) for route in routes for path in route.paths]
        self._table = {(route.method, path): route for route, path in every if PLACEHOLDER not in path}
        self._dialects = {path: route.dialect for route, path in every if PLACEHOLDER not in path}
        patterns = [(_split(path), route) for route, path in every if PLACEHOLDER in path]
        # The longest first: a plain parameter would swallow what ends in a word of its own.
        self._patterns = sorted(patterns, key=lambda pattern: -len("".join(pattern[0])))

    def find(self, request: Request) -> Route | None:
        """Return the route and note the path's parameter; HEAD is served by the GET route."""
        method = "GET" if request.method == "HEAD" else request.method
        found = self._table.get((method, request.path))
        if found is not None:
            return found
        for ends, route in self._patterns:
            if route.method == method and (parameter := _between(request.path, ends)):
                request.parameter = parameter
                return route
        return None

    def dialect_of(self, path: str) -> Dialect:
        """Return the dialect for errors on a path, also one that is not found."""
        if path in self._dialects:
            return self._dialects[path]
        for ends, route in self._patterns:
            if _between(path, ends):
                return route.dialect
        return next((dialect for prefix, dialect in _UNKNOWN if path.startswith(prefix)), "chat")


def _split(path: str) -> tuple[str, str]:
    prefix, _, suffix = path.partition(PLACEHOLDER)
    return prefix, suffix


def _between(path: str, ends: tuple[str, str]) -> str:
    prefix, suffix = ends
    if len(path) <= len(prefix) + len(suffix) or not (path.startswith(prefix) and path.endswith(suffix)):
        return ""
    found = path[len(prefix) : len(path) - len(suffix)]
    return "" if "/" in found else found


def simple(handler: Callable[[Request, RequestBody], Awaitable[Response]]) -> Handler:
    """Make a handler of a coroutine function that holds nothing while its response is sent."""

    async def handle(request: Request, body: RequestBody, respond: Respond) -> None:
        await respond(await handler(request, body))

    return handle
