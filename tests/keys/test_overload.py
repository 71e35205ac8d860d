"""R-60: when there are more requests than places, or more memory is used than allowed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.keys.conftest import Guarded
from tests.matrix.talk import Ask, Dialect, user
from tests.support.departures import CHAT, DIALECTS
from tests.support.keyed import KeyedGateway
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.upstream_steps import done, end, finish, frame, head, hold, wait

PATH = "/v1/chat/completions"
BODY = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hi"}]}
STREAM = {**BODY, "stream": True}
PLACES = 4


REFUSING = pytest.mark.parametrize("crowded", [""], ids=["refusing"], indirect=True)
QUEUEING = pytest.mark.parametrize("crowded", ["60"], ids=["queueing"], indirect=True)
"""With `--queue-timeout`."""


@pytest.fixture(scope="module")
def crowded(
    request: pytest.FixtureRequest, engine: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    """Four places and three keys; those beyond are refused, or wait."""
    queue = ("--queue-timeout", request.param, "--max-queue", "8") if request.param else ()
    with ScriptedUpstream() as upstream:
        options = ("--engine", engine, "--max-concurrency", str(PLACES), *queue)
        gateway = KeyedGateway(tmp_path_factory.mktemp("home"), upstream.url, *options)
        for name in ("hog", "ann", "bob"):
            gateway.keys.add(name)
        with gateway:
            yield Guarded(gateway, upstream, engine)


def key(crowded: Guarded, name: str) -> dict[str, str]:
    return {"x-api-key": crowded.gateway.keys.keys[name]}


def health(crowded: Guarded) -> Any:
    return crowded.gateway.ask("GET", "/health", None, key(crowded, "bob")).json


def settle(crowded: Guarded) -> None:
    crowded.gateway.until(lambda: health(crowded)["requests_in_flight"] == 0, "all places are free")
    crowded.upstream.forget()


def open_stream(crowded: Guarded, stack: ExitStack, name: str) -> Any:
    response = stack.enter_context(crowded.gateway.asking("POST", PATH, STREAM, key(crowded, name)))
    assert response.status == 200
    return response


@REFUSING
def test_r60_beyond_the_limit_503_at_once_while_streams_keep_their_pace(crowded: Guarded) -> None:
    """Every frame of every stream arrives between two refusals, though nothing else is free."""
    settle(crowded)
    rounds = 5
    steps = [step for at in range(rounds) for step in (frame(f"<{at}>"), wait(f"{at}"))]
    with ExitStack() as stack:
        streams = []
        for number, name in enumerate(("hog", "hog", "ann", "bob")):
            crowded.upstream.plan(CHAT, head(), *steps, finish(), done(), end())
            response = open_stream(crowded, stack, name)
            streams.append((response, crowded.upstream.attempt(CHAT, number)))
        got = [b""] * PLACES
        for at in range(rounds):
            for dialect in DIALECTS:
                asked = dialect.request(Ask("gpt-4.1", (user("hello"),)))
                refused = crowded.gateway.ask("POST", asked.path, asked.body, key(crowded, "ann"))
                assert (refused.status, refused.headers["retry-after"]) == (503, "1")
                assert "limit" in dialect.error(503, refused.body) or "share" in refused.text
            for number, (response, attempt) in enumerate(streams):
                while f"<{at}>".encode() not in got[number]:
                    got[number] += response.read1()
                attempt.release(f"{at}")
        for number, (response, _) in enumerate(streams):
            assert (got[number] + response.read()).endswith(b"data: [DONE]\n\n")


@REFUSING
def test_r60_one_key_cannot_take_all_places(crowded: Guarded) -> None:
    settle(crowded)
    crowded.upstream.always(CHAT, head(), frame("some"), hold())
    with ExitStack() as stack:
        for _ in range(3):
            open_stream(crowded, stack, "hog").read(1)
        refused = crowded.gateway.ask("POST", PATH, STREAM, key(crowded, "hog"))
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert "share" in refused.json["error"]["message"]
        open_stream(crowded, stack, "ann").read(1)
        full = crowded.gateway.ask("POST", PATH, STREAM, key(crowded, "bob"))
        assert (full.status, "limit of 4" in full.text) == (503, True)


@QUEUEING
def test_r60_those_who_wait_are_served_in_turn_by_key(crowded: Guarded) -> None:
    settle(crowded)
    crowded.upstream.always(CHAT, head(), frame("some"), hold())
    with ExitStack() as stack, ThreadPoolExecutor(8) as threads:
        held = [stack.enter_context(ExitStack()) for _ in range(PLACES)]
        for client, name in zip(held, ("hog", "hog", "hog", "bob"), strict=True):
            open_stream(crowded, client, name)
        # The body says who asks, so that upstream can tell in which order they were let in.
        waiting = []
        for name in ("hog", "hog", "hog", "ann", "ann"):
            body = {**BODY, "user": name}
            before = health(crowded)["requests_waiting"]
            waiting.append(threads.submit(crowded.gateway.ask, "POST", PATH, body, key(crowded, name)))
            crowded.gateway.until(
                lambda before=before: health(crowded)["requests_waiting"] == before + 1, "it waits"
            )
        crowded.upstream.forget()
        held[3].close()
        # The hog holds three of four places: the free one goes to ann, again and again.
        assert [each.result(60).status for each in waiting[3:]] == [200, 200]
        assert health(crowded)["requests_waiting"] == 3
        held[0].close()
        assert [each.result(60).status for each in waiting[:3]] == [200] * 3
        order = [attempt.json["user"] for attempt in crowded.upstream.attempts(CHAT)]
    assert order == ["ann", "ann", "hog", "hog", "hog"]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_r60_no_memory_no_new_requests(starved: KeyedGateway, dialect: Dialect) -> None:
    asked = dialect.request(Ask("gpt-4.1", (user("hello"),)))
    answer = starved.ask("POST", asked.path, asked.body)
    assert (answer.status, answer.headers["retry-after"]) == (503, "3")
    assert "memory" in dialect.error(503, answer.body)
    assert starved.ask("GET", "/health").status == 200
    assert starved.ask("GET", "/v1/models").status == 200


@pytest.fixture(scope="module")
def starved(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedGateway]:
    """A gateway that may use less memory than it has at the start."""
    home: Path = tmp_path_factory.mktemp("home")
    with (
        ScriptedUpstream() as upstream,
        KeyedGateway(home, upstream.url, "--engine", engine, "--memory-limit", "1M") as gateway,
    ):
        yield gateway
