"""The cache doctor: why upstream had to read again what it had read before. Runs on the ledger's thread.

The engine's prefixes say where a request stops being the same as the one before; upstream says how much of it
came from its cache. Both together give a cause and a price.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_api.gateway.accounting import SMALLEST
from copilot_api.ledger.findings import NOTHING, Finding

if TYPE_CHECKING:
    from copilot_api.engine.prefix_interfaces import Prefixes, Turn
    from copilot_api.ledger.entry import Entry

LIFE, LONG_LIFE = 300.0, 3_600.0
"""Seconds that a prompt stays in a cache after its last use, and with ``"ttl": "1h"``."""
TOLERANCE = 0.1
"""Share of the expected tokens that may be missing: caches keep whole blocks of a prompt."""


FIRST = Finding("first")


class CacheDoctor:
    """Looks at the requests of all conversations, in the order in which they ended."""

    def __init__(self, prefixes: Prefixes) -> None:
        self._prefixes = prefixes
        # Called for each request: bound here, without a frame of Python between.
        self.chain = prefixes.chain

    def examine(self, entry: Entry, chain: object, saving: float | None) -> Finding:
        """Return what is found of an answered request. `saving`: nano-AIU that a cached token saves."""
        tokens = entry.input_tokens
        if tokens is None or tokens < SMALLEST:
            return NOTHING
        # Those who tell no session are told apart by what they send.
        session = entry.session or f"\0{entry.key}\0{entry.client}"
        turn = self._prefixes.turn(session, bool(entry.session), entry.model, chain, tokens, entry.at)
        return FIRST if turn is None else diagnose(turn, entry, saving)


def diagnose(turn: Turn, entry: Entry, saving: float | None) -> Finding:
    """Return the finding of a request that goes on from another."""
    cached, tokens = entry.cached_tokens, entry.input_tokens
    gap = round(turn.gap, 3)
    if cached is None or tokens is None:
        return Finding(turn.change, turn.path, None, None, gap)
    expected = min(turn.previous_tokens, tokens)
    lost = max(0, expected - cached)
    if lost <= max(SMALLEST, TOLERANCE * expected):
        lost = 0 if turn.change == "kept" else lost
        return Finding(turn.change, turn.path, lost, _price(lost, saving), gap)
    cause = _cause(turn, entry)
    if cause == "last_message":
        # How much stands before the message that is another is not known.
        return Finding(cause, turn.path, None, None, gap)
    return Finding(cause, turn.path, lost, _price(lost, saving), gap)


def _cause(turn: Turn, entry: Entry) -> str:
    if turn.gap > (LONG_LIFE if turn.hour else LIFE):
        return "idle"
    if turn.change != "kept":
        return turn.change
    if entry.dialect == entry.leg == "messages" and not (turn.was_marked and turn.is_marked):
        return "unmarked"
    return "upstream"


def _price(lost: int, saving: float | None) -> int | None:
    return None if saving is None else round(lost * saving)
