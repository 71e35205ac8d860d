"""Clients that go away in every situation, and how soon upstream sees it (R-32)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tests.matrix.chat import Chat
from tests.matrix.completions import Completions
from tests.matrix.gemini import Gemini
from tests.matrix.messages import Messages
from tests.matrix.ollama import Ollama
from tests.matrix.responses import Responses
from tests.matrix.talk import Ask, Dialect, user
from tests.support.instrumented import InstrumentedGateway
from tests.support.raw_http import RawConnection
from tests.support.scripted_upstream import Attempt, Script, ScriptedUpstream
from tests.support.upstream_steps import data, frame, head, hold

CHAT = "/chat/completions"
How = Literal["fin", "reset"]
WAYS: tuple[How, ...] = ("fin", "reset")
DIALECTS: tuple[Dialect, ...] = (Chat(), Messages(), Responses(), Gemini(), Ollama(), Completions())


@dataclass(frozen=True, slots=True)
class Situation:
    """Where an answer is when its client goes; it stays there."""

    name: str
    script: Script
    stream: bool


SITUATIONS: tuple[Situation, ...] = (
    Situation("before the head", (hold(),), stream=True),
    Situation("before the first byte", (head(), hold()), stream=True),
    Situation("within the stream", (head(), frame("some"), hold()), stream=True),
    Situation("before a whole answer", (hold(),), stream=False),
    Situation(
        "within a whole answer",
        (head(200, [("content-type", "application/json")], framing=1000), data(b'{"id": "x", '), hold()),
        stream=False,
    ),
)


def logged(gateway: InstrumentedGateway, before: int = 0) -> list[str]:
    """Lines of the error output from `before` on, but for what is said at the first start."""
    # It is written before the gateway listens, and may be read after that.
    gateway.errors.wait_for("github-acceptable-use-policies")
    lines = [line for line in gateway.errors.lines if line]
    return lines[before:]


def open_request(gateway: InstrumentedGateway, dialect: Dialect, *, stream: bool) -> RawConnection:
    """Connect and ask, and do not wait."""
    asked = dialect.request(Ask("gpt-4.1", (user("hello"),), stream))
    connection = gateway.connect()
    headers = (("Content-Type", "application/json"), *asked.headers.items())
    body = json.dumps(asked.body, ensure_ascii=False).encode()
    connection.request("POST", asked.path, *headers, body=body)
    return connection


def leave(connection: RawConnection, how: How) -> float:
    """Go away; return when, by `time.monotonic`."""
    now = time.monotonic()
    if how == "fin":
        connection.close()
    else:
        connection.abort()
    return now


def depart(
    gateway: InstrumentedGateway, upstream: ScriptedUpstream, dialect: Dialect, situation: Situation, how: How
) -> float:
    """Ask, go away once the answer is in its situation, and return the seconds until upstream saw it."""
    upstream.forget()
    upstream.plan(CHAT, *situation.script)
    with open_request(gateway, dialect, stream=situation.stream) as connection:
        attempt = upstream.attempt(CHAT)
        attempt.reached("hold")
        if situation.name == "within the stream":
            connection.head()
            while b"some" not in connection.chunk():
                pass
        left = leave(connection, how)
    attempt.closed()
    assert len(upstream.attempts(CHAT)) == 1
    assert attempt.connection.ended_at is not None
    return attempt.connection.ended_at - left


def depart_together(
    gateway: InstrumentedGateway,
    upstream: ScriptedUpstream,
    dialects: Iterable[Dialect],
    situation: Situation,
    how: How,
) -> None:
    """The same for many clients at once."""
    upstream.forget()
    upstream.always(CHAT, *situation.script)
    connections = [open_request(gateway, dialect, stream=situation.stream) for dialect in dialects]
    attempts: list[Attempt] = [upstream.attempt(CHAT, number) for number in range(len(connections))]
    for attempt in attempts:
        attempt.reached("hold")
    for connection in connections:
        leave(connection, how)
    for attempt in attempts:
        attempt.closed()
