"""One request through the app: what it waits for, and what happens when somebody leaves (D-H8, R-32)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from copilot_api.http.application import Application
from copilot_api.http.asgi import OWN_SERVER, Message, Request, text
from copilot_api.http.guard import Access
from copilot_api.http.routing import Respond, Route
from copilot_api.keys.ring import KeyRing
from copilot_api.settings import Settings

PROMPT = "write to nobody"
Handle = Callable[[Request, bytes, Respond], Awaitable[None]]


class Log:
    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    def arrived(self, method: str, target: str, _id: str) -> None:
        self.lines.append((method, target))

    def answered(self, method: str, target: str, status: int, seconds: float, _id: str) -> None:
        assert seconds >= 0
        self.lines.append((method, target, status))


class Exchange:
    """One request as a server sees it. `leave()` closes the client's connection."""

    def __init__(self, handle: Handle, *, own: bool, body: bytes = b"{}", **headers: str) -> None:
        self.log = Log()
        access = Access.of(Settings(), KeyRing())
        self.app = Application((Route("POST", ("/x",), handle),), access, Settings(), self.log)
        given = {"host": "localhost", "content-type": "application/json"} | headers
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": "/x",
            "query_string": b"a=1",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "server": ("127.0.0.1", 4141),
            "client": ("127.0.0.1", 50000),
            "extensions": {OWN_SERVER: {}} if own else {},
        }
        self.sent: list[Message] = []
        self.received = 0
        self._body = body
        self._gone = asyncio.Event()

    async def receive(self) -> Message:
        self.received += 1
        if self.received == 1:
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def leave(self) -> None:
        self._gone.set()

    async def run(self) -> None:
        await self.app(self.scope, self.receive, self.send)


async def hello(_request: Request, body: bytes, respond: Respond) -> None:
    await respond(text(200, f"{len(body)} bytes"))


async def test_our_own_server_costs_no_suspension_and_no_task() -> None:
    exchange = Exchange(hello, own=True)
    before = asyncio.all_tasks()
    with pytest.raises(StopIteration):
        exchange.run().send(None)
    assert asyncio.all_tasks() == before
    assert exchange.received == 1
    assert [message["type"] for message in exchange.sent] == ["http.response.start", "http.response.body"]
    assert exchange.log.lines == [("POST", "/x?a=1"), ("POST", "/x?a=1", 200)]


@pytest.mark.parametrize("own", [True, False])
async def test_a_request_is_answered_whole(own: bool) -> None:
    exchange = Exchange(hello, own=own, body=b"[1, 2]", origin="http://localhost:4141")
    await exchange.run()
    head, body = exchange.sent
    assert head["status"] == 200
    assert dict(head["headers"])[b"access-control-allow-origin"] == b"http://localhost:4141"
    assert dict(head["headers"])[b"content-length"] == b"7"
    assert body["body"] == b"6 bytes"


class Slow:
    """A handler that waits until it is let go, and notes how it ended."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.end = ""

    async def __call__(self, _request: Request, _body: bytes, respond: Respond) -> None:
        self.begun.set()
        try:
            await self.go.wait()
            await respond(text(200, "done"))
        except asyncio.CancelledError:
            self.end = "cancelled"
            raise
        self.end = "answered"


async def test_under_any_server_the_work_ends_with_its_client() -> None:
    slow = Slow()
    exchange = Exchange(slow, own=False)
    task = asyncio.create_task(exchange.run())
    await slow.begun.wait()
    exchange.leave()
    await task
    assert slow.end == "cancelled"
    assert exchange.sent == []
    assert task.cancelling() == 0


async def test_a_server_that_ends_the_task_is_not_overheard() -> None:
    for own in (True, False):
        slow = Slow()
        exchange = Exchange(slow, own=own)
        task = asyncio.create_task(exchange.run())
        await slow.begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert slow.end == "cancelled"


async def test_both_at_once_end_the_task() -> None:
    slow = Slow()
    exchange = Exchange(slow, own=False)
    task = asyncio.create_task(exchange.run())
    await slow.begun.wait()
    exchange.leave()
    while slow.end == "":
        # The watcher and the handler run before the test does again; then the server gives up as well.
        await asyncio.sleep(0)
        if task.cancelling():
            task.cancel()
            break
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_no_watcher_stays_behind() -> None:
    before = asyncio.all_tasks()
    slow = Slow()
    exchange = Exchange(slow, own=False)
    task = asyncio.create_task(exchange.run())
    await slow.begun.wait()
    watchers = asyncio.all_tasks() - before - {task}
    assert len(watchers) == 1
    slow.go.set()
    await task
    await asyncio.wait(watchers)
    assert slow.end == "answered"


async def test_a_failure_is_answered_and_its_text_kept_out_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(_request: Request, _body: bytes, _respond: Respond) -> None:
        raise ValueError(PROMPT)

    for own in (True, False):
        exchange = Exchange(fail, own=own)
        with caplog.at_level(logging.DEBUG):
            await exchange.run()
        assert exchange.sent[0]["status"] == 500
    assert "internal error: ValueError" in caplog.text
    assert PROMPT not in caplog.text


async def test_a_failure_after_the_start_goes_to_the_server() -> None:
    async def fail(_request: Request, _body: bytes, respond: Respond) -> None:
        await respond(text(200, "x"))
        raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        await Exchange(fail, own=True).run()


@pytest.mark.parametrize("own", [True, False])
async def test_a_body_over_the_limit_is_refused(own: bool) -> None:
    exchange = Exchange(hello, own=own, body=b"x" * (Settings().body_limit + 1))
    await exchange.run()
    assert exchange.sent[0]["status"] == 413
    assert (b"connection", b"close") in exchange.sent[0]["headers"]


async def test_a_declared_length_over_the_limit_is_refused_unread() -> None:
    exchange = Exchange(hello, own=False, **{"content-length": str(Settings().body_limit + 1)})
    await exchange.run()
    assert exchange.sent[0]["status"] == 413
    assert exchange.received == 0


async def test_a_client_that_leaves_within_its_body_gets_nothing() -> None:
    exchange = Exchange(hello, own=False)
    exchange.received = 1
    exchange.leave()
    await exchange.run()
    assert exchange.sent == []
