"""The ASGI app of the simulator: routes, recording, faults, streaming at a human pace."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from copilot_api.simulator import github, messages, responses, vendors
from copilot_api.simulator.copilot import Copilot
from copilot_api.simulator.faults import Fault, Faults
from copilot_api.simulator.refusals import Refused
from copilot_api.simulator.state import Recorded, State

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_FORMS: dict[str, Any] = {"/chat/completions": vendors, "/responses": responses, "/v1/messages": messages}
"""The endpoints that answer, and the form that each gives its answers."""
_EVENT_STREAM = {"content-type": "text/event-stream"}
_JSON = {"content-type": "application/json"}
_DEFAULT_ERROR = b'{"error":{"code":"model_overloaded","message":"The model is overloaded."}}'


class Truncated(Exception):
    """Raised to make the server drop the connection in the middle of an answer."""


class SimulatorApp:
    """Serves everything on one port; `url` is set once the port is known."""

    def __init__(self, state: State, faults: Faults, chunk_delay: float) -> None:
        self.url = ""
        self.transports: dict[Any, asyncio.Transport] = {}
        """Open connections by the peer's address, so that one can be dropped without an answer."""
        self._state = state
        self._faults = faults
        self._delay = chunk_delay
        self._copilot = Copilot(state)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        entry = await _read(scope, receive)
        reply = _Reply(entry, self._state, receive, send, self.transports.get(scope["client"]))
        if entry.path.startswith("/_simulator/"):
            await self._control(entry, reply)
            return
        self._state.record(entry)
        watcher = asyncio.ensure_future(reply.watch())
        try:
            await self._serve(entry, reply)
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)

    async def _serve(self, entry: Recorded, reply: _Reply) -> None:
        fault = self._faults.take(entry.path)
        if fault is not None and await self._fail_early(fault, reply):
            return
        try:
            await self._answer(entry, reply, fault)
        except Refused as refused:
            await reply.whole(refused.status, refused.body, {"content-type": refused.content_type})

    async def _answer(self, entry: Recorded, reply: _Reply, fault: Fault | None) -> None:
        place = (entry.method, entry.path)
        if place == ("POST", "/login/device/code"):
            await reply.json(github.device_code(self._state, self.url))
        elif place == ("POST", "/login/oauth/access_token"):
            await reply.json(github.access_token(self._state, entry.body))
        elif place == ("GET", "/login/device"):
            page = b"<!doctype html><title>Simulator</title><p>The code approves itself.</p>"
            await reply.whole(200, page, {"content-type": "text/html"})
        elif place in (("GET", "/user"), ("GET", "/copilot_internal/user")) or place == (
            "GET",
            "/copilot_internal/v2/token",
        ):
            await self._account(entry, reply)
        elif place == ("GET", "/models"):
            self._copilot.check_headers(entry)
            await reply.json({"object": "list", "data": self._copilot.models})
        elif place == ("POST", "/embeddings"):
            self._copilot.check_headers(entry)
            await reply.json(self._copilot.embed(entry))
        elif entry.method == "POST" and entry.path in _FORMS:
            self._copilot.check_headers(entry)
            made, stream = self._copilot.generate(entry)
            if fault is not None and fault.kind in ("json", "sse"):
                stream = fault.kind == "sse"
            if stream:
                await self._stream(made, reply, fault)
            else:
                await reply.json(_FORMS[entry.path].whole(made))
        else:
            await reply.whole(404, b"404 page not found\n", {"content-type": "text/plain; charset=utf-8"})

    async def _account(self, entry: Recorded, reply: _Reply) -> None:
        if not github.authorised(entry.headers.get("authorization", "")):
            await reply.json({"message": "Bad credentials", "status": "401"}, 401)
        elif entry.path == "/user":
            await reply.json(github.user())
        elif entry.path == "/copilot_internal/user":
            await reply.json(github.quota(self._state))
        else:
            await reply.json(github.copilot_token(self._state, self.url))

    async def _stream(self, made: vendors.Reply, reply: _Reply, fault: Fault | None) -> None:
        form = _FORMS[reply.path]
        await reply.start(200, _EVENT_STREAM)
        for number, frame in enumerate(form.events(made)):
            if fault is not None and number == fault.after_frames and await self._fail_within(fault, reply):
                return
            if self._delay and number:
                await asyncio.sleep(self._delay)
            name = f"event: {frame['type']}\n".encode() if "type" in frame else b""
            await reply.send(name + b"data: " + json.dumps(frame, ensure_ascii=False).encode() + b"\n\n")
            if reply.gone.is_set():
                return
        # Copilot's Messages endpoint sends the mark of chat too, its Responses endpoint does not.
        await reply.send(b"" if form is responses else b"data: [DONE]\n\n", last=True)

    async def _fail_early(self, fault: Fault, reply: _Reply) -> bool:
        """Fail instead of an answer; False when the failure belongs into the stream."""
        if fault.kind == "status":
            await reply.whole(fault.status, fault.body, {**_JSON, **fault.headers})
        elif fault.kind == "redirect":
            await reply.whole(302, b"", {"location": f"{self.url}/trap"})
        elif fault.kind == "close":
            reply.drop()
            raise Truncated
        elif fault.kind == "html":
            page = fault.body or b"<html><head><title>Welcome</title></head><body>Hotel network</body></html>"
            await reply.whole(200, page, {"content-type": "text/html"})
        elif fault.kind == "raw_stream":
            size = fault.chunk_size or len(fault.body) or 1
            await reply.start(200, {**_EVENT_STREAM, **fault.headers})
            for at in range(0, len(fault.body), size):
                await reply.send(fault.body[at : at + size])
            await reply.send(b"", last=True)
        elif fault.kind == "slow_headers":
            await reply.pause(fault.seconds)
            return reply.gone.is_set()
        else:
            return False
        return True

    async def _fail_within(self, fault: Fault, reply: _Reply) -> bool:
        if fault.kind == "cut":
            raise Truncated
        if fault.kind == "stop":
            await reply.send(b"", last=True)
        elif fault.kind == "error_frame":
            await reply.send(b"data: " + (fault.body or _DEFAULT_ERROR) + b"\n\n", last=True)
        elif fault.kind == "garbage_frame":
            await reply.send(b"data: {not json\n\n", last=True)
        elif fault.kind == "silence":
            await reply.pause(fault.seconds)
            return reply.gone.is_set()
        else:
            return False
        return True

    async def _control(self, entry: Recorded, reply: _Reply) -> None:
        action = entry.path.removeprefix("/_simulator/")
        if action == "models":
            await reply.json({"object": "list", "data": self._copilot.models})
        elif action == "requests":
            listed = [
                {"method": each.method, "path": each.path, "headers": each.headers, "gone": each.client_gone}
                for each in self._state.requests
            ]
            await reply.json({"requests": listed})
        elif action == "faults":
            given = json.loads(entry.body)
            given["body"] = given.get("body", "").encode()
            self._faults.add(**given)
            await reply.json({"ok": True})
        elif action == "reset":
            self._state.reset()
            self._faults.clear()
            await reply.json({"ok": True})
        elif action == "revoke":
            self._state.tokens.clear()
            await reply.json({"ok": True})
        else:
            await reply.whole(404, b"", {})


