"""Writing to the terminal from a thread of its own.

A terminal that takes nothing (Ctrl-S, a pipe whose reader sleeps) must not stop the gateway: only this thread
waits for it. Lines beyond a bound are left out, and their number is told when it goes on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Protocol

MOST = 2000
"""Pieces that may wait; one has the request lines of some milliseconds."""
TOGETHER = 0.005
"""Seconds that a request line may wait for others to be written with it."""
LAST_WORDS = 1.0
"""Seconds that the rest gets at the end."""


class Stream(Protocol):
    """What lines are written to: a text stream, or what behaves as one."""

    def fileno(self) -> int:
        """The descriptor. Raises ValueError when :meth:`write` is to be called."""

    def write(self, text: str, /) -> int:
        """Take a piece."""

    def flush(self) -> None:
        """Write what was kept back."""


class Writer:
    """Writes pieces in the order in which they came; started by the first one."""

    def __init__(self) -> None:
        self._pieces: SimpleQueue[tuple[Stream, str | Callable[[], str | None]] | None] = SimpleQueue()
        self._left_out = 0
        self._thread: Thread | None = None

    def put(self, stream: Stream, text: str) -> None:
        """Take a piece, without waiting."""
        if self._pieces.qsize() >= MOST:
            self._left_out += 1
            return
        if self._left_out:
            text = f"({self._left_out} pieces of output left out: the terminal took none)\n{text}"
            self._left_out = 0
        self._put(stream, text)

    @property
    def waits(self) -> bool:
        """Tell whether a piece waits to be written."""
        return not self._pieces.empty()

    def put_soon(self, stream: Stream, take: Callable[[], str | None]) -> None:
        """Write what `take` returns after a moment, which must be thread-safe; nothing if it is empty.

        For None it is asked again when the pieces that wait are written.
        """
        self._put(stream, take)

    def _put(self, stream: Stream, piece: str | Callable[[], str | None]) -> None:
        self._pieces.put((stream, piece))
        if self._thread is None:
            self._thread = Thread(target=self._work, name="console", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Write what is left, for `LAST_WORDS` seconds at most."""
        if self._thread is not None:
            self._pieces.put(None)
            self._thread.join(LAST_WORDS)

    def _work(self) -> None:
        while (taken := self._pieces.get()) is not None:
            stream, piece = taken
            if isinstance(piece, str):
                text: str | None = piece
            else:
                if not self.waits:
                    time.sleep(TOGETHER)
                text = piece()
            if text is None:
                self._pieces.put(taken)
            elif text:
                write(stream, text)


def write(stream: Stream, text: str) -> None:
    """Write a piece and a line end; one that cannot be written is lost."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        print(text, file=stream, flush=True)
        return
    content = f"{text}\n".encode(getattr(stream, "encoding", "") or "ascii", "replace")
    try:
        # Past the stream's buffer, which is empty: whoever waits within its lock cannot be left behind.
        while content:
            content = content[os.write(descriptor, content) :]
    except OSError:
        return
