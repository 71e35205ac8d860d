"""What our own server judges requests by, told anew whenever settings or keys change it (R-05, R-54)."""

from __future__ import annotations

from collections.abc import Callable

from copilot_api.engine.server_interfaces import AccessGuard


class GuardFeed:
    """Holds the guard that is right now, and hands it to the server that asked for it."""

    def __init__(self, guard: AccessGuard) -> None:
        self.guard = guard
        self._judge_by: Callable[[AccessGuard], None] | None = None

    def attach(self, judge_by: Callable[[AccessGuard], None]) -> None:
        """Give a server the guard, now and whenever it changes."""
        self._judge_by = judge_by
        judge_by(self.guard)

    def give(self, guard: AccessGuard) -> None:
        """Use another guard from now on."""
        if guard != self.guard:
            self.guard = guard
            if self._judge_by is not None:
                self._judge_by(guard)
