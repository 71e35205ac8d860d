"""The native prefixes with a way back: when they fail, the reference begins anew in their place."""

from __future__ import annotations

from collections.abc import Callable

from copilot_api.engine.interfaces import Dialect, RequestBody
from copilot_api.engine.prefix_interfaces import Prefixes, Turn
from copilot_api.engine.switch import Switch


class SwitchedPrefixes:
    """See :class:`copilot_api.engine.prefix_interfaces.Prefixes`."""

    def __init__(self, switch: Switch, native: Prefixes, make_reference: Callable[[], Prefixes]) -> None:
        self._switch, self._inner = switch, native
        self._make_reference = make_reference
        self._is_native = True

    def chain(self, body: RequestBody, dialect: Dialect) -> object | None:
        """Return the hashes of a request."""
        try:
            return self._inner.chain(body, dialect)
        except BaseException as error:
            self._failed(error)
            return None

    def turn(
        self,
        session: str,
        named: bool,
        model: str,
        chain: object,
        tokens: int,
        at: float,
    ) -> Turn | None:
        """Take a request that was answered."""
        try:
            return self._inner.turn(session, named, model, chain, tokens, at)
        except BaseException as error:
            self._failed(error)
            return None

    def _failed(self, error: BaseException) -> None:
        if not self._is_native:
            raise error
        self._switch.failed(error)
        self._is_native = False
        self._inner = self._make_reference()
