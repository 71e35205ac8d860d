"""One request through the gateway: what it waits for, and that it leaves nothing behind, however it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest

from copilot_api import app as wiring
from copilot_api.engine import flags
from copilot_api.engine.client_interfaces import RelaySummary, UpstreamCall
from copilot_api.engine.interfaces import StreamFacts
from copilot_api.gateway.pipeline import Pipeline
from copilot_api.http.asgi import OWN_SERVER, Message
from copilot_api.redaction import Secret
from copilot_api.settings import Settings

CATALOGUE = {"data": [{"id": "gpt-4o", "capabilities": {"limits": {"max_output_tokens": 4096}}}]}
ANSWER = {"id": "1", "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "hi"}}]}
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
PIECES = [b"data: 1\n\n", b"data: [DONE]\n\n"]


class Relay:
    """Gives `PIECES`, after waiting for `go`; notes whether it was closed."""

    native = None

    def __init__(self) -> None:
        self.summary: RelaySummary | None = None
        self.go = asyncio.Event()
        self.go.set()
        self.closed = 0
        self.cancelled = ""

    async def first(self) -> None:
        """Judge nothing."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await self.go.wait()
        for piece in PIECES:
            yield piece
        self.summary = RelaySummary("completed", StreamFacts(), 1, 1, 1.0, 1.0)

    def cancel(self, outcome: Literal["cancelled", "shutdown"]) -> None:
        self.cancelled = outcome

    async def aclose(self) -> None:
        self.closed += 1


class Upstream:
    def __init__(self, body: Any, relay: Relay | None = None, status: int = 200) -> None:
        self.status = status
        kind = "application/json" if relay is None else "text/event-stream"
        self.headers = {"content-type": kind, "x-request-id": "r"}
        self._body = json.dumps(body).encode()
        self._relay = relay
        self.closed = 0

    async def read(self, _limit: int) -> bytes:
        return self._body

    def relay(self, _plan: Any) -> Relay:
        assert self._relay is not None
        return self._relay

    async def aclose(self) -> None:
        self.closed += 1


class Client:
    """Answers at once; `held` makes chat requests wait, `asked` tells that so many of them came."""

    def __init__(self) -> None:
        self.calls: list[UpstreamCall] = []
        self.held: asyncio.Future[None] | None = None
        self.asked = asyncio.Event()
        self.awaited = 1
        """Chat requests after which `asked` is set."""
        self.relays: list[Relay] = []
        self.go = True
        self.tokens = 0
        self.refusal: tuple[bytes, dict[str, Any]] | None = None
        """Part of a body that is refused, and the error that it gets."""

    async def request(self, call: UpstreamCall) -> Upstream:
        self.calls.append(call)
        if call.url.endswith("/models"):
            return Upstream(CATALOGUE)
        if call.url.endswith("/token"):
            self.tokens += 1
            return Upstream({"token": f"tid={self.tokens}", "refresh_in": 1500, "expires_at": 9_999_999_999})
        self.awaited -= 1
        if self.awaited <= 0:
            self.asked.set()
        if self.held is not None:
            await self.held
        body = bytes(call.body or b"")
        if self.refusal is not None and self.refusal[0] in body:
            return Upstream({"error": self.refusal[1]}, status=400)
        if b'"stream": true' in body:
            relay = Relay()
            if not self.go:
                relay.go.clear()
            self.relays.append(relay)
            return Upstream({}, relay)
        return Upstream(ANSWER)

    async def aclose(self) -> None:
        """Nothing is open."""


class Gateway:
    def __init__(self, app: Any, pipeline: Pipeline, client: Client) -> None:
        self.app, self.pipeline, self.client = app, pipeline, client

    async def ask(self, *, stream: bool = False, sent: list[Message] | None = None, **more: Any) -> None:
        """Make one request as our own server does."""
        body = json.dumps(CHAT | {"stream": stream} | more).encode()

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            if sent is not None:
                sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/chat/completions",
            "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
            "server": ("127.0.0.1", 4141),
            "extensions": {OWN_SERVER: {}},
        }
        await self.app(scope, receive, send)


