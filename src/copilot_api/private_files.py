"""Files for this user alone, written whole or not at all (R-07, R-53, R-56)."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import sys
import time
from pathlib import Path

logger = logging.getLogger("copilot_api.credentials")


def make_private(directory: Path) -> None:
    """Make a directory, and the parents it lacks, for this user alone; tighten the one that is there.

    Raises OSError.
    """
    missing = [each for each in (directory, *directory.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
    if sys.platform != "win32" and stat.S_IMODE(directory.stat().st_mode) & 0o077:
        directory.chmod(0o700)
        logger.warning("The directory %s was open to others; its mode is now 0700", directory)


def replace_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 beside `path` and put it in its place in one step. Raises OSError."""
    import tempfile

    # mkstemp makes the file 0600 whatever the umask; rename replaces in one step.
    handle, name = tempfile.mkstemp(prefix=_beginning(path), dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def remove_leftovers(path: Path, age: float = 0.0) -> None:
    """Remove what killed processes were writing in place of `path`, `age` seconds ago or longer."""
    now = time.time()
    for left in path.parent.glob(f"{_beginning(path)}*"):
        with contextlib.suppress(OSError):
            if now - left.stat().st_mtime >= age:
                left.unlink()


def _beginning(path: Path) -> str:
    return f".{path.name}."
