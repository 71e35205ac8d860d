"""pytest plugin: Starlette's TestClient over a real socket, so that a framework's own tests judge our server.

Everything of the TestClient stays but its transport. A request goes through `httpx2` to the server under
test, which hosts one app for all; that hands the request to the app of the client. What a TestClient pretends
about its surroundings (https, root path, both addresses) is put into the scope before the app sees it, as a
deployment behind a proxy would; everything else of the scope is the server's. A private header says which
request it is.

Environment: ``ASGI_SUITE_SERVER`` names the server, ``ASGI_SUITE_RESULT`` the file for the result,
``ASGI_SUITE`` the TOML file of the suite with what is not run and why.
"""

from __future__ import annotations

import contextlib
import fnmatch
import itertools
import json
import os
import threading
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import starlette.testclient
from thread_server import ThreadServer

SERVER = os.environ["ASGI_SUITE_SERVER"]
PRIVATE = "x-asgi-suite"
PATIENCE = 10.0


class Call:
    """One request on its way: which app, what is pretended, and how the app ended."""

    def __init__(self, app: Any, pretended: dict[str, Any]) -> None:
        self.app = app
        self.pretended = pretended
        self.over = threading.Event()
        self.error: BaseException | None = None


class Dispatcher:
    """The app that the server hosts: finds the app of each request."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self.served = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        headers = [pair for pair in scope["headers"] if pair[0] != PRIVATE.encode()]
        number = next(value for name, value in scope["headers"] if name == PRIVATE.encode()).decode()
        call = self.calls[number]
        scope["headers"] = headers
        scope.update(call.pretended)
        self.served += 1
        try:
            await call.app(scope, receive, send)
        except BaseException as error:
            call.error = error
            raise
        finally:
            call.over.set()


_numbers = itertools.count(1)
_shared: list[tuple[Dispatcher, ThreadServer]] = []


def shared() -> tuple[Dispatcher, ThreadServer]:
    """The server for all clients without lifespan; started at first use."""
    if not _shared:
        dispatcher = Dispatcher()
        server = ThreadServer(dispatcher, SERVER)
        assert server.start()
        _shared.append((dispatcher, server))
    return _shared[0]


_pools: list[httpx2.HTTPTransport] = []


def pool() -> httpx2.HTTPTransport:
    """The connections of all clients. None is kept: an app's error may close it before the next request."""
    if not _pools:
        _pools.append(httpx2.HTTPTransport(limits=httpx2.Limits(max_keepalive_connections=0)))
    return _pools[0]


class _Body(httpx2.SyncByteStream):
    """The body as it comes; at its end the app's error is raised, as TestClient does."""

    def __init__(self, transport: SocketTransport, response: httpx2.Response, call: Call) -> None:
        self._transport = transport
        self._response = response
        self._call = call

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.iter_raw()
        except httpx2.TransportError as cut:
            self._transport.judge(self._call, cut)

    def close(self) -> None:
        self._response.close()
        self._transport.judge(self._call, None)


