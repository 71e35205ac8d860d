"""Requests that our own server carries by a decision that stands, beside those that Python decides about.

Two gateways, each in front of its own scripted upstream, get the same requests in the same order. What
clients see, what upstream sees, the ledger and the counters have to be the same.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from copilot_api.github.credentials import data_directory
from tests.matrix.chat import Chat
from tests.matrix.messages import Messages
from tests.matrix.responses import Responses
from tests.matrix.talk import Ask, Dialect, Tool, user
from tests.support.faults.cases import Case, Fault
from tests.support.faults.legs import LEGS, Leg
from tests.support.faults.table import FAULTS
from tests.support.faults.tools import TOOL
from tests.support.http import request
from tests.support.process import GatewayProcess
from tests.support.raw_http import Cut, RawConnection
from tests.support.scripted_upstream import Attempt, Script, ScriptedUpstream
from tests.support.servers import need_native
from tests.support.upstream_steps import data, end, head, whole

pytestmark = pytest.mark.upstream_faults

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (Chat(), Messages(), Responses())}
TOOLS = (Tool(TOOL, {"type": "object", "properties": {}}),)
LIMITS = {
    "": (),
    "first_byte": ("--first-byte-timeout", "0.4"),
    "idle": ("--stream-idle-timeout", "0.6"),
    "content": ("--stream-content-timeout", "0.6"),
}
JSON = ("Content-Type", "application/json")
_TIME = re.compile(rb'("(?:created|created_at|completed_at)":\s?)1[79]\d{8}')
"""What a translation says of the moment."""
COMPARED = (
    *("dialect", "leg", "asked", "model", "client", "session", "initiator", "reason", "streamed", "status"),
    *("outcome", "attempts", "input_tokens", "cached_tokens", "output_tokens", "nano_aiu", "multiplier"),
    *("bytes_in", "bytes_out", "rewrites"),
)
"""Columns of the ledger without times and ids."""


@dataclass(frozen=True, slots=True)
class Side:
    """A gateway and the upstream behind it."""

    gateway: GatewayProcess
    upstream: ScriptedUpstream
    home: Path

    def carried(self) -> tuple[int, int]:
        facts = json.loads(request(self.gateway.url, "GET", "/health").body)["standing"]
        return facts["carried"], facts["returned"]

    def counters(self) -> list[str]:
        lines = request(self.gateway.url, "GET", "/metrics").body.decode().splitlines()
        names = ("copilot_api_failures", "copilot_api_upstream", "copilot_api_requests")
        return sorted(line for line in lines if line.startswith(names))

    def ledger(self) -> Counter[tuple[Any, ...]]:
        """After the gateway has ended."""
        path = data_directory(self.home) / "ledger.sqlite"
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return Counter(connection.execute(f"SELECT {', '.join(COMPARED)} FROM requests"))  # noqa: S608


@dataclass(frozen=True, slots=True)
class Both:
    """The gateway whose server carries, and the one where each request is decided about."""

    standing: Side
    ordinary: Side

    def __iter__(self) -> Iterator[Side]:
        return iter((self.standing, self.ordinary))

    def check_counters(self) -> None:
        assert self.standing.counters() == self.ordinary.counters()


def start(stack: contextlib.ExitStack, home: Path, *arguments: str) -> Side:
    upstream = stack.enter_context(ScriptedUpstream())
    gateway = GatewayProcess(home, upstream.url, "--max-concurrency", "200", *arguments)
    return Side(stack.enter_context(gateway), upstream, home)


@contextlib.contextmanager
def both_of(make_home: Callable[[str], Path], *arguments: str) -> Iterator[Both]:
    """Start both; at the end their ledgers have to be equal."""
    need_native("Standing")
    with contextlib.ExitStack() as stack:
        sides = Both(
            start(stack, make_home("standing"), "--native", "standing=on", *arguments),
            start(stack, make_home("ordinary"), "--native", "standing=off", *arguments),
        )
        yield sides
        carried, _ = sides.standing.carried()
        assert carried > 0
    standing, ordinary = (side.ledger() for side in sides)
    assert not standing - ordinary, "only where it was carried"
    assert not ordinary - standing, "only where it was decided about"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client sees, without what differs between any two answers."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    cut: str = ""


def read(connection: RawConnection) -> tuple[Seen, str]:
    """The answer, and the id that it has."""
    try:
        answer = connection.response()
    except Cut as cut:
        return Seen(0, (), cut.got, cut.how), ""
    headers = [(name, value) for name, value in answer.headers if name.lower() != "date"]
    own = next((value for name, value in headers if name.lower() == "x-request-id"), "")
    masked = tuple((name, "…" if value == own else value) for name, value in headers)
    return Seen(answer.status, masked, _TIME.sub(rb'\1"now"', answer.body)), own


def sent(attempt: Attempt, ids: set[str]) -> tuple[Any, ...]:
    """What upstream got; its id has to be the client's."""
    fields = []
    for name, value in attempt.headers:
        shown = value
        if name.lower() == "x-request-id":
            shown = "the client's" if value in ids else "another"
        elif name.lower() == "host":
            shown = "…"
        fields.append((name, shown))
    return attempt.method, attempt.target, tuple(fields), attempt.body


