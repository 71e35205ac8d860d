"""The ASGI app: guard, route, run until done or the client is gone, errors in the client's dialect."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable
from typing import Protocol

from copilot_api.engine.interfaces import Dialect
from copilot_api.gateway.errors import BadRequest, GatewayError, NotAllowed
from copilot_api.http import guard
from copilot_api.http.asgi import (
    BodyTooLarge,
    BodyTooSlow,
    ClientDisconnected,
    Message,
    PlainResponse,
    Receive,
    Request,
    Scope,
    Send,
    text,
)
from copilot_api.http.errors import render
from copilot_api.http.routing import Route, Router
from copilot_api.settings import Settings

logger = logging.getLogger("copilot_api.http")

ALLOWED_METHODS = "GET,HEAD,PUT,POST,DELETE,PATCH"
"""What the preflight answer of 0.7.0 names (compat.md 3.1)."""


class RequestLog(Protocol):
    """Takes the two lines a request (compat.md 3.2)."""

    def arrived(self, method: str, target: str) -> None:
        """A request came in."""

    def answered(self, method: str, target: str, status: int, seconds: float) -> None:
        """Its answer began."""


class Application:
    """Serves the routes; made once, in `copilot_api.app`."""

    def __init__(
        self,
        routes: Iterable[Route],
        access: guard.Access,
        settings: Settings,
        request_log: RequestLog | None = None,
    ) -> None:
        self._router = Router(tuple(routes))
        self._access = access
        self._settings = settings
        self._log = request_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope of ASGI."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            raise NotImplementedError(f"no {scope['type']} here")

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        reply = _Reply(request, send, self._cors_headers(request), self._log)
        if self._log is not None:
            self._log.arrived(request.method, request.target)
        dialect = self._router.dialect_of(request.path)
        try:
            guard.check(request, self._access)
            if request.method == "OPTIONS":
                await _preflight(request)(scope, receive, reply)
                return
            route = self._router.find(request.method, request.path)
            if route is None:
                await text(404, "404 Not Found")(scope, receive, reply)
                return
            body = await self._body(request) if request.method == "POST" else b""
        except ClientDisconnected:
            return
        except GatewayError as error:
            await self._refuse(error, dialect, scope, receive, reply)
            return
        await _until_gone(self._run(route, request, body, scope, receive, reply), receive)

    async def _run(
        self, route: Route, request: Request, body: bytes, scope: Scope, receive: Receive, reply: _Reply
    ) -> None:
        try:
            async with route.handler(request, body) as response:
                await response(scope, receive, reply)
        except GatewayError as error:
            await self._refuse(error, route.dialect, scope, receive, reply)
        except Exception as error:
            # One request's failure is its own. Its text is not logged: it may quote a prompt.
            failed = RuntimeError(type(error).__name__).with_traceback(error.__traceback__)
            logger.error("internal error: %s", type(error).__name__, exc_info=failed)
            if reply.started:
                raise
            failure = GatewayError(500, "internal error of the gateway; its log says where", code="internal")
            await self._refuse(failure, route.dialect, scope, receive, reply)

    async def _body(self, request: Request) -> bytes:
        guard.check_json(request)
        try:
            return await request.body(self._settings.body_limit)
        except BodyTooLarge as error:
            raise BadRequest(413, str(error), code="request_too_large") from None
        except BodyTooSlow:
            raise BadRequest(408, "the request body did not arrive in time", code="timeout") from None

    async def _refuse(
        self, error: GatewayError, dialect: Dialect, scope: Scope, receive: Receive, reply: _Reply
    ) -> None:
        if reply.started:
            raise RuntimeError("an error came after the response had begun") from error
        level = logging.WARNING if error.status >= 500 else logging.INFO
        logger.log(level, "%s %s: %d %s", scope["method"], scope["path"], error.status, error.message)
        response = render(error, dialect, self._settings.error_style)
        if error.status in (408, 413, 415) or isinstance(error, NotAllowed):
            # The body was not read: the connection cannot be used again.
            response = PlainResponse(
                response.status,
                response.content,
                (("content-type", "application/json"), ("connection", "close"), *error.headers),
            )
        await response(scope, receive, reply)

    def _cors_headers(self, request: Request) -> tuple[tuple[str, str], ...]:
        origin = guard.allowed_origin(request, self._access)
        if origin is None:
            return ()
        return (("access-control-allow-origin", origin), ("vary", "Origin"))


class _Reply:
    """`send` that adds the CORS headers, writes the log line, and knows whether the response began."""

    __slots__ = ("_began", "_headers", "_log", "_request", "_send", "started")

    def __init__(
        self, request: Request, send: Send, headers: tuple[tuple[str, str], ...], log: RequestLog | None
    ) -> None:
        self._request = request
        self._send = send
        self._headers = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        self._log = log
        self._began = time.monotonic()
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            message["headers"] = [*message["headers"], *self._headers]
            if self._log is not None:
                seconds = time.monotonic() - self._began
                self._log.answered(self._request.method, self._request.target, message["status"], seconds)
        await self._send(message)


def _preflight(request: Request) -> PlainResponse:
    headers = [("access-control-allow-methods", ALLOWED_METHODS)]
    wanted = request.header("access-control-request-headers")
    if wanted:
        listed = ",".join(name.strip() for name in wanted.split(",") if name.strip())
        headers.append(("access-control-allow-headers", listed))
        headers.append(("vary", "Access-Control-Request-Headers"))
    return PlainResponse(204, b"", headers)


async def _until_gone(work: Coroutine[None, None, None], receive: Receive) -> None:
    """Run `work`; cancel it when the client goes away (D-H8, R-32)."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        if not task.done():
            task.cancel()
        results = await asyncio.gather(task, gone, return_exceptions=True)
    if isinstance(results[0], Exception):
        raise results[0]


async def _disconnected(receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
