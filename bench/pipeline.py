"""What one request costs in Python: the whole app in one process, with an upstream that answers at once.

    python bench/pipeline.py [--requests N] [--profile] [CASE...]

The app is made by `app.open_gateway` with the native engine; only the upstream client is pretended. It is
driven as an ASGI server drives it: a task for each request, a scope with the headers an OpenAI SDK sends, the
body at the first ``receive()``, messages taken by ``send()``. Servers: ``own`` announces that it cancels the
request when the client goes away; ``plain`` is any ASGI server. Figures are microseconds of CPU of the
process, all threads, medians of the rounds; "a task" is what the loop takes for an empty one. The console
writes to the null device. ``--profile`` prints the functions instead.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import os
import pstats
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from copilot_api import _native
from copilot_api import app as wiring
from copilot_api.cli.console import Console, install_logging
from copilot_api.engine import flags
from copilot_api.engine.client_interfaces import RelaySummary
from copilot_api.engine.interfaces import StreamFacts
from copilot_api.engine.server_interfaces import GUARD_EXTENSION
from copilot_api.redaction import Secret
from copilot_api.settings import Settings

ROUNDS = 7
BATCH = 16
"""Requests that one wake of the loop brings, as with many connections."""
MODEL = "gpt-4.1"
TOKEN = {"token": "tid=bench;exp=9999999999;sku=free:0000", "refresh_in": 1500, "expires_at": 9999999999}
CATALOGUE = {
    "data": [
        {
            "id": name,
            "name": name,
            "vendor": "Azure OpenAI",
            "capabilities": {
                "type": "chat",
                "tokenizer": "o200k_base",
                "limits": {"max_output_tokens": 16384, "max_prompt_tokens": 128000},
            },
        }
        for name in (MODEL, "gpt-5-mini", "claude-sonnet-4.5")
    ]
}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1795390000,
    "model": "gpt-4.1-2025-04-14",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello to you."}}
    ],
    "usage": {"prompt_tokens": 14, "completion_tokens": 4, "total_tokens": 18},
}
PIECE = b'data: {"choices":[{"index":0,"delta":{"content":"Hello"}}],"object":"chat.completion.chunk"}\n\n'
OVER = RelaySummary("completed", StreamFacts(events=1), len(PIECE), len(PIECE), 1.0, 2.0)
CHAT = {
    "model": MODEL,
    "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Say hello."}],
    "temperature": 0.7,
}
MESSAGES = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "Say hello."}]}
LARGE = CHAT | {
    "messages": [{"role": "user", "content": "The quick brown fox reads the next file. " * 90}] * 60
}
HEADERS = [
    (b"host", b"127.0.0.1:4141"),
    (b"accept-encoding", b"gzip, deflate"),
    (b"connection", b"keep-alive"),
    (b"accept", b"application/json"),
    (b"content-type", b"application/json"),
    (b"user-agent", b"OpenAI/Python 3.54.0"),
    (b"x-stainless-lang", b"python"),
    (b"x-stainless-package-version", b"3.54.0"),
    (b"x-stainless-os", b"Linux"),
    (b"x-stainless-runtime", b"CPython"),
    (b"authorization", b"Bearer dummy"),
]


class InstantRelay:
    """One piece and the end."""

    native = None
    summary = None

    async def first(self) -> None:
        """Judge nothing."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield PIECE

    def cancel(self, outcome: str) -> None:
        """Nothing runs."""

    async def aclose(self) -> None:
        """Nothing is open."""


class InstantUpstream:
    """An answer that is there at once."""

    status = 200

    def __init__(self, body: bytes, content_type: str = "application/json") -> None:
        self._body = body
        self.headers = {
            "content-type": content_type,
            "date": "Thu, 26 Nov 2026 10:00:00 GMT",
            "x-request-id": "b61c5c1e-6d0f-4a39-8ad6-a2c1f6c8a9a1",
            "x-github-request-id": "C0DE:1:2:3:4",
        }

    async def read(self, _limit: int) -> bytes:
        """Return the body."""
        return self._body

    def relay(self, _plan: Any) -> InstantRelay:
        """Return a stream that is over as soon as it is looked at, and that our own server may take over."""
        relay = InstantRelay()
        vars(relay).update(native=relay, summary=OVER)
        return relay

    async def aclose(self) -> None:
        """Nothing is open."""


class InstantClient:
    """Answers GitHub's and Copilot's endpoints; `streams` tells which kind the chat endpoint sends."""

    streams = False

    def __init__(self) -> None:
        self._answer = json.dumps(ANSWER, separators=(",", ":")).encode()

    async def request(self, call: Any) -> InstantUpstream:
        """Answer."""
        if call.url.endswith("/chat/completions"):
            if self.streams:
                return InstantUpstream(b"", "text/event-stream")
            return InstantUpstream(self._answer)
        body = CATALOGUE if call.url.endswith("/models") else TOKEN
        return InstantUpstream(json.dumps(body).encode())

    async def aclose(self) -> None:
        """Nothing is open."""


