"""The steps that a scripted upstream plays, and whole scripts made of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from copilot_api.simulator.models import model_list
from tests.support import chat
from tests.support.scripted_upstream import STALLED_AFTER, Attempt, Script, Step

Headers = Iterable[tuple[str, str]]
EVENT_STREAM = ("content-type", "text/event-stream")
JSON = ("content-type", "application/json")
DONE = b"data: [DONE]\n\n"


# ------------------------------------------------------------------------------------------------- bytes


def head(
    status: int = 200,
    headers: Headers = (EVENT_STREAM,),
    *,
    framing: Literal["chunked", "close"] | int = "chunked",
) -> Step:
    """The header section. `framing`: chunked, until the close, or the number of a Content-Length."""

    async def run(attempt: Attempt) -> None:
        lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers)]
        attempt.chunked = framing == "chunked"
        if framing == "chunked":
            lines.append("transfer-encoding: chunked")
        elif framing == "close":
            lines.append("connection: close")
        else:
            lines.append(f"content-length: {framing}")
        await attempt.write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    return Step(f"head {status}", run)


def raw(data: bytes) -> Step:
    """Bytes as they are, outside of any framing."""
    return Step(f"raw {len(data)}", lambda attempt: attempt.write(data))


def _framed(attempt: Attempt, data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data) if attempt.chunked and data else data


def data(content: bytes) -> Step:
    """Bytes of the body; with chunked framing one chunk."""
    return Step(f"data {len(content)}", lambda attempt: attempt.write(_framed(attempt, content)))


def pieces(content: bytes, size: int = 1) -> Step:
    """Bytes of the body in chunks of `size`, each written by itself."""

    async def run(attempt: Attempt) -> None:
        for at in range(0, len(content), size):
            await attempt.write(_framed(attempt, content[at : at + size]))
            await asyncio.sleep(0)

    return Step(f"pieces {len(content)}/{size}", run)


def together(*steps: Step) -> Step:
    """Several writing steps as one write, so that they arrive in one read."""

    async def run(attempt: Attempt) -> None:
        parts: list[bytes] = []

        async def keep(content: bytes) -> None:
            parts.append(content)

        attempt.write, send = keep, attempt.write  # type: ignore[method-assign]
        try:
            for step in steps:
                await step.run(attempt)
        finally:
            attempt.write = send  # type: ignore[method-assign]
        await attempt.write(b"".join(parts))

    return Step("together", run)


def end() -> Step:
    """The proper end of the body; the connection is kept for the next request."""

    async def run(attempt: Attempt) -> None:
        if attempt.chunked:
            await attempt.write(b"0\r\n\r\n")

    return Step("end", run)


def fin() -> Step:
    """Close with a FIN."""

    async def run(attempt: Attempt) -> None:
        attempt.wire.shut("fin")

    return Step("fin", run)


def reset() -> Step:
    """Close with a RST."""

    async def run(attempt: Attempt) -> None:
        attempt.wire.shut("reset")

    return Step("reset", run)


# ------------------------------------------------------------------------------------------------- waiting


def mark(name: str) -> Step:
    """Tell the test that the script is here."""

    async def run(_attempt: Attempt) -> None:
        return

    return Step(name, run)


def wait(name: str) -> Step:
    """Wait until the test releases `name` (`Attempt.release`), or the gateway closes."""

    async def run(attempt: Attempt) -> None:
        await attempt.until_gone(attempt.gate(name).wait())

    return Step(name, run)


def hold(name: str = "hold") -> Step:
    """Say nothing until the gateway closes."""

    async def run(attempt: Attempt) -> None:
        await attempt.until_gone(asyncio.Event().wait())

    return Step(name, run)


def pause(seconds: float) -> Step:
    """Say nothing for so long: for what has to be slow."""

    async def run(attempt: Attempt) -> None:
        await attempt.until_gone(asyncio.sleep(seconds))

    return Step("pause", run)


def hose(unit: bytes, total: int) -> Step:
    """Send `unit` over and over, `total` bytes or more; the mark ``stalled`` when nobody takes it."""

    async def run(attempt: Attempt) -> None:
        block = _framed(attempt, unit) * max(1, 65536 // len(unit))
        told = False
        until = attempt.sent + total
        while attempt.sent < until:
            writing = asyncio.ensure_future(attempt.write(block))
            if not told:
                await asyncio.wait({writing}, timeout=STALLED_AFTER)
                if not writing.done():
                    told = True
                    attempt.note("stalled")
            await writing

    return Step("hose", run)


def drip(unit: bytes, seconds: float) -> Step:
    """Send `unit` again every so many seconds until the gateway closes."""

    async def run(attempt: Attempt) -> None:
        while True:
            await attempt.write(_framed(attempt, unit))
            await attempt.until_gone(asyncio.sleep(seconds))

    return Step("drip", run)


# ------------------------------------------------------------------------------------------- whole answers


def frame(value: Any) -> Step:
    """One event of a chat stream: text, a JSON value, or bytes as data."""
    return data(event(value))


def event(value: Any) -> bytes:
    """The bytes of one event; a string is a piece of text."""
    return chat.sse(chat.frame(value) if isinstance(value, str) else value)


def finish(reason: str = "stop") -> Step:
    """The frame with the finish reason."""
    return data(event(chat.frame(finish=reason)))


def done() -> Step:
    """The end mark of a chat stream."""
    return data(DONE)


def stream(*texts: str) -> Script:
    """A good chat stream, a frame for each text."""
    return (head(), *(frame(text) for text in texts), finish(), done(), end())


def whole(value: Any, status: int = 200, headers: Headers = (JSON,)) -> Script:
    """A complete answer; bytes as they are, anything else as JSON."""
    body = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
    return (together(head(status, headers, framing=len(body)), data(body)),)


def completion(text: str) -> dict[str, Any]:
    """A whole chat answer."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4.1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
    }


TOKEN = {"token": "tid=scripted", "refresh_in": 1500, "expires_at": 4_000_000_000, "endpoints": {}}
MODELS: Sequence[dict[str, Any]] = tuple(model_list())


def good_answer(attempt: Attempt) -> Script:
    """What a request gets for which nothing is planned."""
    match (attempt.method, attempt.path):
        case ("GET", "/copilot_internal/v2/token"):
            return whole(TOKEN)
        case ("GET", "/user"):
            return whole({"login": "octocat-scripted"})
        case ("GET", "/models"):
            return whole({"object": "list", "data": MODELS})
        case ("POST", "/chat/completions"):
            return (
                stream("scripted ", "answer")
                if attempt.json.get("stream")
                else whole(completion("scripted answer"))
            )
        case ("POST", "/embeddings"):
            vector = {"object": "embedding", "index": 0, "embedding": [0.5, -0.5]}
            return whole({"object": "list", "data": [vector], "model": "text-embedding-3-small"})
    return whole(b"404 page not found\n", 404, [("content-type", "text/plain")])
