"""What requests took and cost, added up for Prometheus: numbers here, words in `http.metric_families`.

Counted once a request, when it is over: a look-up and some additions (`tests/unit/gateway/test_metrics.py`).
Labels are bounded: a client can make model names up, so those that are not listed share one.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from copilot_api.engine.client_interfaces import RelaySummary
    from copilot_api.gateway.failures import Trace
    from copilot_api.ledger.entry import Entry

LONG = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Seconds: what models take."""
SHORT = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5)
"""Seconds: what the gateway takes."""

OTHER = "other"
"""The label of models that are not listed."""
MOST_MODELS = 200
"""Models with a label of their own; a real list has about sixty."""

TOKEN_KINDS = ("input", "input_cached", "input_cache_write", "output")
"""They add up to what was used: each token is of one kind. Of the output `output_reasoning` is a part."""


class Histogram:
    """Counts of values up to each bound, and of those beyond."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Spent:
    """What one model took."""

    __slots__ = ("nano_aiu", "reasoning", "tokens")

    def __init__(self) -> None:
        self.tokens = [0] * len(TOKEN_KINDS)
        self.reasoning = 0
        self.nano_aiu = 0


class Times:
    """How long requests of one leg, model and way of answering took."""

    __slots__ = ("duration", "first_byte")

    def __init__(self) -> None:
        self.duration = Histogram(LONG)
        self.first_byte = Histogram(LONG)


class _Kind:
    """Requests that have all labels in common."""

    __slots__ = ("requests", "spent", "times")

    def __init__(self, times: Times, spent: Spent) -> None:
        self.requests = 0
        self.times = times
        self.spent = spent


Key = tuple[str, str, str, bool, int]
"""Dialect, leg, model, whether a stream was asked for, first digit of the status."""


class Metrics:
    """The sums of one process; made once, in `app`."""

    def __init__(self) -> None:
        self.kinds: dict[Key, _Kind] = {}
        self.times: dict[tuple[str, str, bool], Times] = {}
        """By leg, model and whether it was a stream."""
        self.spent: dict[str, Spent] = {}
        """By model."""
        self.until_first_byte = Histogram(SHORT)
        """Seconds that the gateway added before the answer's first byte."""
        self.until_end = Histogram(SHORT)
        """The same for whole answers until they were handed to the server."""
        self.responses = [0] * 6
        """HTTP responses of every kind, by first digit of the status; 0 are those that never began."""
        self.exchanges = 0
        """Copilot tokens that were fetched."""
        self.failed_exchanges = 0
        self.token_expires: float | None = None
        """Unix seconds."""

    def count(self, entry: Entry, trace: Trace, _summary: RelaySummary | None = None) -> None:
        """Count a request that is over."""
        plan = trace.plan
        model = OTHER if plan is None or plan.resolution.model is None else entry.model
        key = (entry.dialect, entry.leg, model, entry.streamed, entry.status // 100)
        kind = self.kinds.get(key)
        if kind is None:
            kind = self._kind(key)
        kind.requests += 1
        seconds = entry.duration_ms * 0.001
        times = kind.times
        times.duration.add(seconds)
        first = entry.first_byte_ms
        if first is not None:
            first *= 0.001
            times.first_byte.add(first)
            if trace.calls:
                elsewhere = trace.elsewhere
                self.until_first_byte.add(max(first - elsewhere, 0.0))
                if not entry.streamed:
                    self.until_end.add(max(seconds - elsewhere, 0.0))
        if entry.input_tokens is not None:
            spent = kind.spent
            tokens = spent.tokens
            cached, written = entry.cached_tokens or 0, entry.cache_write_tokens or 0
            tokens[0] += max(entry.input_tokens - cached - written, 0)
            tokens[1] += cached
            tokens[2] += written
            tokens[3] += entry.output_tokens or 0
            spent.reasoning += entry.reasoning_tokens or 0
            spent.nano_aiu += entry.nano_aiu or 0

    def _kind(self, key: Key) -> _Kind:
        dialect, leg, model, streamed, status = key
        if model not in self.spent and len(self.spent) >= MOST_MODELS:
            model = OTHER
        key = dialect, leg, model, streamed, status
        kind = self.kinds.get(key)
        if kind is None:
            times = self.times.setdefault((leg, model, streamed), Times())
            kind = self.kinds[key] = _Kind(times, self.spent.setdefault(model, Spent()))
        return kind
