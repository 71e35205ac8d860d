"""What the gateway tries again, on each server (R-38, R-39); the rest is `test_upstream_faults`."""

from __future__ import annotations

import pytest

from tests.server.conftest import Pair
from tests.support.instrumented import DIALECTS, Dialect, ask
from tests.support.scripted_upstream import Step
from tests.support.upstream_failures import read_chat, read_messages
from tests.support.upstream_steps import fin, reset, stream

CHAT = "/chat/completions"
READ = {"chat": read_chat, "messages": read_messages}


@pytest.mark.parametrize("step", [fin(), reset()], ids=lambda step: step.name)
def test_r38_a_request_is_repeated_once_at_most(pair: Pair, step: Step) -> None:
    """R-38: a kept connection may have been closed while idle, a fresh one that dies may have been billed."""
    with pair.gateway.connect() as connection:
        ask(connection, "chat")
        assert connection.response().status == 200
    pair.upstream.always(CHAT, step)
    with pair.gateway.connect() as connection:
        ask(connection, "chat")
        assert connection.response().status == 502
    _, *tried = pair.upstream.attempts(CHAT)
    assert len(tried) <= 2
    # Any idle connection may be taken first, also one that an earlier test left.
    assert [attempt for attempt in tried if attempt.number_on_connection == 1] == tried[-1:]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_r39_twelve_requests_to_an_upstream_that_closes_after_each(pair: Pair, dialect: Dialect) -> None:
    """R-39: it promises to keep the connection and closes it; nobody notices, nothing is sent twice."""
    good = stream("scripted ", "answer")
    pair.upstream.always(CHAT, *good, fin())
    for _ in range(12):
        with pair.gateway.connect() as connection:
            ask(connection, dialect)
            assert READ[dialect](connection.response().body) == ("scripted answer", True, [])
    assert len(pair.upstream.attempts(CHAT)) == 12
