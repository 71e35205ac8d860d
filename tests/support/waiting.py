"""Waiting for what tells of itself only by being there."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 30.0


def until(condition: Callable[[], bool]) -> None:
    """Return when the condition holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)
