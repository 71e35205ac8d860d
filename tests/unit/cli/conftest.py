"""Commands that run in the test's own process: what they install for the whole program is taken back."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def own_process() -> Iterator[None]:
    ours, root = logging.getLogger("copilot_api"), logging.getLogger()
    before = (list(ours.handlers), ours.propagate, ours.level, list(root.handlers), root.level)
    hooks = (sys.excepthook, sys.unraisablehook, threading.excepthook)
    yield
    ours.handlers[:], ours.propagate = before[0], before[1]
    ours.setLevel(before[2])
    root.handlers[:] = before[3]
    root.setLevel(before[4])
    logging.captureWarnings(False)
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks
