"""``--log-file``: a file for this user alone that is put aside when it has grown."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

KEPT = 5
"""Older files beside the one that is written: ``FILE.1`` is the youngest."""


class LogFile:
    """Takes lines as a text stream does. What the disk does not take is said once and is lost (R-53)."""

    def __init__(self, path: Path, size: int, complain: Callable[[OSError], None]) -> None:
        """Raise OSError when the file cannot be opened. `size` is in bytes; 0 lets it grow."""
        self._path = path
        self._most = size
        self._complain = complain
        self._complained = False
        self._descriptor = -1
        self._size = 0
        self._open()

    def fileno(self) -> int:
        """Have the writer call :meth:`write`: the descriptor changes."""
        raise ValueError("a file that rotates has no descriptor of its own")

    def write(self, text: str) -> int:
        """Write a piece; the first of a line may rotate."""
        content = text.encode("utf-8", "backslashreplace")
        try:
            if self._most and self._size and text != "\n" and self._size + len(content) > self._most:
                self._rotate()
            if self._descriptor < 0:
                self._open()
            self._size += len(content)
            while content:
                content = content[os.write(self._descriptor, content) :]
            self._complained = False
        except OSError as error:
            if not self._complained:
                self._complained = True
                self._complain(error)
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        self._descriptor = os.open(self._path, flags, 0o600)
        self._size = os.fstat(self._descriptor).st_size

    def _rotate(self) -> None:
        self.close()
        for age in range(KEPT, 1, -1):
            younger = self._numbered(age - 1)
            if younger.exists():
                younger.replace(self._numbered(age))
        self._path.replace(self._numbered(1))

    def _numbered(self, age: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{age}")
