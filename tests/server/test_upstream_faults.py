"""Every failure of upstream by name, in every dialect, streamed and whole, on both engines (issue 6).

The table is `tests.support.faults`. For each row all dialects ask at the same time, each twice: for a stream
and for a whole answer, by each leg that the row is for.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.matrix.chat import Chat
from tests.matrix.completions import Completions
from tests.matrix.gemini import Gemini
from tests.matrix.messages import Messages
from tests.matrix.ollama import Ollama
from tests.matrix.responses import Responses
from tests.matrix.talk import Ask, Dialect, Tool, user
from tests.support.faults.cases import Case, Fault
from tests.support.faults.hearing import hear, status_for
from tests.support.faults.legs import LEGS, Leg
from tests.support.faults.table import FAULTS
from tests.support.faults.tools import TOOL
from tests.support.process import GatewayProcess
from tests.support.raw_http import RawConnection, RawResponse
from tests.support.scripted_upstream import Attempt, Script, ScriptedUpstream
from tests.support.servers import need, need_native, server_arguments
from tests.support.upstream_steps import whole

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect for dialect in (Chat(), Messages(), Responses(), Gemini(), Ollama(), Completions())
}
TOOLS = (Tool(TOOL, {"type": "object", "properties": {}}),)
LIMITS = {
    "": (),
    "first_byte": ("--first-byte-timeout", "0.4"),
    "idle": ("--stream-idle-timeout", "0.6"),
    "content": ("--stream-content-timeout", "0.6"),
}
FOLLOWERS = 20
"""Requests that must know nothing of a connection with bytes beyond its message (R-13)."""
_MARK = re.compile(rb"case (\d+) of")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a client, and what it should see."""

    number: int
    dialect: Dialect
    leg: Leg
    stream: bool
    case: Case

    @property
    def words(self) -> str:
        return f"{self.dialect.name} by {self.leg.name}, {'streamed' if self.stream else 'whole'}"


@dataclass(frozen=True, slots=True)
class Pair:
    """A gateway with one short limit at most, and the upstream behind it."""

    gateway: GatewayProcess
    upstream: ScriptedUpstream


Pairs = Callable[[str, str, str], Pair]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pairs]:
    """Starts a pair when it is first asked for, by engine, server and limit."""
    made: dict[tuple[str, str, str], Pair] = {}
    with contextlib.ExitStack() as stack:

        def get(engine: str, server: str, limit: str) -> Pair:
            if (engine, server, limit) not in made:
                upstream = stack.enter_context(ScriptedUpstream())
                gateway = GatewayProcess(
                    tmp_path_factory.mktemp("home"),
                    upstream.url,
                    *("--engine", engine),
                    *("--max-concurrency", "200", *server_arguments(server), *LIMITS[limit]),
                )
                made[engine, server, limit] = Pair(stack.enter_context(gateway), upstream)
            return made[engine, server, limit]

        yield get


def asked_of(fault: Fault) -> Iterator[Asked]:
    """All requests for one row."""
    numbers = itertools.count()
    for leg, name, (stream, case) in itertools.product(
        fault.legs, fault.dialects, ((True, fault.stream), (False, fault.plain))
    ):
        if case is not None:
            yield Asked(next(numbers), DIALECTS[name], LEGS[leg], stream, case)


def is_played(engine: str, server: str, fault: Fault) -> bool:
    """Each engine on its own server; on the other's what that has to do with: how a stream ends."""
    if (engine == "native") == (server == "native"):
        return True
    return fault.stream is not None and bool({"R-26", "R-27"} & set(fault.ids.split()))


PLAYED = [
    pytest.param(engine, server, fault, id=f"{engine}-{server}-{fault.name}")
    for engine, server in itertools.product(("native", "reference"), ("native", "uvicorn"))
    for fault in FAULTS
    if is_played(engine, server, fault)
]


@pytest.mark.upstream_faults
@pytest.mark.parametrize(("engine", "server", "fault"), PLAYED)
def test_fault(pairs: Pairs, engine: str, server: str, fault: Fault) -> None:
    wanted = list(asked_of(fault))
    if (engine == "native") != (server == "native"):
        wanted = [each for each in wanted if each.stream and each.leg.name == "chat"]
    run(pairs, engine, server, fault, wanted)


def test_the_table_is_as_large_as_it_has_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    requests = sum(1 for fault in FAULTS for _ in asked_of(fault))
    dialects = {name for fault in FAULTS for name in fault.dialects}
    with capsys.disabled():
        print(
            f"\nupstream faults: {len(FAULTS)} faults x {len(dialects)} dialects x stream and whole answers "
            f"x 2 engines, by {len(LEGS)} legs: {2 * requests} requests"
        )
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 70
    for fault in FAULTS:
        assert re.fullmatch(r"(R-\d\d ?)+", fault.ids), fault.name