class SocketTransport(httpx2.BaseTransport):
    """In the place of TestClient's own transport."""

    def __init__(
        self,
        app: Any,
        portal_factory: Any,  # noqa: ARG002 - the signature is Starlette's
        raise_server_exceptions: bool = True,
        root_path: str = "",
        *,
        client: tuple[str, int],
        app_state: dict[str, Any],
    ) -> None:
        self.app = app
        self.app_state = app_state
        self.own: tuple[Dispatcher, ThreadServer] | None = None
        self._raise = raise_server_exceptions
        self._pretended = {"root_path": root_path, "client": client}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it to the server under test."""
        if request.url.scheme not in ("http", "https"):
            raise NotImplementedError("WebSockets are not served")
        dispatcher, server = self.own or shared()
        url = request.url
        where = (url.host, url.port or (443 if url.scheme == "https" else 80))
        pretended: dict[str, Any] = {**self._pretended, "scheme": url.scheme, "server": where}
        if self.app_state and self.own is None:
            pretended["state"] = dict(self.app_state)
        call = Call(self.app, pretended)
        number = str(next(_numbers))
        dispatcher.calls[number] = call
        headers = [*request.headers.raw, (PRIVATE.encode(), number.encode())]
        target = httpx2.URL(
            scheme="http", host="127.0.0.1", port=server.port, raw_path=request.url.raw_path or b"/"
        )
        sent = httpx2.Request(request.method, target, headers=headers, stream=request.stream, extensions={})
        try:
            response = pool().handle_request(sent)
        except httpx2.TransportError as error:
            self.judge(call, error)
            raise
        kept = [pair for pair in response.headers.raw if pair[0].lower() != b"transfer-encoding"]
        return httpx2.Response(
            response.status_code, headers=kept, stream=_Body(self, response, call), request=request
        )

    def judge(self, call: Call, cut: Exception | None) -> None:
        """Wait for the app; raise its error, or that the connection was cut."""
        call.over.wait(PATIENCE)
        error, call.error = call.error, None
        if error is not None and self._raise:
            raise error
        if cut is not None and error is None:
            raise cut

    def close(self) -> None:
        """Nothing: the connections belong to all clients."""


class _WithLifespan:
    """The app of a client used as a context manager: the server runs lifespan, the dispatcher the rest."""

    def __init__(self, app: Any, dispatcher: Dispatcher) -> None:
        self._app = app
        self._dispatcher = dispatcher
        self.errors: list[BaseException] = []
        self.state: dict[str, Any] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self._dispatcher(scope, receive, send)
            return
        self.state = scope.get("state", {})
        try:
            await self._app(scope, receive, send)
        except BaseException as error:
            self.errors.append(error)
            raise


def _enter(client: Any) -> Any:
    dispatcher = Dispatcher()
    app = _WithLifespan(client.app, dispatcher)
    server = ThreadServer(app, SERVER, lifespan=True)
    started = server.start()
    if app.errors or not started:
        server.stop()
        raise app.errors[0] if app.errors else RuntimeError("lifespan startup failed")
    client.app_state.update(app.state)
    client._suite = (app, server, dispatcher)
    client._transport.own = (dispatcher, server)
    return client


def _exit(client: Any, *_: object) -> None:
    app, server, dispatcher = client.__dict__.pop("_suite")
    client._transport.own = None
    client._transport.close()
    server.stop()
    shared()[0].served += dispatcher.served
    if app.errors:
        raise app.errors[0]


# ruff: noqa: SLF001 - it is TestClient's inside that is replaced
starlette.testclient._TestClientTransport = SocketTransport  # type: ignore[misc, assignment]
starlette.testclient.TestClient.__enter__ = _enter  # type: ignore[method-assign]
starlette.testclient.TestClient.__exit__ = _exit  # type: ignore[method-assign]


# --------------------------------------------------------------------------------------------------- pytest

_deselected: Counter[str] = Counter()
_outcomes: dict[str, str] = {}
_errors: list[str] = []


def _reason(item: pytest.Item, listed: dict[str, str]) -> str | None:
    if "trio" in item.nodeid.rpartition("[")[2].split("-"):
        return "needs trio; the servers run asyncio"
    for pattern, reason in listed.items():
        if fnmatch.fnmatch(item.nodeid, pattern) or fnmatch.fnmatch(item.nodeid.partition("[")[0], pattern):
            return reason
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is listed."""
    listed = tomllib.loads(Path(os.environ["ASGI_SUITE"]).read_text(encoding="utf-8"))["deselect"]
    kept: list[pytest.Item] = []
    gone: list[pytest.Item] = []
    for item in items:
        reason = _reason(item, listed)
        if reason is None:
            kept.append(item)
        else:
            gone.append(item)
            _deselected[reason] += 1
    items[:] = kept
    config.hook.pytest_deselected(items=gone)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Any:
    """Note tests that never ask a server: they prove nothing about it."""
    before = _served()
    result = yield
    if _served() == before:
        item.user_properties.append(("no server", True))
    return result


def _served() -> int:
    return sum(dispatcher.served for dispatcher, _ in _shared)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep the outcome of each test."""
    if report.when == "call" or report.outcome in ("failed", "skipped"):
        outcome = report.outcome
        if outcome == "passed" and ("no server", True) in report.user_properties:
            outcome = "passed without a server"
        if _outcomes.get(report.nodeid) != "failed":
            _outcomes[report.nodeid] = outcome


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Keep what could not be collected."""
    if report.failed:
        _errors.append(report.nodeid)


def pytest_sessionfinish() -> None:
    """Stop the server and write the result."""
    requests = _served()
    pool().close()
    for _, server in _shared:
        with contextlib.suppress(RuntimeError):
            server.stop()
    result = {
        "outcomes": Counter(_outcomes.values()),
        "failed": sorted(name for name, outcome in _outcomes.items() if outcome == "failed"),
        "errors": len(_errors),
        "deselected": _deselected,
        "requests": requests,
    }
    Path(os.environ["ASGI_SUITE_RESULT"]).write_text(json.dumps(result), encoding="utf-8")
