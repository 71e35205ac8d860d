"""Killed at any moment: the next start works, and what is on disk is old or new, never broken (R-56)."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot_api.github.credentials import TokenFile, data_directory
from copilot_api.simulator import SimulatorServer
from tests.support.http import request
from tests.support.process import GatewayProcess

pytestmark = pytest.mark.process_faults

CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hi"}]}

NURSERY = """
import os, random, signal, sys, tempfile
from pathlib import Path
from copilot_api.github.credentials import TokenFile
from copilot_api.redaction import Secret

CALLS = ("mkdir", "chmod", "open", "close", "fdopen", "fsync", "replace", "unlink")
directory, mode = Path(sys.argv[1]) / "data", sys.argv[2]
os.fsync = lambda _: None  # what a killed process wrote is in the kernel; disks are slow


def token(number):
    return Secret(f"ghu_{number}_" + "x" * 5000)


def stored():
    found = TokenFile(directory).read()
    if found is None:
        return -1
    kind, number, rest = found.reveal().split("_")
    assert kind == "ghu" and rest == "x" * 5000, "torn"
    return int(number)


def forked(work):
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        try:
            work(writing)
        finally:
            os._exit(0)
    os.close(writing)
    return pid, os.fdopen(reading)


def loop(writing):
    number = stored()
    while True:
        number += 1
        assert TokenFile(directory).write(token(number))
        os.write(writing, f"{number}\\n".encode())


def randomly():
    chance = random.Random(7)
    for _ in range(100):
        pid, lines = forked(loop)
        last = [int(lines.readline()) for _ in range(chance.randint(1, 12))][-1]
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        last = max([last, *(int(line) for line in lines)])
        assert stored() in (last, last + 1), (stored(), last)


def everywhere():
    reached = 0
    for call in range(10_000):
        before = stored()

        def work(writing):
            count = -1

            def killing(real):
                def call_(*arguments, **named):
                    nonlocal count
                    count += 1
                    if count == call:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return real(*arguments, **named)

                return call_

            for name in CALLS:
                setattr(os, name, killing(getattr(os, name)))
            TokenFile(directory).write(token(before + 1))

        pid, lines = forked(work)
        lines.close()
        killed = os.WIFSIGNALED(os.waitpid(pid, 0)[1])
        assert stored() in (before, before + 1)
        reached += killed
        # The next one is not held up by what the killed one held.
        assert TokenFile(directory).write(token(before + 1))
        assert stored() == before + 1
        if not killed:
            break
    assert reached > 3, reached
    print(reached)


{"randomly": randomly, "everywhere": everywhere}[mode]()
"""


@pytest.mark.parametrize("mode", ["randomly", "everywhere"])
def test_r56_a_writer_killed_at_any_point_leaves_the_old_or_the_new_token(tmp_path: Path, mode: str) -> None:
    """A hundred rounds at random; and once before each call by which the write touches the disk."""
    done = subprocess.run(
        [sys.executable, "-c", NURSERY, str(tmp_path), mode],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def github() -> Iterator[SimulatorServer]:
    with SimulatorServer() as server:
        yield server


@pytest.mark.parametrize("moment", ["signing in", "token stored", "serving"])
def test_r56_a_gateway_that_was_killed_starts_again(
    github: SimulatorServer, tmp_path: Path, moment: str
) -> None:
    place = str(tmp_path / "socket")
    gateway = GatewayProcess(tmp_path, github.url, "--unix-socket", place, token=None)
    marks = {"signing in": "Please enter the code", "token stored": "Logged in as", "serving": "Listening on"}
    with subprocess.Popen(gateway.command, env=gateway.environment, stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        while marks[moment] not in (line := killed.stdout.readline().decode()):
            assert line
        killed.send_signal(signal.SIGKILL)
    token = TokenFile(data_directory(tmp_path)).read()
    assert (token is not None) or moment == "signing in"
    # With the port that is said to be taken only if it is, and over the socket that was left behind.
    with GatewayProcess(tmp_path, github.url, token=None) as again:
        assert request(again.url, "POST", "/v1/chat/completions", CHAT).status == 200
        assert ("Not logged in" in again.output.text) is (token is None)
    if moment == "serving":
        over = subprocess.Popen(gateway.command, env=gateway.environment, stdout=subprocess.PIPE)
        assert over.stdout is not None
        while b"Listening on" not in (read := over.stdout.readline()):
            assert read
        over.terminate()
        over.communicate(timeout=30)
        assert over.returncode == 0
