"""`tests.support.serve_app` as a process: where it listens, and what its apps tell."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.process import Output, clean_environment
from tests.support.raw_http import Address, RawConnection, RawResponse, exchange

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20.0
"""Seconds until an event that does not come fails the test."""


class ServedApp:
    """One server process with one app; use as a context manager."""

    def __init__(self, server: str, app: str = "tests.server.apps:app", *arguments: str) -> None:
        self.server = server
        self.command = [sys.executable, "-m", "tests.support.serve_app", app, "--server", server, *arguments]
        self.unix = arguments[arguments.index("--unix") + 1] if "--unix" in arguments else None
        self.events: list[dict[str, Any]] = []
        self.errors = Output()
        self.port = 0
        self._changed = threading.Condition()
        self._over = False

    def __enter__(self) -> Self:
        self.spawn()
        try:
            self.port = self.event("ready")["port"]
        except AssertionError:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def spawn(self) -> None:
        """Start the process without waiting for anything."""
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=clean_environment(Path.home(), {"PYTHONPATH": str(ROOT)}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._threads = [
            threading.Thread(target=each, daemon=True) for each in (self._read, self._read_errors)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def address(self) -> Address:
        return self.unix or ("127.0.0.1", self.port)

    def connect(self, **more: Any) -> RawConnection:
        return RawConnection(self.address, **more)

    def ask(
        self, target: str, *headers: tuple[str, str], method: str = "GET", body: bytes | None = None
    ) -> RawResponse:
        """One request on a connection of its own."""
        return exchange(self.address, method, target, *headers, body=body)

    def open(self, gate: str) -> None:
        """Let the apps go on that wait for a gate."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{gate}\n".encode())
        self.process.stdin.flush()

    def event(self, event: str, tag: str = "", **more: Any) -> dict[str, Any]:
        """Wait until an app tells this and return all that it told."""
        wanted = {"event": event, **({"tag": tag} if tag else {}), **more}
        return self.wait_for(lambda told: told.items() >= wanted.items(), f"{wanted}")

    def wait_for(self, matches: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        def seen() -> bool:
            found.extend(told for told in self.events if matches(told))
            return bool(found) or self._over

        with self._changed:
            self._changed.wait_for(seen, PATIENCE)
        assert found, f"nobody told {what}; told: {self.events[-20:]}\nstderr:\n{self.errors.text}"
        return found[0]

    def told(self, tag: str) -> list[str]:
        """Names of the events of a tag so far."""
        with self._changed:
            return [told["event"] for told in self.events if told.get("tag") == tag]

    def resident(self) -> int:
        """Bytes of memory that the process holds (Linux)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return 1024 * int(next(line for line in status.split("\n") if line.startswith("VmRSS")).split()[1])

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait until the process ends and return its exit code."""
        code = self.process.wait(timeout)
        self._join()
        return code

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._join()

    def _join(self) -> None:
        for thread in self._threads:
            thread.join(5)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.events.append(json.loads(line))
                self._changed.notify_all()
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.errors.add(line.decode("utf-8", "replace").rstrip("\n"))
        self.errors.close()