@contextmanager
def pretended(client: InstantClient) -> Iterator[None]:
    """Let the wiring make `client` instead of the engine's."""
    real = flags.build_engine

    def build(settings: Settings) -> Any:
        engine = real(settings)
        object.__setattr__(engine, "make_client", lambda _options: client)
        return engine

    wiring.flags.build_engine = build
    try:
        yield
    finally:
        wiring.flags.build_engine = real


def driver(
    app: Any, path: str, body: bytes, *, own: bool, method: str = "POST"
) -> Callable[[], Awaitable[int]]:
    """Return a function that makes one request; it ends the program when the answer is not whole."""
    headers = [*HEADERS, (b"content-length", str(len(body)).encode())]
    extensions: dict[str, Any] = {GUARD_EXTENSION: {"same_user": True}}
    if own:
        extensions |= {"copilot_api.cancel_on_disconnect": {}, "copilot_api.response.relay": {}}
    template = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 4141),
        "extensions": extensions,
    }
    forever = asyncio.get_running_loop().create_future()

    async def request() -> int:
        whole = False
        status = 0
        parts = [_native.Body(body) if own else body]

        async def receive() -> dict[str, Any]:
            if parts:
                return {"type": "http.request", "body": parts.pop(), "more_body": False}
            await asyncio.shield(forever)
            raise AssertionError

        async def send(message: dict[str, Any]) -> None:
            nonlocal whole, status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                whole = not message.get("more_body", False)

        await app(dict(template), receive, send)
        if not whole or status != 200:
            raise SystemExit(f"{path}: no whole answer, or {status}")
        return status

    return request


async def measure(request: Callable[[], Awaitable[Any]], count: int) -> float:
    """Return microseconds of CPU a call."""

    async def batches(calls: int) -> None:
        for _ in range(calls // BATCH):
            tasks = [asyncio.create_task(request()) for _ in range(BATCH)]
            for task in tasks:
                await task

    await batches(count // 10)
    began = time.process_time()
    await batches(count)
    return (time.process_time() - began) / count * 1e6


async def a_task() -> None:
    """Do nothing: what the loop takes for the task of a request."""


def rust_alone(body: bytes, answer: bytes) -> Callable[[], Awaitable[None]]:
    """Return the three native calls of a small chat request: what Python cannot save; in a task."""

    plan = _native.RequestPlan(
        "chat", "chat", None, 16384, "max_tokens", "gpt-4.1", None, None, (), False, (), False
    )

    async def calls() -> None:
        _native.inspect_request(body, "chat")
        _native.translate_request(body, plan)
        _native.translate_answer(answer, "chat", "chat", False, "", b"", 0)

    return calls


async def run(chosen: list[str], count: int, *, profile: bool) -> None:
    client = InstantClient()
    null = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115, ASYNC230 - open until the end
    console = Console({}, out=null, err=null)
    install_logging(console)
    bodies = {
        name: json.dumps(value, separators=(",", ":")).encode()
        for name, value in (
            ("chat", CHAT),
            ("chat stream", CHAT | {"stream": True}),
            ("messages", MESSAGES),
            ("messages stream", MESSAGES | {"stream": True}),
            ("chat 220 kB", LARGE),
        )
    }
    # A console that writes from a thread is told that the program has begun to serve.
    background = getattr(console, "in_background", nullcontext)()
    with pretended(client), background:
        async with wiring.open_gateway(Settings(), Secret("ghu_bench"), request_log=console) as gateway:
            cases: dict[str, Callable[[], Awaitable[Any]]] = {
                "a task": a_task,
                "rust alone": rust_alone(bodies["chat"], json.dumps(ANSWER).encode()),
                "GET /": driver(gateway.app, "/", b"", own=True, method="GET"),
            }
            for name, body in bodies.items():
                path = "/v1/messages" if name.startswith("messages") else "/v1/chat/completions"
                for server in ("own", "plain"):
                    cases[f"{name}, {server}"] = driver(gateway.app, path, body, own=server == "own")
            cases = {name: case for name, case in cases.items() if not chosen or name in chosen}
            await _report(cases, client, count, profile=profile)


async def _report(
    cases: dict[str, Callable[[], Awaitable[Any]]], client: InstantClient, count: int, *, profile: bool
) -> None:
    found: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(1 if profile else ROUNDS):
        for name, request in cases.items():
            client.streams = "stream" in name
            if profile:
                with cProfile.Profile() as profiler:
                    await measure(request, count)
                print(f"== {name}")
                pstats.Stats(profiler).sort_stats("tottime").print_stats(35)
            else:
                found[name].append(await measure(request, count // (10 if "kB" in name else 1)))
    for name, figures in found.items():
        if figures:
            print(f"{name:24} {statistics.median(figures):8.1f} us   (best {min(figures):.1f})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    asyncio.run(run(options.cases, options.requests, profile=options.profile))


if __name__ == "__main__":
    main()