class _Reply:
    """Sends one answer and notices when the peer is gone."""

    def __init__(
        self,
        entry: Recorded,
        state: State,
        receive: Receive,
        send: Send,
        transport: asyncio.Transport | None,
    ) -> None:
        self._transport = transport
        self._entry = entry
        self._state = state
        self._receive = receive
        self._send = send
        self._over = False
        self.path = entry.path
        self.gone = asyncio.Event()

    async def watch(self) -> None:
        """Wait for the peer to leave; before the end of the answer that is recorded."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone.set()
        if not self._over:
            self._state.mark_gone(self._entry)

    def drop(self) -> None:
        """Drop the connection without a word."""
        self._over = True
        if self._transport is not None:
            self._transport.abort()

    async def pause(self, seconds: float) -> None:
        """Be silent for some seconds, or until the peer leaves."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.gone.wait(), seconds)

    async def start(self, status: int, headers: dict[str, str]) -> None:
        """Send the head."""
        listed = {**headers, "x-request-id": self._entry.headers.get("x-request-id", "")}
        encoded = [(name.encode(), value.encode()) for name, value in listed.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def send(self, data: bytes, *, last: bool = False) -> None:
        """Send a piece of the body."""
        self._over = self._over or last
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})

    async def whole(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """Send a complete answer."""
        await self.start(status, {**headers, "content-length": str(len(body))})
        await self.send(body, last=True)

    async def json(self, value: Any, status: int = 200) -> None:
        """Send a JSON answer."""
        await self.whole(status, json.dumps(value, ensure_ascii=False).encode(), _JSON)


async def _read(scope: MutableMapping[str, Any], receive: Receive) -> Recorded:
    body = b"".join([part async for part in _parts(receive)])
    raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    return Recorded(
        method=scope["method"],
        path=scope["path"],
        query=scope.get("query_string", b"").decode("latin-1"),
        headers={name.lower(): value for name, value in raw},
        raw_headers=raw,
        body=body,
    )


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return
