"""A client of any dialect that goes takes its upstream request with it; a thousand leave nothing (R-32)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from tests.matrix.talk import Dialect
from tests.server.conftest import Pair
from tests.support.departures import (
    DIALECTS,
    SITUATIONS,
    WAYS,
    Situation,
    depart,
    depart_together,
    leave,
    logged,
    open_request,
)
from tests.support.descriptors import count_descriptors
from tests.support.http import request
from tests.support.instrumented import InstrumentedGateway
from tests.support.scripted_upstream import PATIENCE, ScriptedUpstream
from tests.support.servers import server_arguments

CHAT = "/chat/completions"
CEILING = 10.0
"""Seconds; how fast it really is, `make reliability` measures."""
Small = tuple[InstrumentedGateway, ScriptedUpstream]
TOGETHER = 50
DEPARTURES = 1000

by_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
by_situation = pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)


@pytest.fixture(autouse=True)
def quiet(pair: Pair) -> Iterator[None]:
    """Going away is no error and no warning."""
    before = len(logged(pair.gateway))
    yield
    pair.gateway.wait_until_idle()
    assert logged(pair.gateway, before) == []


@by_situation
@by_dialect
def test_r32_upstream_sees_it_soon(pair: Pair, dialect: Dialect, situation: Situation) -> None:
    delays = [depart(pair.gateway, pair.upstream, dialect, situation, how) for how in WAYS]
    assert max(delays) < CEILING


def test_r32_a_thousand_departures_leave_nothing(pair: Pair) -> None:
    turns = [(situation, how) for situation in SITUATIONS for how in WAYS]
    crowd = (DIALECTS * TOGETHER)[:TOGETHER]

    def depart_in_crowds(count: int) -> None:
        for number in range(count):
            depart_together(pair.gateway, pair.upstream, crowd, *turns[number % len(turns)])

    depart_in_crowds(2)
    pair.gateway.wait_until_idle()
    before = (count_descriptors(pair.gateway.process.pid), tasks(pair.gateway))
    depart_in_crowds(DEPARTURES // TOGETHER)
    pair.gateway.wait_until_idle()
    after = (count_descriptors(pair.gateway.process.pid), tasks(pair.gateway))
    # One connection that asks for the figures may be closing still.
    assert after[0] <= before[0] + 2
    assert after[1] <= before[1] + 1


@by_dialect
def test_r32_waiting_for_a_place(
    small: tuple[InstrumentedGateway, ScriptedUpstream], dialect: Dialect
) -> None:
    gateway, upstream = small
    upstream.forget()
    upstream.plan(CHAT, *SITUATIONS[0].script)
    before = len(logged(gateway))
    with open_request(gateway, DIALECTS[0], stream=True) as holder:
        first = upstream.attempt(CHAT)
        for how in WAYS:
            with open_request(gateway, dialect, stream=True) as waiting:
                wait_for_waiting(gateway, 1)
                leave(waiting, how)
            wait_for_waiting(gateway, 0)
        leave(holder, "fin")
    first.closed()
    gateway.wait_until_idle()
    assert len(upstream.attempts(CHAT)) == 1
    assert logged(gateway, before) == []


@pytest.fixture(scope="module")
def small(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """A gateway with one place and a queue for it."""
    arguments = ("--max-concurrency", "1", "--queue-timeout", "60", *server_arguments(server))
    home = tmp_path_factory.mktemp("home")
    with ScriptedUpstream() as upstream, InstrumentedGateway(home, upstream.url, *arguments) as gateway:
        yield gateway, upstream


def tasks(gateway: InstrumentedGateway) -> int:
    found = re.search(
        r"^copilot_api_tasks (\d+)$", request(gateway.url, "GET", "/metrics").text, re.MULTILINE
    )
    assert found
    return int(found[1])


def wait_for_waiting(gateway: InstrumentedGateway, count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while (now := request(gateway.url, "GET", "/health").json["requests_waiting"]) != count:
        assert time.monotonic() < deadline, f"{now} requests wait, not {count}"
