"""A disk that is full, small or read-only stops what needs it and nothing else (R-53)."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from copilot_api.github.credentials import TokenFile, data_directory
from copilot_api.redaction import Secret
from copilot_api.simulator import SimulatorServer
from tests.support.http import request
from tests.support.process import GITHUB_TOKEN, GatewayProcess

pytestmark = pytest.mark.process_faults

CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hi"}]}
Fault = Literal["full", "no-inodes", "read-only", "write-refused"]
FAULTS: tuple[Fault, ...] = ("full", "no-inodes", "read-only", "write-refused")


@contextlib.contextmanager
def spoiled(home: Path, fault: Fault, token: str | None = None) -> Iterator[tuple[str, ...]]:
    """Make a home, with a token in it or without, of which the disk then takes nothing more.

    Yields what the command line begins with.
    """
    home.mkdir(mode=0o700)
    if fault == "write-refused":
        store(home, token)
        # What may be written to any file is nothing: every write fails, for root too.
        yield ("sh", "-c", 'ulimit -f 0; exec "$@"', "sh")
        return
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=20,mode=0700", "tmpfs", str(home)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user cannot mount a small file system")
    try:
        store(home, token)
        if fault == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", str(home)], check=True)
        elif fault == "full":
            fill(home)
        else:
            with pytest.raises(OSError, match="No space"):
                for number in range(30):
                    (home / f"filler-{number}").touch()
        yield ()
    finally:
        subprocess.run(["umount", "-l", str(home)], check=True)


def store(home: Path, token: str | None) -> None:
    if token:
        assert TokenFile(data_directory(home)).write(Secret(token))


def fill(home: Path) -> None:
    """Leave not a byte."""
    filler = os.open(home / "filler", os.O_WRONLY | os.O_CREAT)
    try:
        with pytest.raises(OSError, match="No space"):
            while os.write(filler, bytes(4096)):
                pass
    finally:
        os.close(filler)


@pytest.fixture(scope="module")
def github() -> Iterator[SimulatorServer]:
    with SimulatorServer() as server:
        yield server


def gateway(home: Path, github: SimulatorServer, before: tuple[str, ...], *, work: Path) -> GatewayProcess:
    made = GatewayProcess(home, github.url, token=None)
    made.command[:0] = before
    made.environment["TMPDIR"] = str(work)
    return made


@pytest.mark.parametrize("fault", FAULTS)
def test_r53_it_signs_in_serves_and_warns_once(github: SimulatorServer, tmp_path: Path, fault: Fault) -> None:
    home = tmp_path / "home"
    with spoiled(home, fault) as before:
        with gateway(home, github, before, work=tmp_path) as process:
            assert process.output.wait_for("Not logged in")
            assert request(process.url, "POST", "/v1/chat/completions", CHAT).status == 200
            assert process.stop() == 0
        assert process.errors.text.count("Nothing can be stored") == 1
        assert "Traceback" not in process.errors.text
        left = [path for path in home.rglob("*github_token*") if path.is_file() and path.stat().st_size]
        assert left == []


@pytest.mark.parametrize("fault", FAULTS)
def test_r53_a_token_that_is_there_is_used_and_stays(
    github: SimulatorServer, tmp_path: Path, fault: Fault
) -> None:
    """A sign-in that cannot be stored leaves the old token whole."""
    home = tmp_path / "home"
    with spoiled(home, fault, GITHUB_TOKEN) as before:
        with gateway(home, github, before, work=tmp_path) as process:
            assert "Not logged in" not in process.output.text
            assert request(process.url, "POST", "/v1/chat/completions", CHAT).status == 200
        done = subprocess.run(
            [*before, sys.executable, "-m", "copilot_api", "auth"],
            env=process.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Nothing can be stored" in done.stderr
        assert "Traceback" not in done.stderr
        token = TokenFile(data_directory(home)).read()
        assert token is not None
        assert token.reveal() == GITHUB_TOKEN


CALLS = ("mkdir", "chmod", "stat", "open", "fsync", "replace", "rename")
"""All by which a file comes to be or changes."""


@pytest.mark.parametrize("kept", [None, "ghu_old"], ids=["first", "later"])
def test_r53_whichever_write_fails_the_file_is_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str | None
) -> None:
    """Each call that touches the disk fails once, then all from it on, until a write meets no failure."""
    failing = 0
    for endless in (False, True):
        for number in range(100):
            directory = tmp_path / f"{endless}-{number}" / "data"
            file = TokenFile(directory)
            if kept:
                assert file.write(Secret(kept))
            with monkeypatch.context() as patch:
                count = 0

                def failing_call(real: object, nth: int = number, more: bool = endless) -> object:
                    def call(*arguments: object, **named: object) -> object:
                        nonlocal count
                        count += 1
                        if count - 1 == nth or (more and count > nth):
                            raise OSError(28, "No space left on device")
                        return real(*arguments, **named)  # type: ignore[operator]

                    return call

                for name in CALLS:
                    patch.setattr(os, name, failing_call(getattr(os, name)))
                stored = file.write(Secret("ghu_new"))
            token = file.read()
            seen = token.reveal() if token else None
            assert seen == ("ghu_new" if stored else kept)
            names = {path.name for path in directory.glob("*")} if directory.exists() else set()
            assert names <= {"github_token", "github_token.lock"}
            if stored:
                break
            failing += 1
        else:
            raise AssertionError("it failed without end")
    assert failing >= 8
