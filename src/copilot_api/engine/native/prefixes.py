"""Adapter over `copilot_api._native`: where requests of a conversation part."""

from __future__ import annotations

from copilot_api import _native
from copilot_api.engine.prefix_interfaces import Turn


class NativePrefixes:
    """Implements :class:`copilot_api.engine.prefix_interfaces.Prefixes`; thread-safe."""

    __slots__ = ("_state", "chain")

    def __init__(self) -> None:
        self._state = _native.Prefixes()
        # Called for each request: bound here, without a frame of Python between.
        self.chain = self._state.chain

    def turn(
        self,
        session: str,
        named: bool,
        model: str,
        chain: object,
        tokens: int,
        at: float,
    ) -> Turn | None:
        """Take a request that was answered; None where it begins a conversation."""
        if not isinstance(chain, _native.Chain):
            return None  # of the reference
        found = self._state.turn(session, named, model, chain, tokens, at)
        return None if found is None else Turn(*found)
