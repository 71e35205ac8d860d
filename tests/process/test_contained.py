"""One request's failure is its own: panics in each stage, and clients that leave (R-55)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import pytest

from tests.support.http import Answer, request
from tests.support.instrumented import InstrumentedGateway, ask, body_of
from tests.support.raw_http import Cut
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.servers import need_native
from tests.support.upstream_failures import read_chat
from tests.support.upstream_steps import done, end, finish, frame, head, hold, wait

pytestmark = pytest.mark.process_faults

CHAT = "/chat/completions"
PATH = f"/v1{CHAT}"
BODY = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hi"}]}
STREAM = {**BODY, "stream": True}
OPTIONS = ("--rate-limit", "1", "--rate-burst", "1000000", "--cache", "1M")
STAGES = (
    "body",
    "relay",
    "validation",
    "translation",
    "tokenizer",
    "limiter",
    "concurrency",
    "token",
    "cache",
    "client",
    "server",
)
"""In this order: where a component has panicked, requests do not come by all of the engine any more."""
COUNTED = "/v1/messages/count_tokens"


@pytest.fixture(scope="module")
def panicking(
    upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[InstrumentedGateway]:
    need_native("panic_once")
    home = tmp_path_factory.mktemp("home")
    with InstrumentedGateway(home, upstream.url, *OPTIONS) as gateway:
        yield gateway


def send(gateway: InstrumentedGateway, stage: str, *, panic: bool) -> Answer | None:
    """Make a request that comes by a stage; None when it was cut."""
    streamed = stage in ("relay", "body")
    path, body = (COUNTED, {**BODY, "max_tokens": 9}) if stage == "tokenizer" else (PATH, BODY)
    if stage == "cache":
        body = {**body, "temperature": 0}
    try:
        headers = {"x-test-panic": stage} if panic else {}
        return request(gateway.url, "POST", path, STREAM if streamed else body, headers)
    except (OSError, Exception) as error:
        if type(error).__name__ in ("RemoteDisconnected", "IncompleteRead", "ConnectionResetError"):
            return None
        raise


def cut_in_the_middle(gateway: InstrumentedGateway, upstream: ScriptedUpstream) -> None:
    """The server's stage begins anew for each piece: the stream has begun when the panic comes."""
    upstream.plan(CHAT, head(), frame("some"), wait("later"), frame("more"), hold())
    with gateway.connect() as connection:
        ask(connection, "chat", None, ("X-Test-Panic", "body"))
        attempt = upstream.attempt(CHAT, 1)
        attempt.reached("later")
        attempt.release("later")
        with pytest.raises(Cut):
            connection.response()
    attempt.closed()


@pytest.mark.parametrize("stage", STAGES)
def test_r55_a_panic_in_a_stage_costs_its_request_at_most(
    panicking: InstrumentedGateway, upstream: ScriptedUpstream, stage: str
) -> None:
    upstream.forget()
    upstream.plan(CHAT, head(), frame("before "), wait("go"), frame("after"), finish(), done(), end())
    with panicking.connect() as running:
        ask(running, "chat")
        running.head()
        got = running.chunk()
        if stage == "body":
            cut_in_the_middle(panicking, upstream)
            answer = None
        else:
            answer = send(panicking, stage, panic=True)
        if stage == "server":
            # It is armed within the request that it cannot meet any more: the next one meets it.
            answer = send(panicking, stage, panic=False)
        if answer is not None and answer.status == 200 and stage == "relay":
            text, ended, errors = read_chat(answer.body)
            assert ended != bool(errors)
            assert text in ("", "scripted ", "scripted answer")
        elif answer is not None and answer.status != 200:
            assert answer.status in (500, 502)
            assert json.loads(answer.body)["error"]["message"]
        # Nothing is poisoned: the same again, and twice, since a component may have been replaced.
        for _ in range(2):
            again = send(panicking, stage, panic=False)
            assert again is not None
            assert again.status == 200
        upstream.attempt(CHAT).release("go")
        while data := running.chunk():
            got += data
    assert read_chat(got) == ("before after", True, [])
    assert panicking.process.poll() is None
    panicking.errors.wait_for("native code panicked at crates/copilot-core/src/hook.rs")
    assert "armed by a test" not in panicking.errors.text + panicking.output.text


def test_r55_sixty_clients_that_leave_are_no_errors(
    engine: str, upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> None:
    upstream.forget()
    upstream.always(CHAT, head(), frame("some"), hold())
    home = tmp_path_factory.mktemp("home")
    with InstrumentedGateway(home, upstream.url, "--engine", engine) as gateway:
        errors = list(gateway.errors.lines)
        for number in range(60):
            with gateway.connect() as connection:
                body = body_of("chat", stream=number % 2 == 0)
                ask(connection, "chat", body)
                attempt = upstream.attempt(CHAT, number)
                attempt.reached("hold")
                if number % 4 == 0:
                    connection.head()
                    with contextlib.suppress(Cut):
                        connection.chunk()
                if number % 3:
                    connection.abort()
            attempt.closed()
        gateway.wait_until_idle()
        assert gateway.stop() == 0
    assert gateway.errors.lines == errors
