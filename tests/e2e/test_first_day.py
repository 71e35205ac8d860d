"""``docs/first-day.md`` as it stands there: every command is run, and must print what the page says."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.process import Output, clean_environment

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/first-day.md"
PROGRAMS = ROOT / "tests/clients/node_modules/.bin"
PORT_OF_THE_PAGE = "4141"
LOOKING = ("copilot-api usage", "copilot-api top")
"""These show what is written down a moment after it happened, so they may look again."""
PATIENCE = 60.0


@dataclass(frozen=True)
class Step:
    """One command of the page and what it is to print, or Ctrl-C."""

    line: int
    command: str
    expected: tuple[str, ...]
    terminal: str = ""
    needs: str = ""


class Running:
    """A command in a terminal of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.output = Output()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def wait(self) -> int:
        code = self.process.wait(PATIENCE)
        self._thread.join(PATIENCE)
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.output.add(line.rstrip("\n"))
        self.output.close()


@dataclass
class Day:
    """The reader's machine."""

    environment: dict[str, str]
    port: str
    home: Path
    running: dict[str, Running] = field(default_factory=dict)


def steps(text: str) -> Iterator[Step]:
    """Give the commands of the page's console blocks in order."""
    blocks = re.finditer(r"^```console(?: ([^\n]*))?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for block in blocks:
        words = dict(word.split("=") for word in (block[1] or "").split())
        lines = block[2].split("\n")[:-1]
        starts = [at for at, line in enumerate(lines) if line.startswith("$ ") or line == "^C"]
        assert starts[:1] == [0], f"a block begins without a command: {lines[:1]}"
        first = text.count("\n", 0, block.start(2)) + 1
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            expected = tuple(lines[start + 1 : end])
            yield Step(first + start, lines[start].removeprefix("$ "), expected, **words)


STEPS = tuple(steps(PAGE.read_text(encoding="utf-8")))


def pattern(expected: tuple[str, ...], port: str) -> str:
    """Return what a regular expression makes of the page's lines; one that is `…` alone is any lines."""
    parts = []
    for line in expected:
        if line == "…":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            pieces = (re.escape(piece) for piece in line.replace(PORT_OF_THE_PAGE, port).split("…"))
            parts.append("[^\\n]*?".join(pieces) + r" *\n")
    return "".join(parts)


def run_to_its_end(step: Step, day: Day) -> None:
    command = step.command.replace(PORT_OF_THE_PAGE, day.port)
    wanted = pattern(step.expected, day.port)
    deadline = time.monotonic() + PATIENCE
    while True:
        done = subprocess.run(
            ["bash", "-c", command],
            env=day.environment,
            cwd=day.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        printed = done.stdout if done.stdout.endswith("\n") else f"{done.stdout}\n"
        if re.fullmatch(wanted, printed):
            assert done.returncode == 0
            return
        if not command.startswith(LOOKING) or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    raise AssertionError(f"{PAGE.name} line {step.line}: {command}\nprinted:\n{printed}")


def run_on(step: Step, day: Day) -> None:
    """Start what goes on running, and wait until it has said what the page says."""
    process = subprocess.Popen(
        ["bash", "-c", f"exec {step.command}"],
        env=day.environment,
        cwd=day.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    day.running[step.terminal] = running = Running(process)
    output = running.output
    last = next(line for line in reversed(step.expected) if line != "…")
    output.wait_for(pattern((last,), day.port).removesuffix(r" *\n"), PATIENCE)
    # More may have come since, as the page may leave out the end.
    wanted = re.compile(pattern(step.expected, day.port))
    assert wanted.match(f"{output.text}\n"), f"{PAGE.name} line {step.line}\nprinted:\n{output.text}"


def interrupt(step: Step, day: Day) -> None:
    running = day.running.pop(step.terminal)
    running.process.send_signal(signal.SIGINT)
    assert running.wait() == 0, running.output.text


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with SimulatorServer() as simulator:
        urls = {f"COPILOT_API_{name}_URL": simulator.url for name in ("GITHUB", "GITHUB_API", "COPILOT")}
        client = {"DISABLE_AUTOUPDATER": "1", "IS_SANDBOX": "1"}
        environment = clean_environment(tmp_path, urls | client | {"COPILOT_API_PORT": port})
        made = Day(environment, port, tmp_path)
        programs = os.pathsep.join((str(Path(sys.executable).parent), str(PROGRAMS)))
        environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
        yield made
        for running in made.running.values():
            running.process.kill()
            running.wait()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page uses curl")
@pytest.mark.skipif(shutil.which("bash") is None, reason="the page's commands are for a shell")
def test_the_page_is_true(day: Day) -> None:
    for step in STEPS:
        if step.needs and shutil.which(step.needs, path=day.environment["PATH"]) is None:
            print(f"left out: {step.needs} is not installed (make test-clients): {step.command}")
        elif step.command == "^C":
            interrupt(step, day)
        elif step.terminal:
            run_on(step, day)
        else:
            run_to_its_end(step, day)
    assert not day.running


def test_the_page_has_what_a_first_day_has() -> None:
    commands = " ".join(step.command for step in STEPS)
    for words in ("--version", "start", "run claude", "usage", "check-usage", "config set budget", "curl"):
        assert words in commands


@pytest.mark.parametrize(
    ("expected", "printed", "fits"),
    [
        (("a … c",), "a b c\n", True),
        (("a … c",), "a b d\n", False),
        (("a", "…", "z"), "a\nb\nc\nz\n", True),
        (("a", "…", "z"), "a\nz\n", True),
        (("a", "z"), "a\nb\nz\n", False),
        (("…", "a"), "a\nb\n", False),
        (("at 4141",), "at 5000\n", True),
        (("a.c",), "abc\n", False),
    ],
)
def test_what_stands_for_what(expected: tuple[str, ...], printed: str, fits: bool) -> None:
    assert (re.fullmatch(pattern(expected, "5000"), printed) is not None) is fits
