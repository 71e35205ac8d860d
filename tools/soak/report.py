"""The lines that the soak prints, and its result as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .traffic import Tally
from .watching import MIB, Slope, percentile

GATE = 1.0
"""MiB an hour by which memory may grow (R-57)."""
SHORTEST = 600
"""Seconds of a run whose slope says something."""


@dataclass(slots=True)
class Holding:
    """What the gateway holds at rest."""

    descriptors: int
    threads: int
    tasks: int
    resident: int

    def __str__(self) -> str:
        return (
            f"{self.descriptors} descriptors, {self.threads} threads, {self.tasks} tasks, "
            f"{self.resident / MIB:.1f} MiB"
        )


@dataclass(slots=True)
class Result:
    """All that a run found."""

    tally: Tally
    seconds: float = 0.0
    start: Holding | None = None
    end: Holding | None = None
    warm: int = 0
    """Resident bytes when the warm-up was over."""
    peak: int = 0
    slope: Slope | None = None
    late: Slope | None = None
    """The same of the second half: what grows ever more slowly is a warm-up, not a leak."""
    cpu: float = 0.0
    delays: list[float] = field(default_factory=list)
    """Seconds from a client's leaving until upstream saw its connection closed."""
    upstream: dict[str, Any] = field(default_factory=dict)

    def failures(self) -> list[str]:
        """Return what must not be."""
        tally, found = self.tally, []
        if tally.damaged:
            found.append(f"{tally.damaged} damaged answers")
        if tally.unexpected:
            found.append(f"{tally.unexpected} unexpected results")
        if self.start is not None and self.end is not None:
            for name in ("descriptors", "tasks"):
                before, after = getattr(self.start, name), getattr(self.end, name)
                if after > before:
                    found.append(f"{name} grew from {before} to {after}")
        return found

    def verdict(self) -> str:
        """Say what the slope means against the gate; a short run cannot tell."""
        slope = self.slope
        if slope is None:
            return "memory: too short a run for a slope"
        if self.seconds < SHORTEST:
            judged = f"not judged in less than {SHORTEST // 60} minutes"
        elif slope.value + 2 * slope.error <= GATE:
            judged = "met"
        elif slope.value - 2 * slope.error > GATE:
            judged = "NOT MET"
        else:
            judged = "undecided: the error is too large, run longer"
        late = f", {self.late} in the second half" if self.late is not None else ""
        return f"memory: {slope} after warm-up{late} (gate {GATE:g} MiB/h: {judged})"

    def lines(self) -> list[str]:
        """Return the report."""
        tally = self.tally
        faults = ", ".join(f"{name} {count}" for name, count in sorted(tally.faults.items()))
        seen = self.upstream
        delays = [delay * 1000 for delay in self.delays]
        rate = tally.requests / max(self.seconds, 1)
        asked = (
            f"{tally.requests} requests in {self.seconds:.0f} s ({rate:.0f}/s), {tally.streams} streams, "
            f"{tally.calls} with tools, {tally.slow} slow readers, {tally.idle} idle connections, "
            f"{tally.bytes / MIB:.0f} MiB received"
        )
        counts = ", ".join(
            f"{seen.get(key, 0)} {words}"
            for key, words in (
                ("requests", "model requests"),
                ("tokens", "tokens given out"),
                ("expired", "requests refused with 401"),
                ("lists", "model lists"),
            )
        )
        cancels = (
            f"p50 {percentile(delays, 0.5):.1f} ms, p99 {percentile(delays, 0.99):.1f} ms, "
            f"longest {max(delays, default=0):.1f} ms ({len(delays)} measured)"
        )
        lines = [
            asked,
            f"upstream: {counts}",
            f"faults: {faults or 'none'}",
            f"aborted: {tally.aborted}; upstream saw it after {cancels}",
            f"damaged: {tally.damaged}; unexpected: {tally.unexpected}",
            f"at rest before: {self.start}; after: {self.end}",
            f"memory: {self.warm / MIB:.1f} MiB after warm-up, peak {self.peak / MIB:.1f} MiB",
            self.verdict(),
            f"CPU: {self.cpu:.1f} s, {1e6 * self.cpu / max(tally.requests, 1):.0f} µs a request",
        ]
        return lines + [f"  {example}" for example in tally.examples]

    def record(self) -> dict[str, Any]:
        """Return the result as JSON."""
        tally = {each.name: getattr(self.tally, each.name) for each in fields(Tally) if each.name != "left"}
        return {
            **tally,
            "seconds": round(self.seconds, 1),
            "start": asdict(self.start) if self.start else None,
            "end": asdict(self.end) if self.end else None,
            "warm_mib": round(self.warm / MIB, 2),
            "peak_mib": round(self.peak / MIB, 2),
            "slope_mib_h": round(self.slope.value, 3) if self.slope else None,
            "late_slope_mib_h": round(self.late.value, 3) if self.late else None,
            "slope_error_mib_h": round(self.slope.error, 3) if self.slope else None,
            "cpu_seconds": round(self.cpu, 2),
            "cancel_p50_ms": round(percentile(self.delays, 0.5) * 1000, 2),
            "cancel_p99_ms": round(percentile(self.delays, 0.99) * 1000, 2),
            "cancels": len(self.delays),
            "upstream": self.upstream,
            "failures": self.failures(),
        }
