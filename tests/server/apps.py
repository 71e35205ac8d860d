"""The apps that the servers host in these tests. `app` finds one by the first segment of the path.

Apps tell the test what happened to them by lines on standard output (:func:`tell`), each with the `tag` of
the query; what a test wants to happen later waits for a gate that it opens (`ServedApp.open`).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

TURNS = 20
"""Turns of the event loop after which something that needs no I/O would have happened."""

STALLED_AFTER = 0.5
"""Seconds without progress after which a sender calls itself stalled."""


class Gates:
    """Named events, made when somebody first asks."""

    def __init__(self) -> None:
        self._gates: dict[str, asyncio.Event] = {}

    def __getitem__(self, name: str) -> asyncio.Event:
        return self._gates.setdefault(name, asyncio.Event())


class App:
    """All of them; one instance a process."""

    def __init__(self) -> None:
        self.gates = Gates()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(f"no {scope['type']} here")
        name = scope["path"].strip("/").partition("/")[0] or "scope"
        asked = parse_qs(scope["query_string"].decode("latin-1"))
        tag = asked.get("tag", [""])[0]
        if name == "play":
            steps = json.loads(asked["steps"][0])
            await Player(self, tag, scope, receive, send).play(steps)
        elif name == "digest":
            await digest(receive, send)
        elif name == "echo":
            await echo(receive, send)
        else:
            await answer(send, show(dict(scope)))


app = App()


def tell(tag: str, event: str, **more: Any) -> None:
    """Tell the test that something happened."""
    sys.stdout.write(json.dumps({"tag": tag, "event": event, **more}) + "\n")
    sys.stdout.flush()


def show(value: Any) -> Any:
    """A value as JSON that keeps the types: ``["bytes", "abc"]``; bytes as latin-1."""
    kind = type(value).__name__
    if isinstance(value, (bytes, bytearray)):
        return [kind, value.decode("latin-1")]
    if isinstance(value, (list, tuple)):
        return [kind, [show(each) for each in value]]
    if isinstance(value, dict):
        return [kind, {str(key): show(each) for key, each in value.items()}]
    if value is None or isinstance(value, (str, int, float, bool)):
        return [kind, value]
    return [kind, repr(value)]


async def answer(send: Send, value: Any, status: int = 200) -> None:
    body = json.dumps(value).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def echo(receive: Receive, send: Send) -> None:
    """Send the body back as it comes, piece by piece."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message.get("more_body", False)
        await send({"type": "http.response.body", "body": message.get("body", b""), "more_body": more})


async def digest(receive: Receive, send: Send) -> None:
    """Answer with size and SHA-256 of the body, and what the messages were like."""
    seen, size, pieces, odd = hashlib.sha256(), 0, 0, []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if type(body) is not bytes or type(more) is not bool:
            odd.append([type(body).__name__, type(more).__name__])
        seen.update(bytes(body))
        size += len(body)
        pieces += 1
        if not more:
            break
    await answer(send, {"size": size, "sha256": seen.hexdigest(), "pieces": pieces, "odd": odd})