# ------------------------------------------------------------------------------ what goes wrong upstream


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that upstream fails at."""

    number: int
    dialect: Dialect
    leg: Leg
    stream: bool
    case: Case

    def send(self, side: Side, text: str) -> RawConnection:
        tools = TOOLS if self.case.calls and self.dialect.tools else ()
        made = self.dialect.request(Ask(self.leg.model, (user(text),), self.stream, tools=tools))
        connection = RawConnection(("127.0.0.1", side.gateway.port), timeout=60)
        body = json.dumps(made.body).encode()
        connection.request("POST", made.path, JSON, *made.headers.items(), body=body)
        return connection


def asked_of(fault: Fault) -> list[Asked]:
    numbers = itertools.count()
    return [
        Asked(next(numbers), DIALECTS[name], LEGS[leg], stream, case)
        for leg, name, (stream, case) in itertools.product(
            fault.legs, fault.dialects, ((True, fault.stream), (False, fault.plain))
        )
        if case is not None and name in DIALECTS
    ]


def good(leg: Leg, attempt: Attempt) -> Script:
    if attempt.json.get("stream"):
        return (head(), data(leg.parts().whole), end())
    return whole(leg.answer("scripted answer"))


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Both]]:
    """Both gateways, by the one short limit that they have."""
    made: dict[str, Both] = {}
    with contextlib.ExitStack() as stack:

        def get(limit: str) -> Both:
            if limit not in made:
                made[limit] = stack.enter_context(both_of(tmp_path_factory.mktemp, *LIMITS[limit]))
            return made[limit]

        yield get


def play(side: Side, fault: Fault, wanted: list[Asked]) -> tuple[list[Seen], list[tuple[Any, ...]]]:
    """Let decisions stand for all of them, then let upstream fail. Returns what clients and upstream saw."""
    upstream = side.upstream
    upstream.forget()
    upstream.close_idle()
    fails = {f"case {asked.number} of": asked for asked in wanted}

    def chooser(leg: Leg) -> Callable[[Attempt], Script]:
        def choose(attempt: Attempt) -> Script:
            asked = next((each for mark, each in fails.items() if mark.encode() in attempt.body), None)
            return good(leg, attempt) if asked is None else asked.case.script(asked.leg)

        return choose

    for leg in LEGS.values():
        upstream.choose(leg.path, chooser(leg))
    for asked in wanted:
        for _ in range(2):
            with asked.send(side, "case none") as connection:
                seen, _ = read(connection)
                assert seen.status == 200, seen
    before = len(upstream.attempts())
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(asked.send(side, f"case {asked.number} of")) for asked in wanted]
        answers = [read(connection) for connection in connections]
    ids = {own for _, own in answers}
    # How often a token is renewed when many are refused at once is a matter of when they are.
    asked = (attempt for attempt in upstream.attempts()[before:] if attempt.method == "POST")
    attempts = sorted(sent(attempt, ids) for attempt in asked)
    return [seen for seen, _ in answers], attempts


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in FAULTS])
def test_what_upstream_does_wrong_ends_as_if_python_had_sent_it(
    sides: Callable[[str], Both], fault: Fault
) -> None:
    wanted = asked_of(fault)
    if not wanted:
        pytest.skip("none of the dialects that are carried")
    both = sides(fault.limit)
    (standing, asked_by_standing), (ordinary, asked_by_ordinary) = (
        play(side, fault, wanted) for side in both
    )
    for asked, one, other in zip(wanted, standing, ordinary, strict=True):
        words = f"{asked.dialect.name} by {asked.leg.name}, {'streamed' if asked.stream else 'whole'}"
        assert one == other, words
    assert asked_by_standing == asked_by_ordinary
    both.check_counters()


# ----------------------------------------------------------------------------------------- what clients say

CHAT: dict[str, Any] = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
ANTHROPIC: dict[str, Any] = CHAT | {"model": "claude-opus-5", "max_tokens": 50}
RESPONSES: dict[str, Any] = {"model": LEGS["responses"].model, "input": "hello"}
EMBEDDINGS: dict[str, Any] = {"model": "text-embedding-3-small", "input": ["hello"]}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
FUNCTION = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}

BODIES: tuple[tuple[str, Any], ...] = (
    ("/v1/chat/completions", CHAT),
    ("/chat/completions", CHAT | {"stream": True}),
    ("/v1/chat/completions", CHAT | {"max_tokens": None}),
    (
        "/v1/chat/completions",
        CHAT | {"max_tokens": 5, "stream": True, "stream_options": {"include_usage": True}},
    ),
    ("/v1/chat/completions", CHAT | {"tools": [FUNCTION], "reasoning_effort": "low"}),
    ("/v1/chat/completions", CHAT | {"messages": [{"role": "user", "content": [PICTURE]}]}),
    ("/v1/chat/completions", CHAT | {"messages": [*CHAT["messages"], {"role": "assistant", "content": "x"}]}),
    ("/v1/chat/completions", CHAT | {"model": "claude-opus-5"}),
    ("/v1/chat/completions", CHAT | {"model": LEGS["responses"].model, "stream": True}),
    ("/v1/chat/completions", CHAT | {"model": "no-such-model"}),
    ("/v1/messages", ANTHROPIC),
    ("/v1/messages?beta=true", ANTHROPIC | {"stream": True}),
    ("/v1/messages", ANTHROPIC | {"model": "gpt-4.1"}),
    ("/v1/messages", ANTHROPIC | {"model": "gpt-4.1", "stream": True}),
    (
        "/v1/messages",
        ANTHROPIC | {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 4000},
    ),
    ("/v1/responses", RESPONSES),
    ("/responses", RESPONSES | {"stream": True}),
    ("/v1/responses", RESPONSES | {"model": "gpt-4.1", "stream": True}),
    ("/v1/embeddings", EMBEDDINGS),
    ("/embeddings", EMBEDDINGS | {"input": "hello"}),
    ("/v1/chat/completions", b'{"model":"gpt-4.1","messages":[{"role":"user","content":"\\ud800"}]}'),
    (
        "/v1/chat/completions",
        b'\xef\xbb\xbf{"messages":[{"role":"user","content":"a"}],"model":"gpt-4.1","n":1}',
    ),
    ("/v1/chat/completions", b'{"model":"gpt-4.1","messages":[],"x":NaN}'),
    ("/v1/chat/completions", b"{"),
    ("/v1/chat/completions", b""),
    ("/v1/completions", {"model": "gpt-4.1", "prompt": "hello"}),
)
HEADERS: tuple[tuple[tuple[str, str], ...], ...] = (
    (),
    (),
    (("X-Initiator", "agent"),),
    (("X-Initiator", "USER"),),
    (("X-Initiator", "nobody"),),
    (("x-openai-subagent", "review"),),
    (("anthropic-beta", "interleaved-thinking-2025-05-14,context-1m-2025-08-07"),),
    (("anthropic-beta", "a"), ("anthropic-beta", "context-management-2025-06-27")),
    (("User-Agent", "claude-cli/2.0.0 (external, cli)"), ("x-claude-code-session-id", "abc/1")),
    (("session-id", "s-2"), ("x-session-id", "s-3"), ("User-Agent", "codex_cli_rs/0.50")),
    (("Origin", "http://localhost:1"),),
    (("Sec-Fetch-Site", "cross-site"),),
    (("Content-Encoding", "identity"),),
    (("Content-Encoding", "gzip"),),
    (("Authorization", "Bearer dummy"), ("x-api-key", "other")),
    (("X-Request-Id", "of-the-client"), ("X-Forwarded-For", "192.0.2.1")),
    (("Cache-Control", "no-store"),),
)
TYPES = (
    "application/json",
    "Application/JSON ; charset=utf-8",
    "text/plain",
    "application/x-www-form-urlencoded",
)


def said(generator: random.Random) -> tuple[str, tuple[tuple[str, str], ...], bytes]:
    """One request that some client may send."""
    path, given = generator.choice(BODIES)
    kind = generator.choices(TYPES, (20, 3, 1, 1))[0]
    body = given if isinstance(given, bytes) else json.dumps(given).encode()
    return path, (("Content-Type", kind), *generator.choice(HEADERS)), body


def test_what_clients_say_is_answered_alike(tmp_path_factory: pytest.TempPathFactory) -> None:
    generator = random.Random(21)  # noqa: S311
    wanted = [said(generator) for _ in range(300)]
    with both_of(tmp_path_factory.mktemp) as both:
        seen: list[tuple[list[Seen], list[tuple[Any, ...]]]] = []
        for side in both:
            for leg in LEGS.values():
                side.upstream.choose(leg.path, lambda attempt, leg=leg: good(leg, attempt))  # type: ignore[misc]
            answers = []
            for path, headers, body in wanted:
                for _ in range(3):
                    with RawConnection(("127.0.0.1", side.gateway.port)) as connection:
                        connection.request("POST", path, *headers, body=body)
                        answers.append(read(connection))
            ids = {own for _, own in answers}
            paths = {leg.path for leg in LEGS.values()} | {"/embeddings"}
            attempts = [sent(each, ids) for each in side.upstream.attempts() if each.path in paths]
            seen.append(([answer for answer, _ in answers], attempts))
        (standing, by_standing), (ordinary, by_ordinary) = seen
        for number, (one, other) in enumerate(zip(standing, ordinary, strict=True)):
            assert one == other, wanted[number // 3]
        assert by_standing == by_ordinary
        both.check_counters()
        carried, returned = both.standing.carried()
        assert carried > 300
        assert returned == 0
