"""What a key may have beside its models, as `team` asks for it: of this process alone, or of all replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from copilot_api.engine.interfaces import Limiter

if TYPE_CHECKING:
    from copilot_api.engine.components import Engine
    from copilot_api.keys.caller import Caller


class SharedPlaces(Protocol):
    """Places of one key on all replicas together; its places here are counted beside."""

    async def take(self) -> str | None:
        """Take a place and return its lease, empty where nobody keeps count; None when all are taken."""

    def leave(self, lease: str) -> None:
        """Give it back."""


class KeyLimits(Protocol):
    """Makes the limits of one key."""

    def limiter(self, caller: Caller, rate: int) -> Limiter:
        """Return what keeps to so many requests a minute."""

    def places(self, caller: Caller) -> SharedPlaces | None:
        """Return the key's places on all replicas; None where this is the only one."""


class OwnLimits:
    """Implements :class:`KeyLimits` for one process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def limiter(self, _caller: Caller, rate: int) -> Limiter:
        """Return a limiter of the engine's."""
        return self._engine.make_limiter(60 / rate, False, rate)

    def places(self, _caller: Caller) -> SharedPlaces | None:
        """Return None."""
        return None
