"""Requests as a busy day brings them: conversations of several programs, some of which go wrong."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from copilot_api.simulator import SimulatorServer
from tests.matrix.chat import Chat
from tests.matrix.messages import Messages
from tests.matrix.responses import Responses
from tests.matrix.talk import Ask, Call, Dialect, Said, Turn, assistant, results, user
from tests.support.http import request
from tests.support.process import GatewayProcess
from tests.support.raw_http import RawConnection

DAYS = 30
PATIENCE = 40.0
SILENCE = 60.0
Turned = tuple[Dialect, Ask, dict[str, str]]
"""One request of a conversation, and its headers."""
_ASKED = (
    "Why does the parser lose the last line of the file?",
    "Write a test for the retry with a jittered pause.",
    "Explain what this query does, and make it use the index.",
    "Rename the field everywhere, and keep the old name readable.",
    "The build fails on the second platform only. Find out why.",
)


@dataclass(frozen=True)
class Program:
    """A client as the gateway sees it."""

    user_agent: str
    dialect: Dialect
    models: tuple[str, ...]
    share: float
    session: str = ""
    """Its header for the conversation."""


PROGRAMS = (
    Program(
        "claude-cli/2.1.330 (external, cli)",
        Messages(),
        ("claude-sonnet-4.6", "claude-sonnet-4.6", "claude-opus-4.6", "claude-haiku-4.5"),
        0.45,
        "x-claude-code-session-id",
    ),
    Program("codex_cli_rs/0.169.0", Responses(), ("gpt-5.4", "gpt-5.4", "gpt-5.3-codex"), 0.25, "session-id"),
    Program("opencode/1.18.33", Chat(), ("gpt-5.2", "claude-sonnet-4.6"), 0.18, "x-session-id"),
    Program("curl/8.5.0", Chat(), ("gpt-5-mini",), 0.06),
    Program("OpenAI/Python 3.54.0", Responses(), ("gpt-5.4-mini", "gpt-5.4"), 0.06),
)


def step(dialect: Dialect, name: str, found: str) -> tuple[Turn, Turn]:
    """Give the answer that calls a tool, and what the tool found: the program goes on by itself."""
    call = Call(name, "read_file", {"path": f"{name}.py"})
    arguments = json.dumps(call.arguments)
    raw: Any = {
        "messages": [{"type": "tool_use", "id": name, "name": call.name, "input": call.arguments}],
        "responses": [{"type": "function_call", "call_id": name, "name": call.name, "arguments": arguments}],
        "chat": {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": name, "type": "function", "function": {"name": call.name, "arguments": arguments}}
            ],
        },
    }[dialect.name]
    return assistant(Said(calls=(call,), raw=raw)), results([(call, found)])


@dataclass
class Day:
    """Makes the same requests each time it is made anew."""

    url: str
    chance: random.Random = field(default_factory=lambda: random.Random(4141))  # noqa: S311 - a made-up day

    def conversations(self, count: int) -> Iterator[list[Turned]]:
        """Give the turns of each: all of it is sent again with each turn, as programs do."""
        for number in range(count):
            program = self.chance.choices(PROGRAMS, [each.share for each in PROGRAMS])[0]
            headers = {"user-agent": program.user_agent}
            if program.session:
                headers[program.session] = f"{self.chance.getrandbits(32):08x}-{number:04}"
            yield list(self._turns(program, headers, number))

    def _turns(self, program: Program, headers: dict[str, str], number: int) -> Iterator[Turned]:
        chance, dialect = self.chance, program.dialect
        model = chance.choice(program.models)
        files = "The project, file by file. " * chance.randint(100, 1500)
        turns: list[Turn] = [user(f"{files} {number}. {chance.choice(_ASKED)}")]
        for at in range(chance.randint(1, 9) if program.session else 1):
            if at:
                found = "A line of the file that was asked for.\n" * chance.randint(5, 90)
                turns += step(dialect, f"call_{number}_{at}", found)
            stream = dialect.name != "chat" or chance.random() < 0.7
            yield dialect, Ask(model, tuple(turns), stream), headers

    def run(self, count: int) -> int:
        """Have so many conversations, some at a time. Return how many requests that were."""
        with ThreadPoolExecutor(8) as pool:
            return sum(pool.map(self._talk, list(self.conversations(count))))

    def _talk(self, talk: list[Turned]) -> int:
        for dialect, ask, headers in talk:
            sent = dialect.request(ask)
            answer = request(self.url, "POST", sent.path, sent.body, {**sent.headers, **headers})
            assert answer.status == 200, answer.text
        return len(talk)


def spread(ledger: Path, chance: random.Random, now: float | None = None) -> None:
    """Let what the ledger holds have happened over a month, more of it lately and by day: it is in order.

    The requests and what they cost are real; only their times are made up.
    """
    now = time.time() if now is None else now
    connection = sqlite3.connect(ledger, timeout=20)
    try:
        numbers = [row[0] for row in connection.execute("SELECT id FROM requests ORDER BY id")]
        times = sorted(_moments(len(numbers), chance, now))
        connection.executemany(
            "UPDATE requests SET at = ? WHERE id = ?", list(zip(times, numbers, strict=True))
        )
        connection.commit()
    finally:
        connection.close()


def _moments(count: int, chance: random.Random, now: float) -> Iterator[float]:
    made = 0
    while made < count:
        ago = chance.betavariate(0.6, 2.2) * DAYS * 86_400
        hour = time.localtime(now - ago).tm_hour
        busy = 1.0 if 9 <= hour <= 18 else 0.45 if 7 <= hour <= 22 else 0.08
        if chance.random() < busy:
            made += 1
            yield now - ago


def busy_hour(gateway: GatewayProcess, simulator: SimulatorServer) -> None:
    """A few conversations, and one request of each that fails; all are in the ledger afterwards."""
    sent = Day(gateway.url).run(6)
    for path, model, fault, more in (
        ("/chat/completions", "gpt-4.1", "status", {"status": 503}),
        ("/chat/completions", "gpt-4.1", "cut", {"after_frames": 2}),
        ("/v1/messages", "claude-sonnet-4.6", "error_frame", {"after_frames": 3}),
    ):
        simulator.faults.add(path, fault, **more)
        dialect: Dialect = Messages() if model.startswith("claude") else Chat()
        asked = dialect.request(Ask(model, (user("This goes wrong."),), stream=True))
        request(gateway.url, "POST", asked.path, asked.body)
    wait_for_written(gateway, sent + 3)


def wait_for_written(gateway: GatewayProcess, count: int) -> None:
    """Wait until so many requests are in the ledger."""
    end = time.monotonic() + PATIENCE
    while request(gateway.url, "GET", "/dashboard/api/engine").json["ledger"]["written"] < count:
        assert time.monotonic() < end
        time.sleep(0.05)


@contextmanager
def streaming(simulator: SimulatorServer, gateway: GatewayProcess, program: str) -> Iterator[None]:
    """A stream that began and then says nothing until its client leaves."""
    simulator.faults.add("/chat/completions", "silence", after_frames=2, seconds=SILENCE)
    with RawConnection(("127.0.0.1", gateway.port)) as connection:
        asked = Chat().request(Ask("gpt-4.1", (user("hello"),), stream=True))
        body = json.dumps(asked.body).encode()
        connection.request(
            *("POST", "/v1/chat/completions", ("Content-Type", "application/json")),
            ("User-Agent", program),
            body=body,
        )
        connection.head()
        connection.chunk()
        yield
