"""A lock between processes: who holds a lock file may write what stands beside it (R-48).

The kernel frees it when its holder ends, however that ends. It only puts writers in order: what they write is
replaced in one step anyway. So a holder that was stopped is not waited for for ever, and a file system
without locks is no hindrance.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PATIENCE = 5.0
"""Seconds that a holder is waited for."""
_PAUSE = 0.005
_BUSY = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


@contextlib.contextmanager
def locked(
    path: Path,
    *,
    patience: float = PATIENCE,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[bool]:
    """Hold the lock file while the block runs; False: it could not be had, and the block runs without.

    The file is made if it is not there, and stays: a lock that is removed is no lock. Raises OSError when it
    can be neither opened nor made.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        deadline = clock() + patience
        while not (held := _try(descriptor)) and clock() < deadline:
            sleep(_PAUSE)
        try:
            yield held
        finally:
            if held:
                _free(descriptor)
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _try(descriptor: int) -> bool:
        try:
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _free(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            # A file system without locks cannot make anybody wait.
            return error.errno not in _BUSY
        return True

    def _free(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
