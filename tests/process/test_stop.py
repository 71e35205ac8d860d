"""Signals to stop, and a port that is taken (R-50, R-51)."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from copilot_api.github.credentials import data_directory
from tests.support.http import Answer, request
from tests.support.process import GatewayProcess
from tests.support.scripted_upstream import Attempt, ScriptedUpstream
from tests.support.upstream_failures import read_chat, read_messages
from tests.support.upstream_steps import completion, done, end, finish, frame, head, hold, wait, whole

pytestmark = pytest.mark.process_faults

CHAT = "/chat/completions"
BODY = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hi"}]}
STREAM = {**BODY, "stream": True}
MESSAGE = {**STREAM, "max_tokens": 500}
LONG = ("--drain-timeout", "300")
SIGNALS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture(autouse=True)
def _nothing_planned(upstream: ScriptedUpstream) -> None:
    upstream.forget()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def wait_until_refused(port: int) -> None:
    """The signal has been taken once nobody new is let in."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionError:
            return


def asked(
    threads: ThreadPoolExecutor,
    gateway: GatewayProcess,
    upstream: ScriptedUpstream,
    number: int,
    *,
    mark: str,
) -> tuple[Future[Answer], Attempt]:
    """Ask for a stream and wait until upstream is at a mark of its script."""
    answer = threads.submit(request, gateway.url, "POST", f"/v1{CHAT}", STREAM)
    attempt = upstream.attempt(CHAT, number)
    attempt.reached(mark)
    return answer, attempt


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_r50_two_streams_in_flight_are_whole_and_nobody_new_is_let_in(
    engine: str,
    upstream: ScriptedUpstream,
    threads: ThreadPoolExecutor,
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    upstream.always(CHAT, head(), frame("some"), wait("go"), frame(" more"), finish(), done(), end())
    with GatewayProcess(tmp_path, upstream.url, "--engine", engine, *LONG) as gateway:
        idle = socket.create_connection(("127.0.0.1", gateway.port))
        running = [asked(threads, gateway, upstream, at, mark="go") for at in range(2)]
        gateway.process.send_signal(number)
        wait_until_refused(gateway.port)
        assert idle.recv(1) == b""  # an idle connection is closed at once
        idle.close()
        for _, attempt in running:
            attempt.release("go")
        assert [read_chat(answer.result().body) for answer, _ in running] == [("some more", True, [])] * 2
        assert gateway.process.wait(20) == 0
    assert len(upstream.attempts(CHAT)) == 2
    assert "Traceback" not in gateway.errors.text


def test_r50_a_request_that_waits_for_upstream_gets_its_answer(
    engine: str, upstream: ScriptedUpstream, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    upstream.plan(CHAT, wait("go"), *whole(completion("late")))
    with GatewayProcess(tmp_path, upstream.url, "--engine", engine, *LONG) as gateway:
        answer = threads.submit(request, gateway.url, "POST", f"/v1{CHAT}", BODY)
        attempt = upstream.attempt(CHAT)
        attempt.reached("go")
        gateway.process.send_signal(signal.SIGTERM)
        wait_until_refused(gateway.port)
        attempt.release("go")
        assert answer.result().json["choices"][0]["message"]["content"] == "late"
        assert gateway.process.wait(20) == 0


def test_r50_stalled_streams_get_an_error_at_the_limit_and_it_ends_with_0(
    engine: str, upstream: ScriptedUpstream, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    """One stream of each dialect, and one that upstream has not answered; none has an end mark."""
    limit = 1.0
    upstream.plan(CHAT, head(), frame("some"), hold(), times=2)
    upstream.plan(CHAT, hold())
    with GatewayProcess(tmp_path, upstream.url, "--engine", engine, "--drain-timeout", str(limit)) as gateway:
        streams = []
        for at, (path, body) in enumerate((("/v1/chat/completions", STREAM), ("/v1/messages", MESSAGE))):
            streams.append(threads.submit(request, gateway.url, "POST", path, body))
            upstream.attempt(CHAT, at).reached("hold")
        silent = threads.submit(request, gateway.url, "POST", f"/v1{CHAT}", BODY)
        upstream.attempt(CHAT, 2).reached("hold")
        began = time.monotonic()
        assert gateway.stop() == 0
        print(f"stopped {time.monotonic() - began:.2f} s after the signal, limit {limit:.0f} s + 1 s")
        for read, stream in zip((read_chat, read_messages), streams, strict=True):
            text, ended, (error,) = read(stream.result().body)
            assert (text, ended) == ("some", False)
            assert "shutting down" in error
        assert silent.result().status == 503
        assert silent.result().json["error"]["code"] == "shutting_down"
    assert {upstream.attempt(CHAT, at).closed() for at in range(3)} <= {"fin", "reset"}
    assert "Traceback" not in gateway.errors.text


@pytest.mark.parametrize("second", SIGNALS, ids=lambda number: number.name)
def test_r50_a_second_signal_ends_it_at_once(
    engine: str,
    upstream: ScriptedUpstream,
    threads: ThreadPoolExecutor,
    tmp_path: Path,
    second: signal.Signals,
) -> None:
    upstream.plan(CHAT, head(), frame("some"), hold())
    with GatewayProcess(tmp_path, upstream.url, "--engine", engine, *LONG) as gateway:
        answer, attempt = asked(threads, gateway, upstream, 0, mark="hold")
        gateway.process.send_signal(signal.SIGTERM)
        wait_until_refused(gateway.port)
        assert gateway.stop(second, 20) in (0, 130)  # the limit is 300 seconds
        assert attempt.closed()
        assert answer.exception() is not None or b"[DONE]" not in answer.result().body


def test_r50_idle_it_stops_with_connections_that_say_nothing(
    engine: str, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    with GatewayProcess(tmp_path, upstream.url, "--engine", engine, *LONG) as gateway:
        silent = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(20)]
        used = [http.client.HTTPConnection("127.0.0.1", gateway.port) for _ in range(5)]
        for each in used:
            each.request("GET", "/")
            assert each.getresponse().read()
        began = time.monotonic()
        assert gateway.stop(timeout=20) == 0
        print(f"stopped {time.monotonic() - began:.2f} s after the signal, with 20 idle connections")
        for connection in (*silent, *used):
            connection.close()


def test_r50_signals_while_it_starts_end_it(engine: str, upstream: ScriptedUpstream, tmp_path: Path) -> None:
    upstream.always("/copilot_internal/v2/token", hold())
    for number in SIGNALS:
        upstream.forget()
        upstream.always("/copilot_internal/v2/token", hold())
        gateway = GatewayProcess(tmp_path, upstream.url, "--engine", engine)
        with subprocess.Popen(gateway.command, env=gateway.environment, stderr=subprocess.PIPE) as process:
            upstream.attempt("/copilot_internal/v2/token").reached("hold")
            process.send_signal(number)
            assert process.wait(20) in (-signal.SIGTERM, 130)
            assert process.stderr is not None
            assert b"Traceback" not in process.stderr.read()


def test_r51_taken_the_second_says_so_in_a_line_and_the_first_goes_on(
    engine: str, upstream: ScriptedUpstream, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    upstream.plan(CHAT, head(), frame("some"), wait("go"), frame(" more"), finish(), done(), end())
    home, other = tmp_path / "one", tmp_path / "other"
    home.mkdir()
    other.mkdir()
    with GatewayProcess(home, upstream.url, "--engine", engine) as gateway:
        answer, attempt = asked(threads, gateway, upstream, 0, mark="go")
        before = len(upstream.attempts())
        second = GatewayProcess(other, upstream.url, "--port", str(gateway.port), "--engine", engine)
        ended = subprocess.run(
            second.command, env=second.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == 1
        remedy = "stop the other program or choose one with --port"
        assert ended.stderr.strip() == f"ERROR  port {gateway.port} is in use on 127.0.0.1: {remedy}"
        assert ended.stdout == ""
        assert list(other.iterdir()) == []
        assert len(upstream.attempts()) == before
        attempt.release("go")
        assert read_chat(answer.result().body) == ("some more", True, [])
        assert request(gateway.url, "POST", f"/v1{CHAT}", BODY).status == 200
    assert data_directory(home).exists()
