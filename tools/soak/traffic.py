"""One request of the soak: what is asked, what must come back, and whether it did."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.matrix.chat import Chat
from tests.matrix.completions import Completions
from tests.matrix.gemini import Gemini
from tests.matrix.messages import Messages
from tests.matrix.ollama import Ollama
from tests.matrix.responses import Responses
from tests.matrix.talk import Ask, Dialect, Tool, user

from . import frames, reading
from .client import Connection, Cut, Head, Pool
from .orders import BEFORE, HARMLESS, HOLDS, MODELS, PARAMETERS, TOOL, WITHIN, Leg, Order

DIALECTS: tuple[Dialect, ...] = (Chat(), Messages(), Responses(), Gemini(), Ollama(), Completions())
LEGS: tuple[Leg, ...] = ("chat", "responses", "messages")
CAP = 16_000
PLAIN_FAULTS = ("cut", "reset", *BEFORE, *HARMLESS)
STATUS = {"status429": 429, "status500": 500, "html": 502, "close": 502, "cut": 502, "reset": 502}
SLOW = 0.004
"""Seconds that a slow reader waits after each chunk."""
MOST_EXAMPLES = 10


@dataclass(slots=True)
class Tally:
    """What came of the requests."""

    requests: int = 0
    streams: int = 0
    whole: int = 0
    calls: int = 0
    slow: int = 0
    aborted: int = 0
    idle: int = 0
    damaged: int = 0
    unexpected: int = 0
    bytes: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    left: dict[int, float] = field(default_factory=dict)
    """When the client of an order went away, until upstream has seen it."""

    def wrong(self, kind: str, what: str) -> None:
        """Count something that must not be."""
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(f"{kind}: {what}"[:400])


class Traffic:
    """Makes requests and judges their answers. `chance` decides, so a seed gives the same requests again."""

    def __init__(self, pool: Pool, port: int, tally: Tally, chance: random.Random) -> None:
        self._pool = pool
        self._port = port
        self._chance = chance
        self.tally = tally
        self.number = 0

    def draw(self, faulty: float = 0.05, aborting: float = 0.01) -> tuple[Dialect, Leg, Order]:
        """Return the next request."""
        chance = self._chance
        dialect, leg, stream = chance.choice(DIALECTS), chance.choice(LEGS), chance.random() < 0.75
        fate, words, pace = "good", chance.randint(5, 60), chance.choice((0, 0, 1, 3))
        drawn = chance.random()
        if drawn < aborting:
            fate = chance.choice([name for name in HOLDS if stream or name in ("hold_head", "hold_plain")])
        elif drawn < aborting + faulty:
            # A silent upstream costs seconds, so it is drawn less often.
            kinds = (*WITHIN[:-1], *BEFORE, *HARMLESS) if stream else PLAIN_FAULTS
            fate = "silent" if stream and chance.random() < 0.02 else chance.choice(kinds)
        elif drawn > 0.997:
            fate, words, pace = "slow", 2500, 0
            stream = True
        elif drawn > 0.99:
            words, pace = 60, 60
        return dialect, leg, self.order(fate, words, pace, dialect, stream=stream)

    def order(self, fate: str, words: int, pace: int, dialect: Dialect, *, stream: bool) -> Order:
        """Return an order with a number of its own."""
        self.number += 1
        call = dialect.tools and fate == "good" and self._chance.random() < 0.25
        return Order(self.number, words, fate, pace, call, stream)

    async def run(self, dialect: Dialect, leg: Leg, order: Order) -> None:
        """Make one request and judge its answer."""
        tally = self.tally
        tally.requests += 1
        tally.streams += order.stream
        tools = (Tool(TOOL, PARAMETERS),) if order.call else ()
        ask = dialect.request(Ask(MODELS[leg][0], (user(order.mark()),), order.stream, tools=tools, cap=CAP))
        name = f"{dialect.name} over {leg}, {order.mark()}"
        try:
            slow = order.fate == "slow"
            if slow or order.fate in HOLDS:
                connection = await Connection.open(self._port, small=slow)
            else:
                connection = await self._pool.take(fresh=self._chance.random() < 0.2)
        except OSError as error:
            tally.wrong("unexpected", f"{name}: cannot connect: {error}")
            return
        try:
            body = json.dumps(ask.body, ensure_ascii=False).encode()
            connection.ask("POST", ask.path, {**ask.headers, "Content-Type": "application/json"}, body)
            if order.fate in HOLDS:
                await self._leave(connection, order)
                return
            head = await connection.head()
            content = await connection.body(head, pause=SLOW if slow else 0.0)
            tally.bytes += len(content)
        except (Cut, TimeoutError) as error:
            connection.leave(reset=True)
            tally.wrong("damaged", f"{name}: {type(error).__name__} {error}")
            return
        except BaseException:
            connection.leave(reset=True)
            raise
        self._pool.give(connection, head)
        if slow:
            tally.slow += 1
        self._judge(dialect, leg, order, head, content, name)

    async def _leave(self, connection: Connection, order: Order) -> None:
        """Wait until the answer is where it will stop, and go."""
        if order.fate == "hold_within":
            head = await connection.head()
            await connection.some(head)
        # Before that nothing comes by which a client could know how far upstream is.
        await asyncio.sleep(self._chance.uniform(0.05, 0.2))
        self.tally.left[order.number] = time.monotonic()
        connection.leave(reset=self._chance.random() < 0.5)
        self.tally.aborted += 1

    def _judge(self, dialect: Dialect, leg: Leg, order: Order, head: Head, content: bytes, name: str) -> None:
        tally, fate = self.tally, order.fate
        if fate not in ("good", "slow"):
            tally.faults[fate] += 1
        wanted = 200
        if fate in BEFORE or (fate in WITHIN and not order.stream):
            # Ollama's clients know no 500 of a model server behind the one they speak to.
            wanted = 502 if (dialect.name, fate) == ("ollama", "status500") else STATUS[fate]
        if head.status != wanted:
            tally.wrong("unexpected", f"{name}: status {head.status}, not {wanted}: {content[:200]!r}")
            return
        if wanted != 200:
            try:
                dialect.error(head.status, content)
            except (AssertionError, ValueError, KeyError, TypeError) as error:
                tally.wrong("unexpected", f"{name}: an error in no dialect: {error}: {content[:200]!r}")
            return
        try:
            read = reading.streamed if order.stream else reading.whole
            heard = read(dialect.name, content)
        except (reading.Damaged, ValueError) as error:
            tally.wrong("damaged", f"{name}: {error}")
            return
        if fate in WITHIN:
            self._judge_failed(leg, order, heard, name)
        elif heard.failed and order.text().startswith(heard.text) and not heard.ended:
            # Nothing is lost without a word, but there was no reason to fail.
            tally.wrong("unexpected", f"{name}: {heard.failed!r} after {len(heard.text)} characters")
        elif heard.failed or not heard.ended:
            tally.wrong("damaged", f"{name}: ended {heard.ended}, error {heard.failed!r}")
        elif order.call:
            tally.calls += 1
            if json.loads(heard.arguments or "null") != {"text": order.text()}:
                tally.wrong("damaged", f"{name}: arguments {heard.arguments[:100]!r}")
        elif heard.text != order.text():
            tally.wrong("damaged", f"{name}: {_difference(heard.text, order.text())}")
        else:
            tally.whole += 1

    def _judge_failed(self, leg: Leg, order: Order, heard: reading.Heard, name: str) -> None:
        if not heard.failed or heard.ended:
            self.tally.wrong("unexpected", f"{name}: ended {heard.ended}, error {heard.failed!r}")
            return
        sent = b"".join(frames.until_failure(frames.stream(order, leg)))
        expected = reading.streamed(leg, sent).text
        # What was on its way when a connection is reset may be lost; nothing else may.
        good = expected.startswith(heard.text) if order.fate == "reset" else heard.text == expected
        if not good:
            self.tally.wrong("damaged", f"{name}: {_difference(heard.text, expected)}")


def _difference(got: str, wanted: str) -> str:
    at = next((at for at, (a, b) in enumerate(zip(got, wanted, strict=False)) if a != b), -1)
    at = min(len(got), len(wanted)) if at < 0 else at
    there = f"{got[at : at + 40]!r}, not {wanted[at : at + 40]!r}"
    return f"{len(got)} characters, not {len(wanted)}; from {at} on {there}"
