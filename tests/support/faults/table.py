"""All failures."""

from __future__ import annotations

from tests.support.faults.answers import ANSWERS
from tests.support.faults.cases import Fault
from tests.support.faults.endings import ENDINGS
from tests.support.faults.framing import FRAMING
from tests.support.faults.grammar import GRAMMAR
from tests.support.faults.silence import SILENCE
from tests.support.faults.tools import TOOLS

FAULTS: tuple[Fault, ...] = (*FRAMING, *GRAMMAR, *ENDINGS, *SILENCE, *ANSWERS, *TOOLS)


def named(name: str) -> Fault:
    """The row of that name."""
    return next(fault for fault in FAULTS if fault.name == name)
