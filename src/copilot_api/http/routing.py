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


@record
class Route:
    """One endpoint. `dialect` is the one its errors are written in."""

    method: str
    paths: tuple[str, ...]
    handler: Handler
    dialect: Dialect = "chat"


class Router:
    """A table of routes. A known path with another method is not found, as in 0.7.0."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self._table = {(route.method, path): route for route in routes for path in route.paths}
        self._dialects = {path: route.dialect for route in routes for path in route.paths}

    def find(self, method: str, path: str) -> Route | None:
        """Return the route; HEAD is served by the GET route."""
        return self._table.get(("GET" if method == "HEAD" else method, path))

    def dialect_of(self, path: str) -> Dialect:
        """Return the dialect for errors on a path, also one that is not found."""
        if path in self._dialects:
            return self._dialects[path]
        return "messages" if path.startswith("/v1/messages") else "chat"


def simple(handler: Callable[[Request, RequestBody], Awaitable[Response]]) -> Handler:
    """Make a handler of a coroutine function that holds nothing while its response is sent."""

    async def handle(request: Request, body: RequestBody, respond: Respond) -> None:
        await respond(await handler(request, body))

    return handle