@asynccontextmanager
async def opened(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> AsyncIterator[Gateway]:
    """The gateway as `app` wires it, with a pretended client."""
    client = Client()
    build, made = flags.build_engine, []

    def build_engine(given: Settings) -> Any:
        engine = build(given)
        monkeypatch.setattr(engine, "make_client", lambda _options: client)
        return engine

    class Kept(Pipeline):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            made.append(self)

    monkeypatch.setattr(flags, "build_engine", build_engine)
    monkeypatch.setattr(wiring, "Pipeline", Kept)
    async with wiring.open_gateway(Settings(**settings), Secret("ghu_x")) as gateway:
        yield Gateway(gateway.app, made[0], client)


async def test_a_request_waits_for_upstream_and_for_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(monkeypatch) as gateway:
        gateway.client.held = asyncio.get_running_loop().create_future()
        sent: list[Message] = []
        before = asyncio.all_tasks()
        request = gateway.ask(sent=sent)
        assert request.send(None) is gateway.client.held
        assert asyncio.all_tasks() == before
        assert gateway.pipeline.in_flight == 1
        gateway.client.held.set_result(None)
        with pytest.raises(StopIteration):
            request.send(None)
        assert sent[0]["status"] == 200
        assert json.loads(sent[1]["body"])["choices"] == ANSWER["choices"]
        assert gateway.pipeline.in_flight == 0


async def test_a_stream_that_ended_by_itself_is_not_closed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(monkeypatch) as gateway:
        sent: list[Message] = []
        await gateway.ask(stream=True, sent=sent)
        assert b"".join(message.get("body", b"") for message in sent) == b"".join(PIECES)
        assert gateway.client.relays[0].closed == 0
        assert gateway.pipeline.in_flight == 0


async def test_a_stream_whose_client_leaves_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(monkeypatch) as gateway:
        gateway.client.go = False
        task = asyncio.create_task(gateway.ask(stream=True))
        await gateway.client.asked.wait()
        relay = gateway.client.relays[0]
        assert gateway.pipeline.in_flight == 1
        gateway.pipeline.cancel_streams()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert relay.closed == 1
        assert gateway.pipeline.in_flight == 0


async def test_a_request_whose_client_leaves_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(monkeypatch, max_concurrency=1) as gateway:
        gateway.client.held = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(gateway.ask())
        await gateway.client.asked.wait()
        assert gateway.pipeline.in_flight == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert gateway.pipeline.in_flight == 0
        gateway.client.held = None
        sent: list[Message] = []
        await gateway.ask(sent=sent)
        assert sent[0]["status"] == 200


async def test_each_call_has_the_token_of_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(monkeypatch) as gateway:
        client, sender = gateway.client, gateway.pipeline._sender
        await gateway.ask()
        assert ("Authorization", "Bearer tid=1") in client.calls[-1].headers
        sender._tokens.reject(await sender._tokens.get())
        await gateway.ask()
        assert ("Authorization", "Bearer tid=2") in client.calls[-1].headers
        assert ("X-Initiator", "user") in client.calls[-1].headers
        assert "tid=" not in repr(client.calls[-1])


@pytest.mark.parametrize(
    ("member", "refusal"),
    [
        ({"seed": 7}, (b'"seed"', {"message": "Unknown parameter: 'seed'.", "code": "unknown_parameter"})),
        (
            {"max_tokens": 9},
            (b'"max_tokens"', {"message": "Use max_completion_tokens instead of max_tokens.", "code": None}),
        ),
    ],
)
async def test_requests_that_are_refused_at_once_are_all_mended(
    monkeypatch: pytest.MonkeyPatch, member: dict[str, Any], refusal: tuple[bytes, dict[str, Any]]
) -> None:
    async with opened(monkeypatch) as gateway:
        client = gateway.client
        client.held, client.refusal = asyncio.get_running_loop().create_future(), refusal
        answers: list[list[Message]] = [[], [], []]
        client.awaited = len(answers)
        asking = [asyncio.create_task(gateway.ask(sent=sent, **member)) for sent in answers]
        await client.asked.wait()
        client.held.set_result(None)
        await asyncio.gather(*asking)
        # The first refusal teaches; the others were sent before that and are no less mended.
        assert [sent[0]["status"] for sent in answers] == [200, 200, 200]
