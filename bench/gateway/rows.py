"""What issue 4 asks of ours, row by row, judged against what the others reached in the same run."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

GATEWAYS = ("node", "bun", "bun-raised", "litellm")
OURS = "native"

Figures = dict[str, Any]


@dataclass(frozen=True)
class Medians:
    """Medians of the rounds: scenario → target → figure. Errors are the worst round's."""

    all: dict[str, dict[str, Figures]]

    def get(self, scenario: str, target: str, metric: str) -> float | None:
        """Return a figure, None when it was not measured. ``added_…`` is what a target adds to no proxy."""
        if metric.startswith("added_"):
            mine, floor = (
                self.get(scenario, name, metric.removeprefix("added_")) for name in (target, "direct")
            )
            return None if mine is None or floor is None else max(mine - floor, 0.0)
        found = self.all.get(scenario, {}).get(target, {}).get(metric)
        return None if found is None else float(found)


def medians(runs: list[Figures]) -> Medians:
    """Reduce ``{"scenario", "target", "round", "figures"}`` entries."""
    grouped: dict[str, dict[str, list[Figures]]] = {}
    for run in runs:
        grouped.setdefault(run["scenario"], {}).setdefault(run["target"], []).append(run["figures"])
    return Medians(
        {
            scenario: {target: _reduce(rounds) for target, rounds in targets.items()}
            for scenario, targets in grouped.items()
        }
    )


def _reduce(rounds: list[Figures]) -> Figures:
    reduced: Figures = {}
    for name in {name for figures in rounds for name in figures}:
        values = [figures[name] for figures in rounds if isinstance(figures.get(name), int | float)]
        if values:
            reduced[name] = max(values) if name == "errors" else statistics.median(values)
            reduced[f"{name} least"], reduced[f"{name} most"] = min(values), max(values)
    return reduced


@dataclass(frozen=True)
class Goal:
    """One thing that a row asks. ``measured`` is in the row's words: a ratio, or a figure and its unit."""

    asked: str
    measured: str
    met: bool | None
    """None when it could not be judged."""


Judge = Callable[[Medians, str, str], Goal]


def times(peer: str, sign: str, factor: float) -> Judge:
    """Ours is at least (``≥``) or at most (``≤``) ``factor`` times the peer's."""

    def judge(found: Medians, scenario: str, metric: str) -> Goal:
        asked = f"{sign} {factor:g} x {peer}"
        mine, theirs = found.get(scenario, OURS, metric), found.get(scenario, peer, metric)
        if mine is None or theirs is None:
            return Goal(asked, f"no figure of {peer if mine is not None else OURS}", None)
        if theirs == 0:
            return Goal(asked, f"{peer} reached nothing", mine > 0 if sign == "≥" else None)
        ratio = mine / theirs
        return Goal(asked, f"{ratio:.2f} x {peer}", ratio >= factor if sign == "≥" else ratio <= factor)

    return judge


def times_chat(peer: str, factor: float, scenario: str) -> Judge:
    """Ours is at most ``factor`` times what the peer needs in another scenario, having no such dialect."""

    def judge(found: Medians, own: str, metric: str) -> Goal:
        asked = f"≤ {factor:g} x {peer} (chat)"
        mine, theirs = found.get(own, OURS, metric), found.get(scenario, peer, metric)
        if mine is None or not theirs:
            return Goal(asked, f"no figure of {peer if mine is not None else OURS}", None)
        return Goal(asked, f"{mine / theirs:.2f} x {peer}", mine / theirs <= factor)

    return judge


def absolute(sign: str, bound: float, unit: str) -> Judge:
    """Ours is at least or at most a fixed figure."""

    def judge(found: Medians, scenario: str, metric: str) -> Goal:
        asked = f"{sign} {bound:g}{unit}"
        mine = found.get(scenario, OURS, metric)
        if mine is None:
            return Goal(asked, f"no figure of {OURS}", None)
        return Goal(asked, f"{mine:.4g}{unit}", mine >= bound if sign == "≥" else mine <= bound)

    return judge


def everything() -> Judge:
    """All chunks came in time."""

    def judge(found: Medians, scenario: str, metric: str) -> Goal:
        mine = found.get(scenario, OURS, metric)
        if mine is None:
            return Goal("100 %", f"no figure of {OURS}", None)
        return Goal("100 %", f"{mine * 100:.4g} %", mine >= 1.0)

    return judge


