"""A program at a pseudo-terminal: what it shows is waited for by pattern, never by time."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE = 60.0
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]")


class Terminal:
    """Runs a command at a terminal of its own; use as a context manager."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        cwd: Path | None = None,
        columns: int = 150,
        lines: int = 30,
    ) -> None:
        self._ours, theirs = pty.openpty()
        self._shown = ""
        self._set_size(columns, lines)
        self.process = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=cwd,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def wait_for(self, pattern: str) -> str:
        """Return what came up to the end of the first match; the next call looks behind it."""
        while not (found := re.search(pattern, self._shown, re.DOTALL)):
            assert select.select([self._ours], [], [], PATIENCE)[0], self._shown
            piece = os.read(self._ours, 65536)
            assert piece, self._shown
            self._shown += _ESCAPES.sub("", piece.decode("utf-8", "replace"))
        came, self._shown = self._shown[: found.end()], self._shown[found.end() :]
        return came

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        self._set_size(columns, lines)
        self.process.send_signal(signal.SIGWINCH)

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)
