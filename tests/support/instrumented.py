"""The gateway as a process with hooks (`instrumented_cli`) in front of a scripted upstream."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from tests.support.http import request
from tests.support.process import GatewayProcess
from tests.support.raw_http import RawConnection
from tests.support.scripted_upstream import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
HELLO = [{"role": "user", "content": "hello"}]
Dialect = Literal["chat", "messages"]
PATHS: Mapping[Dialect, str] = {"chat": "/v1/chat/completions", "messages": "/v1/messages"}
DIALECTS: tuple[Dialect, ...] = ("chat", "messages")


class InstrumentedGateway(GatewayProcess):
    """See :class:`GatewayProcess`; `arguments` are further flags of ``start``."""

    def __init__(self, home: Path, upstream: str, *arguments: str) -> None:
        fifo = home / "block"
        os.mkfifo(fifo)
        self._fifo = fifo
        environment = {"PYTHONPATH": str(ROOT), "COPILOT_TEST_FIFO": str(fifo)}
        super().__init__(home, upstream, *arguments, environment=environment)
        self.command[1:3] = ["-m", "tests.support.instrumented_cli"]

    @contextlib.contextmanager
    def blocked(self, *, hold_gil: bool) -> Iterator[None]:
        """Within the block the thread of the event loop does nothing at all."""
        lines = len(self.errors.lines)
        self.process.send_signal(signal.SIGUSR2 if hold_gil else signal.SIGUSR1)
        self._wait_for_line(lines, "test hook: blocked")
        try:
            yield
            assert "test hook: released" not in self.errors.lines[lines:]
        finally:
            with self._fifo.open("wb", buffering=0) as release:
                release.write(b"x")
        self._wait_for_line(lines, "test hook: released")

    def wakes(self) -> tuple[int, int]:
        """How often the event loop's thread has been woken so far: by events, by timers."""
        lines = len(self.errors.lines)
        self.process.send_signal(signal.SIGRTMIN)
        *_, events, timers = self._wait_for_line(lines, "test hook: wakes ").split(" ")
        return int(events), int(timers)

    def in_flight(self) -> int:
        """Requests that hold a place, as ``/health`` says."""
        value: int = request(self.url, "GET", "/health").json["requests_in_flight"]
        return value

    def wait_for_in_flight(self, count: int) -> None:
        """Ask until so many requests hold a place."""
        deadline = time.monotonic() + PATIENCE
        while (now := self.in_flight()) != count:
            assert time.monotonic() < deadline, f"{now} requests hold a place, not {count}"

    def wait_until_idle(self) -> None:
        """Slots are freed soon after the client went."""
        self.wait_for_in_flight(0)

    def connect(self, **more: Any) -> RawConnection:
        return RawConnection(("127.0.0.1", self.port), **more)

    def resident(self) -> int:
        """Bytes of memory that the process holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return 1024 * int(next(line for line in status.split("\n") if line.startswith("VmRSS")).split()[1])

    def _wait_for_line(self, after: int, beginning: str) -> str:
        found: list[str] = []

        def seen() -> bool:
            found.extend(line for line in self.errors.lines[after:] if line.startswith(beginning))
            return bool(found)

        with self.errors._changed:
            assert self.errors._changed.wait_for(seen, PATIENCE), f"no {beginning!r}:\n{self.errors.text}"
        return found[0]


class TerminalGateway(GatewayProcess):
    """A gateway whose standard input is a terminal, for ``--manual``."""

    def __init__(self, home: Path, upstream: str, *arguments: str) -> None:
        super().__init__(home, upstream, *arguments)
        self._ours, theirs = pty.openpty()
        # Standard input of GatewayProcess is the null device; a shell gives it the terminal instead.
        self._theirs = theirs
        line = f'exec "$@" <{os.ttyname(theirs)}'
        self.command = ["/bin/sh", "-c", line, "sh", sys.executable, *self.command[1:]]

    def type(self, words: str) -> None:
        os.write(self._ours, words.encode())

    def close_terminal(self) -> None:
        os.close(self._ours)
        os.close(self._theirs)


def body_of(dialect: Dialect, *, stream: bool = True, text: str = "hello", **more: Any) -> bytes:
    """A request in a dialect."""
    value: dict[str, Any] = {
        "model": "gpt-4.1",
        "stream": stream,
        "messages": [{"role": "user", "content": text}],
    }
    if dialect == "messages":
        value["max_tokens"] = 100
    return json.dumps({**value, **more}, ensure_ascii=False).encode()


def ask(
    connection: RawConnection, dialect: Dialect, body: bytes | None = None, *headers: tuple[str, str]
) -> None:
    """Send a request and do not wait."""
    content = body_of(dialect) if body is None else body
    connection.request("POST", PATHS[dialect], ("Content-Type", "application/json"), *headers, body=content)
