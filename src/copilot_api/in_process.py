"""Asking an ASGI app in this process: no socket, no HTTP; pieces of a stream come as they are made."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from copilot_api.http.asgi import Message

_HEADERS = [(b"host", b"localhost"), (b"content-type", b"application/json")]
_WAITING = 16
"""Pieces that are made before somebody takes them."""


class RequestFailed(Exception):
    """The gateway answered with an error: its status, and the JSON of its body."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {json.dumps(body, ensure_ascii=False)[:500]}")
        self.status = status
        self.body = body


class _Exchange:
    """One request to the app, which runs in a task of its own; leaving the block is leaving as a client."""

    def __init__(self, app: Any, path: str, body: object) -> None:
        content = json.dumps(body, ensure_ascii=False).encode()
        self._request: Message | None = {"type": "http.request", "body": content, "more_body": False}
        self._gone = asyncio.Event()
        self._is_whole = False
        self._sent: asyncio.Queue[Message | None] = asyncio.Queue(_WAITING)
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [*_HEADERS, (b"content-length", b"%d" % len(content))],
            "client": None,
            "server": None,
            "extensions": {},
        }
        self._task = asyncio.ensure_future(self._run(app, scope))

    async def __aenter__(self) -> tuple[int, AsyncIterator[bytes]]:
        first = await self._sent.get()
        if first is None:
            await self._task  # raises what ended it
            raise RuntimeError("the app ended without an answer")
        return first["status"], self._pieces()

    async def __aexit__(self, *_: object) -> None:
        if not self._is_whole:
            self._gone.set()
            self._task.cancel()
        # An app that has answered still has to settle what the request cost.
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, app: Any, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._sent.put)
        finally:
            if not self._gone.is_set():
                await self._sent.put(None)

    async def _receive(self) -> Message:
        request, self._request = self._request, None
        if request is not None:
            return request
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _pieces(self) -> AsyncIterator[bytes]:
        while (message := await self._sent.get()) is not None:
            yield bytes(message.get("body", b""))
            if not message.get("more_body", False):
                self._is_whole = True
                return
        await self._task  # it ended in the middle: raises what ended it


async def ask(app: Any, path: str, body: object) -> Any:
    """Return the JSON of the answer. Raises :class:`RequestFailed`."""
    async with _Exchange(app, path, body) as (status, pieces):
        return _json(status, b"".join([piece async for piece in pieces]))


async def events(app: Any, path: str, body: object) -> AsyncIterator[Any]:
    """Yield the JSON of each server-sent event. Raises :class:`RequestFailed`."""
    async with _Exchange(app, path, body) as (status, pieces):
        if status >= 400:
            _json(status, b"".join([piece async for piece in pieces]))
        rest = b""
        async for piece in pieces:
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if line.startswith(b"data:"):
                    data = line[5:].strip()
                    if data != b"[DONE]":
                        yield json.loads(data)


def _json(status: int, content: bytes) -> Any:
    try:
        value = json.loads(content)
    except ValueError:
        value = content.decode("utf-8", "replace")
    if status >= 400:
        raise RequestFailed(status, value)
    return value
