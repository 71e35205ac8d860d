"""A failure by name, and what is right to be seen of it (reliability.md 3).

``seen`` says what a client gets:

- ``status``: no byte of the answer came, so it is `status` and an error body in the dialect;
- ``error``: all that came before, then one in-band error and no end mark;
- ``whole``: the answer, as if nothing were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tests.support.faults.legs import TEXT, Call, Leg
from tests.support.scripted_upstream import Script

Seen = Literal["status", "error", "whole"]
Limit = Literal["", "first_byte", "idle", "content"]
LegName = Literal["chat", "messages", "responses"]
EVERY_LEG: tuple[LegName, ...] = ("chat", "messages", "responses")
ALL = ("chat", "messages", "responses", "gemini", "ollama", "completions")
FEW = ("chat", "messages")
"""For what is long: it is the reader's business, not the dialect's."""
WITH_TOOLS = ALL[:-1]


@dataclass(frozen=True, slots=True)
class Case:
    """What upstream does when it is asked one way, and what its client sees."""

    script: Callable[[Leg], Script]
    seen: Seen
    status: int = 0
    """Upstream's own word for it; a dialect may have another (`tests.support.faults.hearing`)."""
    text: str = TEXT
    calls: tuple[Call, ...] = ()
    attempts: int = 1
    """Times that the gateway asks (R-38)."""
    says: str = ""
    """Stands in the error's text."""
    headers: tuple[tuple[str, str], ...] = ()
    """Reach the client."""
    hint: str = ""
    """Stands in the error's body: what the user can do."""
    odd: bool = False
    """It is written in a way that is right and unusual: relayed within one format, it stays so."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table: None where there is no such thing."""

    name: str
    ids: str
    """Requirements, separated by blanks."""
    stream: Case | None = None
    plain: Case | None = None
    legs: tuple[LegName, ...] = ("chat",)
    dialects: tuple[str, ...] = ALL
    limit: Limit = ""
    """The gateway's own limit that ends it; it is a fraction of a second there."""
    taints: bool = False
    """Its connection holds bytes that must not reach the next request."""


def both(name: str, ids: str, script: Callable[[Leg], Script], seen: Seen, **more: Any) -> Fault:
    """The same bytes and the same sight for streams and whole answers."""
    legs, dialects, limit = (more.pop(key, None) for key in ("legs", "dialects", "limit"))
    case = Case(script, seen, **more)
    return Fault(name, ids, case, case, legs or ("chat",), dialects or ALL, limit or "")


def odd(
    name: str,
    ids: str,
    script: Callable[[Leg], Script],
    *,
    legs: tuple[LegName, ...] = ("chat",),
    dialects: tuple[str, ...] = ALL,
    **more: Any,
) -> Fault:
    """A stream that looks odd and is right."""
    return Fault(name, ids, Case(script, "whole", **more), legs=legs, dialects=dialects)