class Player:
    """Plays the steps that a test wrote (see `tests.server.play`), and tells how each ended."""

    def __init__(self, owner: App, tag: str, scope: Scope, receive: Receive, send: Send) -> None:
        self._gates = owner.gates
        self._tag = tag
        self._scope = scope
        self._receive = receive
        self._send = send

    async def play(self, steps: list[list[Any]]) -> None:
        tell(self._tag, "called")
        try:
            for name, *arguments in steps:
                await getattr(self, f"_do_{name}")(*arguments)
        except BaseException as error:
            tell(self._tag, "raised", error=type(error).__name__, os=isinstance(error, OSError))
            raise
        tell(self._tag, "returned")

    async def _do_send(self, message: dict[str, Any]) -> None:
        await self._send(_message(message))

    async def _do_try_send(self, message: dict[str, Any]) -> None:
        """Send, and go on whatever `send` says to it."""
        try:
            await self._send(_message(message))
        except Exception as error:
            tell(self._tag, "send failed", error=type(error).__name__, os=isinstance(error, OSError))
        else:
            tell(self._tag, "sent")

    async def _do_odd(self, kind: str) -> None:
        """Send a whole response with legal, unusual Python types."""
        headers: Any = [(b"x-odd", b"1"), (b"x-odd", b"2")]
        body: Any = b"odd body"
        if kind == "tuple":
            headers = tuple(headers)
        elif kind == "lists":
            headers = [list(pair) for pair in headers]
        elif kind == "generator":
            headers = _each(headers)
        elif kind == "bytearray":
            body = bytearray(body)
        elif kind == "memoryview":
            body = memoryview(body)
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def _do_bad(self, kind: str) -> None:
        """Send something that is no ASGI message of this place."""
        start: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": []}
        bad: dict[str, dict[str, Any]] = {
            "unknown type": {"type": "http.response.bogus"},
            "websocket": {"type": "websocket.accept"},
            "no type": {"status": 200},
            "text status": start | {"status": "200"},
            "status 99": start | {"status": 99},
            "status 1000": start | {"status": 1000},
            "text header": start | {"headers": [("x", "y")]},
            "CR LF in a value": start | {"headers": [(b"x", b"a\r\nset-cookie: stolen=1")]},
            "CR LF in a name": start | {"headers": [(b"x: y\r\nset-cookie", b"stolen=1")]},
            "NUL in a value": start | {"headers": [(b"x", b"a\0b")]},
            "space in a name": start | {"headers": [(b"x y", b"z")]},
            "body first": {"type": "http.response.body", "body": b"x"},
        }
        if kind == "text body":
            await self._send(start)
            await self._send({"type": "http.response.body", "body": "text"})
        else:
            await self._send(bad[kind])

    async def _do_receive(self) -> None:
        message = await self._receive()
        tell(self._tag, "received", type=message["type"], size=len(message.get("body", b"")))

    async def _do_read(self) -> None:
        size = 0
        while True:
            message = await self._receive()
            if message["type"] != "http.request":
                tell(self._tag, "body cut", type=message["type"], size=size)
                return
            size += len(message.get("body", b""))
            if not message.get("more_body", False):
                break
        tell(self._tag, "read", size=size)

    async def _do_expect_no_message(self) -> None:
        """Start a `receive`, show that it waits, and leave it waiting until :meth:`_do_take_message`."""
        self._pending = asyncio.ensure_future(self._receive())
        for _ in range(TURNS):
            await asyncio.sleep(0)
        tell(self._tag, "message", pending=not self._pending.done())

    async def _do_take_message(self) -> None:
        message = await self._pending
        tell(self._tag, "received", type=message["type"], size=len(message.get("body", b"")))

    async def _do_gate(self, name: str) -> None:
        tell(self._tag, "waiting", gate=name)
        await self._gates[name].wait()

    async def _do_hang(self) -> None:
        """Wait for ever; only cancelling ends it."""
        tell(self._tag, "hanging")
        await asyncio.Event().wait()

    async def _do_raise(self, name: str) -> None:
        kinds = {
            "RuntimeError": RuntimeError,
            "SystemExit": SystemExit,
            "CancelledError": asyncio.CancelledError,
        }
        raise kinds[name]("secret words of the app")

    async def _do_tell(self, event: str) -> None:
        tell(self._tag, event)

    async def _do_spoil_scope(self) -> None:
        self._scope["spoiled"] = True
        self._scope["method"] = "SPOILED"
        self._scope["headers"].append((b"spoiled", b"1"))
        for name in ("extensions", "asgi", "state"):
            if isinstance(self._scope.get(name), dict):
                self._scope[name]["spoiled"] = True

    async def _do_hose(self, size: int, total: int) -> None:
        """Send `total` bytes in pieces of `size`; tell once if the client makes it wait."""
        piece, sent, told = bytes(size), 0, False
        while sent < total:
            sending = asyncio.ensure_future(
                self._send({"type": "http.response.body", "body": piece, "more_body": True})
            )
            if not told:
                await asyncio.wait({sending}, timeout=STALLED_AFTER)
                if not sending.done():
                    told = True
                    tell(self._tag, "stalled", sent=sent)
            await sending
            sent += size
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        tell(self._tag, "hosed", sent=sent)

    async def _do_send_until_error(self) -> None:
        """Send small pieces until `send` fails, or the client's going has had no effect at all."""
        for number in range(200):
            try:
                await self._send({"type": "http.response.body", "body": b"x" * 64, "more_body": True})
            except Exception as error:
                tell(self._tag, "send failed", error=type(error).__name__, os=isinstance(error, OSError))
                return
            await asyncio.sleep(0)
            if number == 0:
                tell(self._tag, "sending")
        tell(self._tag, "sent")


def _message(given: dict[str, Any]) -> dict[str, Any]:
    made = dict(given)
    if "headers" in made:
        made["headers"] = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in made["headers"]
        ]
    if "body" in made:
        made["body"] = made["body"].encode("latin-1")
    if "many_headers" in made:
        numbers = range(made.pop("many_headers"))
        made["headers"] = [(f"x-{number}".encode(), str(number).encode() * 40) for number in numbers]
        made["headers"].append((b"x-large", b"v" * 8000))
    if "fill" in made:
        made["body"] = b"\xa5" * made.pop("fill")
    return made


def _each(pairs: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    yield from pairs


async def plain(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that knows requests only and fails on lifespan."""
    assert scope["type"] == "http"
    await answer(send, show(dict(scope)))
