"""The real program as a process, with an environment and a home that the test makes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

GITHUB_TOKEN = "ghu_testtoken0000000000000000000000000000"
_LISTENING = re.compile(r"Listening on: http://localhost:(\d+)/")


def clean_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Only what a program needs to run; nothing that this machine happens to have set."""
    kept = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"HOME": str(home), "USERPROFILE": str(home), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    return environment | dict(extra or {})


class Output:
    """Collects the lines of a stream; a test waits for one by pattern, never by time."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._closed = False

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def add(self, line: str) -> None:
        with self._changed:
            self.lines.append(line)
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait_for(self, pattern: str, timeout: float = 20.0, *, after: int = 0) -> re.Match[str]:
        """Return the first match in the lines that follow the first `after`."""
        found: list[re.Match[str]] = []

        def seen() -> bool:
            for line in self.lines[after:]:
                match = re.search(pattern, line)
                if match:
                    found.append(match)
                    return True
            return self._closed

        with self._changed:
            self._changed.wait_for(seen, timeout)
        assert found, f"no line matched {pattern!r} in:\n{self.text}"
        return found[0]


class GatewayProcess:
    """`copilot-api start …` against a simulator; use as a context manager."""

    def __init__(
        self,
        home: Path,
        upstream: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        token: str | None = GITHUB_TOKEN,
    ) -> None:
        self.home = home
        extra = {
            "COPILOT_API_GITHUB_URL": upstream,
            "COPILOT_API_GITHUB_API_URL": upstream,
            "COPILOT_API_COPILOT_URL": upstream,
        }
        if token is not None:
            extra["COPILOT_API_GITHUB_TOKEN"] = token
        self.command = [sys.executable, "-m", "copilot_api", "start", "--port", "0", *arguments]
        self.environment = clean_environment(home, extra | dict(environment or {}))
        self.output = Output()
        self.errors = Output()
        self.port = 0
        self.listening = _LISTENING.pattern
        """What the program says when it listens, with the port."""

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.home,
        )
        self._threads = [
            threading.Thread(target=self._read, args=(stream, output), daemon=True)
            for stream, output in ((self.process.stdout, self.output), (self.process.stderr, self.errors))
        ]
        for thread in self._threads:
            thread.start()
        try:
            self.port = int(self.output.wait_for(self.listening).group(1))
        except AssertionError as error:
            self.kill()
            raise AssertionError(f"{error}\nstderr:\n{self.errors.text}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        self._join()

    @property
    def url(self) -> str:
        """Root URL, without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self, number: int = signal.SIGTERM, timeout: float = 40.0) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(timeout)
        self._join()
        return code

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._join()

    def _join(self) -> None:
        for thread in self._threads:
            thread.join(5)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    @staticmethod
    def _read(stream: object, output: Output) -> None:
        for line in stream:  # type: ignore[attr-defined]
            output.add(line.decode("utf-8", "replace").rstrip("\n"))
        output.close()
