"""What lies at home: private whatever the umask, erased by `logout`, shared by processes (R-07, R-48)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from copilot_api.github.credentials import data_directory
from copilot_api.simulator import SimulatorServer
from tests.support.http import request
from tests.support.process import GITHUB_TOKEN, GatewayProcess

CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hi"}]}
MARKS = (b"ghu_", b"gho_", b"tid=")
EXCHANGE = "/copilot_internal/v2/token"


@pytest.fixture
def github() -> Iterator[SimulatorServer]:
    with SimulatorServer() as server:
        yield server


def run(home: Path, upstream: str, *words: str, umask: int = 0o022) -> subprocess.CompletedProcess[str]:
    gateway = GatewayProcess(home, upstream, token=None)
    return subprocess.run(
        [sys.executable, "-m", "copilot_api", *words],
        env=gateway.environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
        umask=umask,
    )


def holding_tokens(home: Path) -> list[Path]:
    """The files below the home with a token in them."""
    files = [path for path in home.rglob("*") if path.is_file()]
    return [path for path in files if any(mark in path.read_bytes() for mark in MARKS)]


def assert_private(home: Path) -> None:
    found = holding_tokens(home)
    assert found
    for path in found:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_r07_signed_in_with_umask_000_tokens_are_private(github: SimulatorServer, tmp_path: Path) -> None:
    assert run(tmp_path, github.url, "auth", umask=0).returncode == 0
    assert_private(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    gateway = GatewayProcess(other, github.url, token=None)
    gateway.command[:0] = ["sh", "-c", 'umask 000; exec "$@"', "sh"]
    with gateway:
        assert request(gateway.url, "POST", "/v1/chat/completions", CHAT).status == 200
        assert_private(other)
    assert_private(other)


def test_r07_loose_modes_are_tightened_with_a_notice(github: SimulatorServer, tmp_path: Path) -> None:
    folder = data_directory(tmp_path)
    folder.mkdir(parents=True)
    (folder / "github_token").write_text(GITHUB_TOKEN, encoding="utf-8")
    folder.chmod(0o755)
    (folder / "github_token").chmod(0o644)
    with GatewayProcess(tmp_path, github.url, token=None) as gateway:
        assert_private(tmp_path)
        gateway.errors.wait_for("its mode is now 0600")
        gateway.errors.wait_for("its mode is now 0700")


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can give a file away")
def test_r07_file_of_another_user_is_refused(github: SimulatorServer, tmp_path: Path) -> None:
    folder = data_directory(tmp_path)
    folder.mkdir(parents=True, mode=0o700)
    (folder / "github_token").write_text(GITHUB_TOKEN, encoding="utf-8")
    os.chown(folder / "github_token", 65534, 65534)
    done = run(tmp_path, github.url, "start", "--port", "0")
    assert done.returncode == 1
    assert "belongs to another user" in done.stderr
    assert GITHUB_TOKEN not in done.stdout + done.stderr
    assert github.state.requests == []


def test_r07_logout_erases_and_auth_is_as_it_was(github: SimulatorServer, tmp_path: Path) -> None:
    assert "Nobody is signed in" in run(tmp_path, github.url, "auth", "logout").stdout
    assert list(tmp_path.iterdir()) == []
    assert "GitHub token written to" in run(tmp_path, github.url, "auth").stdout
    assert holding_tokens(tmp_path)
    done = run(tmp_path, github.url, "auth", "logout")
    assert (done.returncode, done.stderr) == (0, "")
    assert "is erased" in done.stdout
    assert holding_tokens(tmp_path) == []
    done = run(tmp_path, github.url, "auth", "logot")
    assert done.returncode == 1
    assert "copilot-api auth logout" in done.stderr
    assert holding_tokens(tmp_path) == []


def test_r49_ctrl_c_while_signing_in_ends_it_and_leaves_nothing(
    github: SimulatorServer, tmp_path: Path
) -> None:
    github.faults.add(
        "/login/oauth/access_token", "status", status=200, body=b'{"error":"authorization_pending"}', times=99
    )
    environment = GatewayProcess(tmp_path, github.url, token=None).environment
    with subprocess.Popen(
        [sys.executable, "-m", "copilot_api", "auth"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while "Please enter the code" not in (line := process.stdout.readline()):
            assert line
        assert f"in {github.url}/login/device" in line
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "")
    assert holding_tokens(tmp_path) == []


def test_r48_pairs_started_at_once_on_one_home_run_and_sign_in_once_more_at_most(
    github: SimulatorServer, tmp_path: Path
) -> None:
    """Both find no token and sign in; one file is left, whole, and a third needs no sign-in."""
    pair = [GatewayProcess(tmp_path, github.url, token=None) for _ in range(2)]
    with ExitStack() as stack, ThreadPoolExecutor(2) as threads:
        for gateway in threads.map(lambda each: each.__enter__(), pair):
            stack.push(gateway.__exit__)
        for gateway in pair:
            assert request(gateway.url, "POST", "/v1/chat/completions", CHAT).status == 200
            gateway.output.wait_for("Not logged in, getting new access token")
        assert [path.name for path in holding_tokens(tmp_path)] == ["github_token"]
        # One signs in anew: the others are not disturbed.
        assert run(tmp_path, github.url, "auth").returncode == 0
        third = stack.enter_context(GatewayProcess(tmp_path, github.url, token=None))
        assert "Not logged in" not in third.output.text
        for gateway in (*pair, third):
            assert request(gateway.url, "POST", "/v1/chat/completions", CHAT).status == 200
    assert_private(tmp_path)


def test_r48_two_gateways_do_not_renew_against_each_other(github: SimulatorServer, tmp_path: Path) -> None:
    def exchanges() -> int:
        return sum(each.path == EXCHANGE for each in github.state.requests)

    with (
        GatewayProcess(tmp_path, github.url) as one,
        GatewayProcess(tmp_path, github.url) as other,
        ThreadPoolExecutor(8) as threads,
    ):
        assert exchanges() == 2
        for expected in (2, 4):
            asked = [
                threads.submit(request, gateway.url, "POST", "/v1/chat/completions", CHAT)
                for _ in range(20)
                for gateway in (one, other)
            ]
            assert {each.result().status for each in asked} == {200}
            assert exchanges() == expected
            github.revoke_tokens()
