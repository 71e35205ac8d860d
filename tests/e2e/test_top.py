"""`copilot-api top` against a running gateway: one look, the screen, restarts, and its words when refused."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from copilot_api.simulator import SimulatorServer
from tests.e2e.test_listening import listening
from tests.support.http import request
from tests.support.process import GatewayProcess, clean_environment
from tests.support.raw_http import RawConnection
from tests.support.terminal import Terminal

CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
KEY = "q8Zr2LwXv7Tn4KcYp1Hd6Bs9"
SILENCE = 60.0


def run(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "copilot_api", "top", *words],
        env=clean_environment(home, environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def at_a_terminal(home: Path, *words: str) -> Terminal:
    environment = clean_environment(home, {"TERM": "xterm"})
    del environment["NO_COLOR"]
    return Terminal([sys.executable, "-m", "copilot_api", "top", *words], environment)


@contextmanager
def silent_stream(gateway: GatewayProcess, simulator: SimulatorServer) -> Iterator[None]:
    """A stream that has begun and says nothing more."""
    simulator.faults.add("/chat/completions", "silence", after_frames=2, seconds=SILENCE)
    with RawConnection(("127.0.0.1", gateway.port)) as connection:
        body = json.dumps(CHAT | {"stream": True}).encode()
        connection.request("POST", "/v1/chat/completions", ("Content-Type", "application/json"), body=body)
        connection.head()
        connection.chunk()
        yield


def test_one_look_for_a_program(gateway: GatewayProcess, simulator: SimulatorServer, tmp_path: Path) -> None:
    assert request(gateway.url, "POST", "/v1/chat/completions", CHAT).status == 200
    with silent_stream(gateway, simulator):
        done = run(tmp_path, "--json", "--url", gateway.url)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["gateway"] == gateway.url
    assert (told["in_flight"], told["places"]) == (1, 64)
    (stream,) = told["streams"]
    assert stream["model"] == "gpt-4.1"
    assert stream["tokens"] >= 1
    assert 0 < stream["rate"] < 100_000
    assert told["failures"]["internal"] == 0


def test_without_a_terminal_it_shows_one_look_without_colours(
    gateway: GatewayProcess, simulator: SimulatorServer, tmp_path: Path
) -> None:
    with silent_stream(gateway, simulator):
        done = run(tmp_path, "--url", f"localhost:{gateway.port}")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert re.search(r"in flight 1 of 64", done.stdout)
    assert re.search(r"MODEL +CLIENT +KEY +FOR +TOKENS +TOKENS/S +SILENT", done.stdout)


def test_it_finds_the_gateway_that_start_would_make(gateway: GatewayProcess, tmp_path: Path) -> None:
    done = run(tmp_path, "--json", COPILOT_API_PORT=str(gateway.port))
    assert done.returncode == 0, done.stderr


def test_on_a_unix_socket(simulator: SimulatorServer, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    made = GatewayProcess(tmp_path, simulator.url, "--unix-socket", path)
    with listening(made, f"Listening on: {path}"):
        done = run(tmp_path, "--json", COPILOT_API_UNIX_SOCKET=path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["gateway"] == path


def test_a_key_is_asked_for_and_used(simulator: SimulatorServer, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, simulator.url, "--api-key", KEY) as gateway:
        refused = run(tmp_path, "--url", gateway.url)
        assert refused.returncode == 1
        assert "wants a key: give one with --key or $COPILOT_API_KEY" in refused.stderr
        assert "wants another key" in run(tmp_path, "--url", gateway.url, "--key", "wrong").stderr
        for given in ({"COPILOT_API_KEY": KEY}, {"COPILOT_API_API_KEY": KEY}):
            done = run(tmp_path, "--json", COPILOT_API_PORT=str(gateway.port), **given)
            assert done.returncode == 0, done.stderr
        assert KEY not in done.stdout + refused.stderr


def test_without_a_dashboard_it_says_so(simulator: SimulatorServer, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, simulator.url, "--no-dashboard") as gateway:
        done = run(tmp_path, "--url", gateway.url)
    assert done.returncode == 1
    assert "--no-dashboard" in done.stderr


@pytest.mark.parametrize(
    ("url", "why"), [("http://127.0.0.1:9", "copilot-api start runs one"), ("ftp://x", "not an address")]
)
def test_where_nothing_is_it_says_so(tmp_path: Path, url: str, why: str) -> None:
    done = run(tmp_path, "--url", url)
    assert (done.returncode, done.stdout) == (1, "")
    assert why in done.stderr


def test_another_program_is_not_taken_for_a_gateway(simulator: SimulatorServer, tmp_path: Path) -> None:
    done = run(tmp_path, "--url", simulator.url)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_the_screen_follows_and_q_ends_it(
    gateway: GatewayProcess, simulator: SimulatorServer, tmp_path: Path
) -> None:
    with at_a_terminal(tmp_path, "--url", gateway.url) as screen:
        screen.wait_for("in flight 0 of 64")
        with silent_stream(gateway, simulator):
            screen.wait_for("in flight 1 of 64.*gpt-4.1")
        screen.wait_for("in flight 0 of 64")
        screen.press("q")
        assert screen.process.wait(30) == 0


def test_a_request_that_is_over_is_seen_and_the_window_may_change(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    with at_a_terminal(tmp_path, "--url", gateway.url) as screen:
        screen.wait_for("in flight 0 of 64")
        assert request(gateway.url, "POST", "/v1/chat/completions", CHAT).status == 200
        screen.wait_for(r"LAST +MODEL +CLIENT +OUTCOME +INPUT.*gpt-4\.1 .*complete")
        screen.resize(70, 20)
        screen.wait_for(r"LAST +MODEL +OUTCOME +CREDITS")


def test_ctrl_c_ends_it_with_130(gateway: GatewayProcess, tmp_path: Path) -> None:
    with at_a_terminal(tmp_path, "--url", gateway.url) as screen:
        screen.wait_for("in flight 0 of 64")
        screen.process.send_signal(signal.SIGINT)
        assert screen.process.wait(30) == 130


def test_it_survives_a_restart_of_the_gateway(simulator: SimulatorServer, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with at_a_terminal(tmp_path, "--url", f"http://127.0.0.1:{port}") as screen:
        screen.wait_for("not reachable")
        for _ in range(2):
            with GatewayProcess(tmp_path, simulator.url, "--port", port):
                screen.wait_for("running.*in flight 0 of 64")
            screen.wait_for("not reachable")
        screen.press("q")
        assert screen.process.wait(30) == 0
