"""The ASGI app: guard, route, run until done or the client is gone, errors in the client's dialect."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, Protocol

from copilot_api.engine.client_interfaces import Relay, RelaySummary
from copilot_api.engine.interfaces import Dialect, RequestBody
from copilot_api.engine.server_interfaces import GUARD_EXTENSION
from copilot_api.engine.standing_interfaces import STANDING
from copilot_api.gateway.accounting import Accounting
from copilot_api.gateway.errors import BadRequest, GatewayError, NotAllowed, OutOfMemory
from copilot_api.gateway.failures import Failures, Trace, begin
from copilot_api.gateway.metrics import Metrics
from copilot_api.http import guard
from copilot_api.http.asgi import (
    BodyTooLarge,
    BodyTooSlow,
    ClientDisconnected,
    Message,
    PlainResponse,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    text,
)
from copilot_api.http.errors import render
from copilot_api.http.routes import models as model_routes
from copilot_api.http.routing import Route, Router
from copilot_api.http.streaming import StreamResponse
from copilot_api.settings import Settings

if TYPE_CHECKING:
    from copilot_api.gateway.memory import MemoryLimit

logger = logging.getLogger("copilot_api.http")

ALLOWED_METHODS = "GET,HEAD,PUT,POST,DELETE,PATCH"
"""What the preflight answer of 0.7.0 names (compat.md 3.1)."""


SESSION_HEADERS = (b"x-claude-code-session-id", b"session-id", b"x-session-id", b"x-session-affinity")
"""What clients call their conversation by: Claude Code, Codex, opencode (recorded: tests/fixtures)."""


class RequestLog(Protocol):
    """Takes the two lines a request (compat.md 3.2)."""

    def arrived(self, method: str, target: str, request_id: str) -> None:
        """A request came in."""

    def answered(self, method: str, target: str, status: int, seconds: float, request_id: str) -> None:
        """Its answer began."""


class Application:
    """Serves the routes; made once, in `copilot_api.app`."""

    def __init__(
        self,
        routes: Iterable[Route],
        access: guard.Access,
        settings: Settings,
        request_log: RequestLog | None = None,
        failures: Failures | None = None,
        accounting: Accounting | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._failures = failures or Failures()
        self._accounting = accounting
        self._responses = (metrics or Metrics()).responses
        self._router = Router(tuple(routes))
        self._access = access
        self._settings = settings
        self._log = request_log
        self._memory = _memory_limit(settings)

    def adopt(self, settings: Settings) -> None:
        """Use other settings from the next request on (R-54)."""
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope of ASGI."""
        if scope["type"] == "http":
            await self._http(Request(scope, receive), receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)
        else:
            raise NotImplementedError(f"no {scope['type']} here")

    async def _http(self, request: Request, receive: Receive, send: Send) -> None:
        first = request.first
        session = next((first[name] for name in SESSION_HEADERS if name in first), None)
        trace = Trace(request.method, request.path, first.get(b"user-agent"), session)
        trace.headers = first
        errand = request.scope.get(STANDING)
        if errand is not None and GUARD_EXTENSION in request.scope["extensions"]:
            trace.errand, trace.target = errand, request.target
            trace.id = errand.id or trace.id
        begin(trace)
        reply = Reply(request, receive, send, self._access, self._log, trace)
        try:
            guard.check(request, self._access)
            if request.method == "OPTIONS":
                await reply.respond(_preflight(request))
                return
            route = self._router.find(request)
            if route is None:
                await reply.respond(text(404, "404 Not Found"))
                return
            body = await self._body(request) if request.method == "POST" else b""
            work = route.handler(request, body, reply.respond)
            await (work if request.own_server else _until_gone(work, receive))
        except (ClientDisconnected, asyncio.CancelledError) as left:
            if reply.relay is None and not reply.is_watch:
                trace.outcome = "client_gone"
                self._failures.note("client_gone", "before the answer was whole", 0, trace)
            if isinstance(left, asyncio.CancelledError):
                raise
        except GatewayError as error:
            await self._refuse(error, reply)
        except Exception as error:
            # One request's failure is its own. Its text is not logged: it may quote a prompt.
            failed = RuntimeError(type(error).__name__).with_traceback(error.__traceback__)
            logger.error("internal error: %s", type(error).__name__, exc_info=failed)
            if reply.started:
                raise
            failure = GatewayError(500, "internal error of the gateway; its log says where", code="internal")
            failure.failure = "internal"
            await self._refuse(failure, reply)
        finally:
            self._responses[reply.status // 100] += 1
            summary = None
            if reply.relay is not None:
                summary = reply.relay.summary
                self._failures.stream(summary, trace)
            if self._accounting is not None and trace.facts is not None:
                reply.settle(self._accounting, summary)

    async def _body(self, request: Request) -> RequestBody:
        guard.check_json(request)
        if self._memory is not None:
            self._memory.check()
        try:
            return await request.body(self._settings.body_limit)
        except BodyTooLarge as error:
            raise BadRequest(413, str(error), code="request_too_large") from None
        except BodyTooSlow:
            raise BadRequest(408, "the request body did not arrive in time", code="timeout") from None

    def _dialect(self, request: Request) -> Dialect:
        """Return the dialect for an error; of those who share the model list, the asker's."""
        dialect = self._router.dialect_of(request.path)
        if dialect == "chat" and request.method == "GET":
            if model_routes.asks_as_google(request):
                return "gemini"
            if model_routes.asks_as_anthropic(request):
                return "messages"
        return dialect

    async def _refuse(self, error: GatewayError, reply: Reply) -> None:
        if reply.started:
            raise RuntimeError("an error came after the response had begun") from error
        request = reply.request
        reply.trace.outcome = error.failure or error.code or error.kind
        if error.failure is None:
            level = logging.WARNING if error.status >= 500 else logging.INFO
            logger.log(level, "%s %s: %d %s", request.method, request.path, error.status, error.log_text)
        else:
            for name, value in error.headers:
                if name == "x-request-id":
                    reply.trace.upstream_id = value
            self._failures.note(error.failure, error.log_text, error.status, reply.trace)
        if isinstance(error, guard.Refused):
            # As our own server writes it, which knows neither the style nor the kinds of model lists.
            response = render(error, self._router.dialect_of(request.path), "dialect")
            reply.is_for_nobody()
        else:
            response = render(error, self._dialect(request), self._settings.error_style)
        if error.status in (408, 413, 415) or isinstance(error, (NotAllowed, OutOfMemory)):
            # The body was not read: the connection cannot be used again.
            response = PlainResponse(
                response.status,
                response.content,
                (("content-type", "application/json"), ("connection", "close"), *error.headers),
            )
        await reply.respond(response)


class Reply:
    """One request's answer on its way: adds the CORS headers, writes the log lines, knows if it began."""

    __slots__ = (
        "_at",
        "_began",
        "_first",
        "_headers",
        "_log",
        "_receive",
        "_send",
        "_size",
        "is_watch",
        "relay",
        "request",
        "started",
        "status",
        "trace",
    )

    def __init__(
        self,
        request: Request,
        receive: Receive,
        send: Send,
        access: guard.Access,
        log: RequestLog | None,
        trace: Trace,
    ) -> None:
        self.trace = trace
        self.relay: Relay | None = None
        """The stream that is the answer."""
        self.request = request
        self.is_watch = False
        """A page watches: it never is over, and who leaves breaks nothing off."""
        self.started = False
        self._receive = receive
        self._send = send
        self._log = log
        self._at = time.time()
        self._began = time.monotonic()
        self._first: float | None = None
        self.status = self._size = 0
        if log is not None:
            log.arrived(request.method, request.target, trace.id)
        origin = guard.allowed_origin(request, access)
        self._headers = [] if origin is None else [*_cors(origin)]

    def is_for_nobody(self) -> None:
        """No page may read the response."""
        self._headers = []

    def respond(self, response: Response) -> Awaitable[None]:
        """Send the response."""
        if isinstance(response, StreamResponse):
            self.relay = response.relay
        elif isinstance(response, PlainResponse):
            self._size = len(response.content)
        else:
            self.is_watch = True
        return response(self.request.scope, self._receive, self._pass)

    def settle(self, accounting: Accounting, summary: RelaySummary | None) -> None:
        """The request is over: tell what it cost."""
        accounting.settle(
            self.trace,
            self.status,
            summary,
            at=self._at,
            first_byte_ms=None if self._first is None else (self._first - self._began) * 1000,
            duration_ms=(time.monotonic() - self._began) * 1000,
            bytes_out=self._size,
        )

    def _pass(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.started = True
            self._first = time.monotonic()
            self.status = message["status"]
            headers = message["headers"]
            if self.trace.near:
                headers.append((b"x-copilot-api-budget", self.trace.near.encode("ascii", "replace")))
            for name, value in headers:
                if name == b"x-request-id":
                    self.trace.upstream_id = value.decode("latin-1")
                    break
            else:
                headers.append((b"x-request-id", self.trace.id.encode()))
            headers += self._headers
            if self._log is not None:
                seconds = self._first - self._began
                request = self.request
                self._log.answered(request.method, request.target, self.status, seconds, self.trace.id)
        return self._send(message)


def _memory_limit(settings: Settings) -> MemoryLimit | None:
    if not settings.memory_limit:
        return None
    from copilot_api.gateway.memory import MemoryLimit

    return MemoryLimit(settings.memory_limit)


def _cors(origin: str) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"Origin"))


def _preflight(request: Request) -> PlainResponse:
    headers = [("access-control-allow-methods", ALLOWED_METHODS)]
    wanted = request.header("access-control-request-headers")
    if wanted:
        listed = ",".join(name.strip() for name in wanted.split(",") if name.strip())
        headers.append(("access-control-allow-headers", listed))
        headers.append(("vary", "Access-Control-Request-Headers"))
    return PlainResponse(204, b"", headers)


async def _until_gone(work: Awaitable[None], receive: Receive) -> None:
    """Run `work` under a server that only tells when the client has gone, and cancel it then (D-H8, R-32)."""
    task = asyncio.current_task()
    gone = False

    async def watch() -> None:
        nonlocal gone
        with contextlib.suppress(Exception):
            while (await receive())["type"] != "http.disconnect":
                pass
        gone = True
        if task is not None:
            task.cancel()

    watcher = asyncio.create_task(watch())
    interrupted = False
    try:
        await work
    except asyncio.CancelledError:
        if not gone:
            raise
        interrupted = True
    finally:
        watcher.cancel()
    if gone and task is not None and task.uncancel():
        raise asyncio.CancelledError  # somebody else wants the task to end too
    if interrupted:
        raise ClientDisconnected


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
