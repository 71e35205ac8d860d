"""Private files that several processes share: written whole or not at all, changed one at a time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a file that only this user may read, in a directory that only this user may enter.

    Who reads meanwhile sees the old text or the new one. Raises :class:`OSError`.
    """
    import tempfile

    make_private(path.parent)
    # mkstemp makes the file 0600 whatever the umask; rename replaces in one step.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def make_private(directory: Path) -> None:
    """Make a directory that only this user may enter. Raises :class:`OSError`."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if sys.platform != "win32":
        directory.chmod(0o700)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes while the block runs; `path` is a file of its own, which stays.

    The system frees the lock of a process that dies. Raises :class:`OSError`.
    """
    make_private(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sync_directory(directory: Path) -> None:
    """Make a rename survive a power cut; where directories cannot be opened there is no such step."""
    if sys.platform == "win32":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
