"""A target as a process: started in an empty folder, ready when a request succeeds, ended for certain."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .load import Upstream
from .places import Unavailable
from .targets import Target, clean_environment

PATIENCE = 90.0
"""Seconds a target has to begin."""


@dataclass(frozen=True)
class Running:
    """A target that answers."""

    url: str
    pid: int
    start_seconds: float
    log: Path | None = None

    def last_words(self) -> str:
        """Return the end of what it printed."""
        if self.log is None:
            return ""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return " / ".join(text.strip().splitlines()[-3:])[:300]


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int, path: str, body: bytes) -> bool:
    """Whether one request through the target succeeds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        headers = {"content-type": "application/json", "connection": "close"}
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return bool(answer.read()) and answer.status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def running(target: Target, upstream: Upstream, questions: dict[str, Path]) -> Iterator[Running]:
    """Run a target. Raises :class:`Unavailable` when it cannot be had or does not begin to answer."""
    if target.launch is None:
        yield Running(upstream.url, upstream.pid, 0.0)
        return
    # A chat request would make 0.7.0 load its tokenizer, which an idle process need not have.
    dialect = "messages" if "messages" in target.paths else "chat"
    body = questions[f"small {dialect}"].read_bytes()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder, port = Path(name), free_port()
        launch = target.launch(upstream.url, port, folder)
        for file, text in launch.files.items():
            (folder / file).write_text(text, encoding="utf-8")
        log = folder / "output.log"
        with log.open("wb") as output:
            began = time.perf_counter()
            process = subprocess.Popen(
                launch.command,
                cwd=folder,
                env=clean_environment(folder) | launch.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            while not _answers(port, target.paths[dialect], body):
                took = time.perf_counter() - began
                if process.poll() is not None or took > PATIENCE:
                    words = Running("", 0, 0, log).last_words()
                    raise Unavailable(f"{target.title} did not begin to answer: {words}")
                time.sleep(0.002 if took < 3 else 0.05)
            seconds = time.perf_counter() - began
            yield Running(f"http://127.0.0.1:{port}", process.pid, seconds, log)
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and the session that it began."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
