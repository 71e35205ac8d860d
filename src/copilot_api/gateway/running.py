"""The streams that run now, for those who watch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_api.engine.client_interfaces import Progress
from copilot_api.records import record

if TYPE_CHECKING:
    from copilot_api.gateway.accounting import Accounting
    from copilot_api.gateway.failures import Trace


@record
class Running:
    """One stream that runs now. Times are milliseconds."""

    number: int
    """Tells it from all others of this process."""
    model: str
    client: str
    key: str
    age_ms: float
    silent_ms: float
    events: int
    bytes: int
    dialect: str = ""
    """What the client speaks."""


@record
class Stream:
    """What is known of a stream beside its relay."""

    number: int
    model: str
    trace: Trace | None
    began: float
    """Monotonic seconds."""

    def look(self, progress: Progress, now: float, accounting: Accounting) -> Running:
        """Return how it stands."""
        trace = self.trace
        return Running(
            self.number,
            self.model,
            "" if trace is None else accounting.client_of(trace),
            "" if trace is None else trace.caller.name,
            (now - self.began) * 1000,
            progress.silent_ms,
            progress.events,
            progress.bytes_out,
            "" if trace is None or trace.facts is None else trace.facts.dialect,
        )
