"""The failure table through the whole gateway: what clients see of each (R-13, R-22 to R-30, R-36)."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import pytest

from tests.server.conftest import Pair
from tests.support.instrumented import DIALECTS, Dialect, InstrumentedGateway, ask
from tests.support.scripted_upstream import ScriptedUpstream, Step
from tests.support.servers import server_arguments
from tests.support.upstream_failures import FAILURES, Failure, read_chat, read_messages
from tests.support.upstream_steps import fin, reset, stream

CHAT = "/chat/completions"
READ = {"chat": read_chat, "messages": read_messages}
LIMITS = {"first_byte": ("--first-byte-timeout", "0.4"), "idle": ("--stream-idle-timeout", "1")}


@pytest.fixture(scope="module")
def impatient(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Pair]]:
    """Gateways of which one limit each is short; a short one for all would end what a busy machine delays."""
    if sys.platform != "linux":
        pytest.skip("the hooks of the process are signals of Linux")
    with contextlib.ExitStack() as stack:
        pairs = {}
        for name, limit in LIMITS.items():
            upstream = stack.enter_context(ScriptedUpstream())
            home = tmp_path_factory.mktemp("home")
            made = InstrumentedGateway(home, upstream.url, *limit, *server_arguments(server))
            pairs[name] = Pair(stack.enter_context(made), upstream, server)
        yield pairs


@pytest.mark.parametrize("step", [fin(), reset()], ids=lambda step: step.name)
def test_a_request_is_repeated_once_at_most(pair: Pair, step: Step) -> None:
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
def test_twelve_requests_to_an_upstream_that_closes_after_each(pair: Pair, dialect: Dialect) -> None:
    """R-39: it promises to keep the connection and closes it; nobody notices, nothing is sent twice."""
    good = stream("scripted ", "answer")
    pair.upstream.always(CHAT, *good, fin())
    for _ in range(12):
        with pair.gateway.connect() as connection:
            ask(connection, dialect)
            assert READ[dialect](connection.response().body) == ("scripted answer", True, [])
    assert len(pair.upstream.attempts(CHAT)) == 12


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_stream(pair: Pair, impatient: dict[str, Pair], failure: Failure, dialect: Dialect) -> None:
    used = impatient.get(failure.timeout, pair)
    used.upstream.forget()
    used.upstream.close_idle()  # what came before must not be to blame, nor be repeated for
    used.upstream.plan(CHAT, *failure.script)
    with used.gateway.connect() as connection:
        ask(connection, dialect)
        response = connection.response()
    assert len(used.upstream.attempts(CHAT)) == failure.attempts
    if failure.seen == "status":
        assert response.status == failure.status
        assert response.json["error"]["message"]
        assert response.json.get("type") == ("error" if dialect == "messages" else None)
        return
    assert response.status == 200
    text, ended, errors = READ[dialect](response.body)
    assert text == "".join(failure.texts)
    assert ended == (failure.seen == "whole")
    assert len(errors) == (failure.seen == "error")
    # And nothing of it is left for the next request.
    with used.gateway.connect() as connection:
        ask(connection, dialect)
        assert READ[dialect](connection.response().body) == ("scripted answer", True, [])