def run(pairs: Pairs, engine: str, server: str, fault: Fault, wanted: list[Asked]) -> None:
    if engine == "native":
        need_native("Client")
    need(server)
    pair = pairs(engine, server, fault.limit)
    upstream = pair.upstream
    upstream.forget()
    upstream.close_idle()  # what came before must not be to blame, nor be repeated for

    by_number = {asked.number: asked for asked in wanted}

    def choose(attempt: Attempt) -> Script:
        number = mark_of(attempt)
        return by_number[number].case.script(by_number[number].leg) if number is not None else good(attempt)

    for leg in LEGS.values():
        upstream.choose(leg.path, choose)
    wrong = []
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(send(pair.gateway, asked)) for asked in wanted]
        for asked, connection in zip(wanted, connections, strict=True):
            try:
                check(asked, connection.response())
            except Exception as error:  # all of them are told, each by its name
                wrong.append(ascii(f"{asked.words}: {type(error).__name__}: {error}")[:1000])
    attempts = [mark_of(attempt) for attempt in upstream.attempts()]
    wrong += [
        f"{asked.words}: upstream was asked {count} times"
        for asked in wanted
        if (count := attempts.count(asked.number)) != asked.case.attempts
    ]
    assert not wrong, "\n".join([f"{len(wrong)} of {len(wanted)} are wrong:", *wrong])
    if not fault.limit:
        for _ in range(FOLLOWERS if fault.taints else 1):
            check_next(pair)


def send(gateway: GatewayProcess, asked: Asked) -> RawConnection:
    text = f"case {asked.number} of"
    tools = TOOLS if asked.case.calls and asked.dialect.tools else ()
    made = asked.dialect.request(Ask(asked.leg.model, (user(text),), asked.stream, tools=tools))
    connection = RawConnection(("127.0.0.1", gateway.port), timeout=60)
    headers = {"Content-Type": "application/json", **made.headers}
    connection.request("POST", made.path, *headers.items(), body=json.dumps(made.body).encode())
    return connection


def mark_of(attempt: Attempt) -> int | None:
    found = _MARK.search(attempt.body)
    return int(found[1]) if found else None


def good(attempt: Attempt) -> Script:
    """A whole answer for the requests that come after."""
    leg = next(leg for leg in LEGS.values() if leg.path == attempt.path)
    return whole(leg.answer("scripted answer"))


def check_next(pair: Pair) -> None:
    """Nothing of a failure is left for the next request."""
    made = DIALECTS["chat"].request(Ask(LEGS["chat"].model, (user("hello"),)))
    with RawConnection(("127.0.0.1", pair.gateway.port)) as connection:
        body = json.dumps(made.body).encode()
        connection.request("POST", made.path, ("Content-Type", "application/json"), body=body)
        response = connection.response()
    assert response.status == 200, response
    assert DIALECTS["chat"].whole(response.body).text == "scripted answer"


def check(asked: Asked, response: RawResponse) -> None:
    case, dialect = asked.case, asked.dialect
    assert b"forged" not in response.body
    for name, value in case.headers:
        assert response.header(name) == value
    if case.seen == "status":
        assert response.status == status_for(dialect.name, case.status), response
        assert response.header("content-type") == "application/json"
        assert len(response.body) < 4000
        message = dialect.error(response.status, response.body)
        assert message
        assert case.says in message, message
        assert case.hint in response.body.decode()
        return
    assert response.status == 200, response
    if not asked.stream:
        said = dialect.whole(response.body)
        assert said.text == case.text
        return
    heard = hear(dialect.name, response.body)
    assert heard.text == case.text, f"{heard.text[:200]!r}, {len(heard.text)} characters"
    if case.seen == "error":
        assert heard.errors, "no error"
        assert case.says in heard.errors[0], heard.errors
        assert not heard.ended
        assert heard.finish == [], "a reason that nobody gave"
        return
    assert heard.errors == []
    assert heard.ended
    assert [json.loads(text) for _, text in sorted(heard.arguments.items())] == [
        call.arguments for call in case.calls
    ]
    if case.odd and dialect.name == asked.leg.name:
        return
    said = dialect.streamed(response.body)
    assert said.text == case.text
    assert [(call.name, call.arguments) for call in said.calls] == [
        (call.name, call.arguments) for call in case.calls
    ]
