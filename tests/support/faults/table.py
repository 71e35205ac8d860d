"""All failures."""

from __future__ import annotations

from tests.support.faults.answers import ANSWERS
from tests.support.faults.cases import Fault
from tests.support.faults.framing import FRAMING
from tests.support.faults.streams import STREAMS
from tests.support.faults.tools import TOOLS

FAULTS: tuple[Fault, ...] = (*FRAMING, *STREAMS, *ANSWERS, *TOOLS)


def named(name: str) -> Fault:
    """The row of that name."""
    return next(fault for fault in FAULTS if fault.name == name)