def less_than_any_gateway() -> Judge:
    """Ours is less than that of each other gateway that was measured."""

    def judge(found: Medians, scenario: str, metric: str) -> Goal:
        asked = "less than any gateway"
        mine = found.get(scenario, OURS, metric)
        others = {name: found.get(scenario, name, metric) for name in GATEWAYS}
        known = {name: value for name, value in others.items() if value is not None}
        if mine is None or not known:
            return Goal(asked, "no figure", None)
        best = min(known, key=lambda name: known[name])
        return Goal(asked, f"{mine / known[best]:.2f} x {best}" if known[best] else best, mine < known[best])

    return judge


@dataclass(frozen=True)
class Row:
    """One line of the issue's table."""

    title: str
    scenario: str
    metric: str
    unit: str
    goals: tuple[Judge, ...]
    higher_is_better: bool = False


def _row(title: str, scenario: str, metric: str, unit: str, *goals: Judge, higher: bool = False) -> Row:
    return Row(title, scenario, metric, unit, goals, higher)


NODE_AND_BUN = (times("node", "≤", 0.2), times("bun", "≤", 0.6))
NO_ERROR = absolute("≤", 0, " errors")

ROWS = (
    _row(
        "small chat requests, 32 connections",
        "small",
        "requests_per_second",
        "/s",
        times("node", "≥", 8),
        times("bun", "≥", 1.2),
        times("nginx", "≥", 0.5),
        higher=True,
    ),
    _row(
        "220 KB chat requests, 8 connections",
        "big",
        "requests_per_second",
        "/s",
        times("node", "≥", 40),
        times("nginx", "≥", 0.4),
        higher=True,
    ),
    _row(
        "220 KB /v1/messages, translated",
        "big-messages",
        "requests_per_second",
        "/s",
        times("node", "≥", 10),
        times("bun", "≥", 3),
        higher=True,
    ),
    _row("added latency of a small request, 50/s, p50", "latency", "added_p50_ms", " ms", *NODE_AND_BUN),
    _row("added latency of a small request, 50/s, p99", "latency", "added_p99_ms", " ms", *NODE_AND_BUN),
    _row("CPU per chunk, 100 paced chat streams", "chunks", "cpu_us", " µs", times("nginx", "≤", 1.2)),
    _row(
        "CPU per chunk, 100 paced messages streams",
        "chunks-messages",
        "cpu_us",
        " µs",
        times_chat("nginx", 1.5, "chunks"),
    ),
    _row(
        "1,000 paced streams: delivered in time",
        "streams-1000",
        "delivered_share",
        "",
        everything(),
        higher=True,
    ),
    _row(
        "1,000 paced streams: first token added, p99",
        "streams-1000",
        "added_first_token_p99_ms",
        " ms",
        absolute("≤", 10, " ms"),
    ),
    _row(
        "2,000 paced streams: chunks",
        "streams-2000",
        "chunks_per_second",
        "/s",
        times("nginx", "≥", 0.9),
        higher=True,
    ),
    _row("2,000 paced streams: errors", "streams-2000", "errors", "", NO_ERROR),
    _row("2,000 paced streams: CPU per chunk", "streams-2000", "cpu_us", " µs", less_than_any_gateway()),
    _row("2,000 paced streams: peak RSS", "streams-2000", "peak_mb", " MB", less_than_any_gateway()),
    _row(
        "unpaced chunks, 8 chat streams",
        "unpaced",
        "chunks_per_second",
        "/s",
        times("nginx", "≥", 0.5),
        higher=True,
    ),
    _row(
        "unpaced chunks, 8 messages streams",
        "unpaced-messages",
        "chunks_per_second",
        "/s",
        times("node", "≥", 3),
        higher=True,
    ),
    _row("4,000 mostly silent streams: errors", "silent-4000", "errors", "", NO_ERROR),
    _row("4,000 mostly silent streams: peak RSS", "silent-4000", "peak_mb", " MB", times("nginx", "≤", 2.5)),
    _row("4,000 mostly silent streams: first token, p99", "silent-4000", "first_token_p99_ms", " ms"),
    _row("idle RSS", "start", "idle_mb", " MB", absolute("≤", 25, " MB")),
    _row("peak RSS at 1,000 streams", "streams-1000", "peak_mb", " MB", absolute("≤", 80, " MB")),
    _row("start to ready", "start", "start_s", " s", absolute("≤", 0.3, " s")),
)
"""The table of the issue, in its order."""
