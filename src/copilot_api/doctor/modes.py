"""Modes of files: who else may do something with them, and taking that away."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

from copilot_api.doctor.findings import Repair


def tighten(path: Path, mode: int) -> Repair:
    """Return what gives a file a mode."""
    return lambda: path.chmod(mode)


def mode_of(path: Path) -> int:
    """Return the mode of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def is_loose(path: Path) -> bool:
    """Tell whether others than the owner may do anything with a file."""
    return sys.platform != "win32" and bool(mode_of(path) & 0o077)
