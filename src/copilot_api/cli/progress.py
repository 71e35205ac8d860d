"""A line on the terminal that says what is waited for, once that takes longer than a moment."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TextIO

from copilot_api.cli.console import Console

PATIENCE = 0.5
"""Seconds that nothing is shown: what is over by then needs no line, and what was said is to be read."""
_FRAME = 0.1
_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


@contextlib.contextmanager
def waiting(
    console: Console, words: str, environ: Mapping[str, str] = os.environ, stream: TextIO | None = None
) -> Iterator[None]:
    """Show `words` on standard error, or `stream`, while the block runs; nothing if that is no terminal."""
    stream = stream or sys.stderr
    if not stream.isatty() or environ.get("CI") or environ.get("TERM") == "dumb":
        yield
        return
    line = _Line(stream, words)
    console.before_each = line.clear
    line.start()
    try:
        yield
    finally:
        console.before_each = None
        line.end()


class _Line(threading.Thread):
    def __init__(self, stream: TextIO, words: str) -> None:
        super().__init__(daemon=True)
        self._stream, self._words = stream, words
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._is_shown = False
        self._begins = time.monotonic() + PATIENCE

    def run(self) -> None:
        """Draw one frame after the other."""
        frame = 0
        while not self._over.wait(_FRAME):
            with self._lock:
                if time.monotonic() >= self._begins and not self._over.is_set():
                    self._write(f"\r{_FRAMES[frame % len(_FRAMES)]} {self._words}\x1b[K")
                    self._is_shown = True
                    frame += 1

    def clear(self) -> None:
        """Make room for what is printed now, and come back a moment later."""
        with self._lock:
            if self._is_shown:
                self._write("\r\x1b[K")
                self._is_shown = False
            self._begins = time.monotonic() + PATIENCE

    def end(self) -> None:
        """Leave nothing behind."""
        self._over.set()
        self.clear()
        self.join(1)

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()
