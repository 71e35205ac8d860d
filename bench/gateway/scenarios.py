"""The loads: one for each kind of figure. Each runs against a fresh process of one target."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .load import Loaded, Shape, Upstream, generate, upstream
from .machine import Watch, resident_bytes, tick_seconds
from .running import running
from .targets import Target

Figures = dict[str, Any]
PACE_US = 50_000
"""20 content frames a second and stream, about what a fast model gives."""
GRACE = 20.0
"""Seconds after the schedule in which late streams may still end; what is not over then is an error."""


@dataclass(frozen=True)
class Bench:
    """What every run needs."""

    tool: Path
    bodies: dict[str, Path]
    quick: bool
    attach: Callable[[int], AbstractContextManager[None]] | None = None
    """Entered with the target's process id while a load is measured: where a profiler goes."""

    def seconds(self, full: float, quick: float) -> float:
        """Return how long to measure."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Scenario:
    """One load. ``run`` gets a target and returns figures; ``dialect`` is what clients speak in it."""

    name: str
    title: str
    dialect: str
    parameters: Callable[[Bench], str]
    run: Callable[[Bench, Target, Scenario], Figures]
    options: dict[str, Any] = field(default_factory=dict)


def _measured(bench: Bench, pid: int, above: Upstream, act: Callable[[], Loaded]) -> tuple[Loaded, Figures]:
    """Watch a target while a load runs. Returns what the generator said, and what the watching gave."""
    is_target = pid != above.pid
    before = tick_seconds(above.pid)
    attached = bench.attach(pid) if bench.attach else nullcontext()
    with attached, Watch(pid, 0.05 if bench.quick else 0.1) as watch:
        began = time.perf_counter()
        loaded = act()
        wall = time.perf_counter() - began
    spent = tick_seconds(above.pid) - before
    ours = spent + loaded.cpu_seconds + (watch.cpu_seconds if is_target else 0.0)
    figures: Figures = {
        "errors": loaded.errors,
        "reasons": loaded.figures["reasons"],
        "upstream_cores": spent / wall,
        "generator_cores": loaded.cpu_seconds / wall,
        "others_cores": max(0.0, watch.machine_seconds - ours) / wall,
    }
    if is_target:
        figures |= {"cpu_seconds": watch.cpu_seconds, "peak_mb": watch.peak_bytes / 1e6}
    return loaded, figures


def _warming(bench: Bench) -> float:
    """Seconds of load before requests are counted; runtimes that compile as they go get a multiple."""
    return bench.seconds(2.0, 1.0)


def _requests(bench: Bench, target: Target, scenario: Scenario) -> Figures:
    """Whole answers, each connection asking again as soon as it has its answer, or at a fixed rate."""
    options = scenario.options
    body, rate = bench.bodies[options["body"]], options.get("rate")
    seconds = bench.seconds(options["seconds"], options.get("quick", 2.0))
    given = {"connections": options["connections"]} | ({"rate": rate} if rate else {})
    path = target.paths[scenario.dialect]
    with upstream(bench.tool, Shape()) as above, running(target, above, bench.bodies) as live:
        warm = {
            "connections": options["connections"],
            "seconds": _warming(bench) * target.warming,
            "timeout": 60,
        }
        generate(bench.tool, "requests", live.url, path, body, **warm)
        loaded, figures = _measured(
            bench,
            live.pid,
            above,
            lambda: generate(
                bench.tool,
                "requests",
                live.url,
                path,
                body,
                seconds=seconds,
                timeout=int(seconds + GRACE),
                **given,
            ),
        )
    found = loaded.figures
    latency = found["latency_ms"] or {}
    figures |= {"requests_per_second": found["requests_per_second"], "exact": found["exact"]}
    figures |= {"p50_ms": latency.get("p50"), "p99_ms": latency.get("p99")}
    if "cpu_seconds" in figures and found["requests"]:
        figures["cpu_us"] = figures["cpu_seconds"] / found["requests"] * 1e6
    return figures


def _shape(bench: Bench, scenario: Scenario) -> Shape:
    options = scenario.options
    chunks = options["quick_chunks"] if bench.quick else options["chunks"]
    return Shape(chunks, options.get("interval_us", PACE_US), options.get("batch", 1))


def _ramp(bench: Bench, scenario: Scenario) -> float:
    """Seconds over which streams begin."""
    return float(bench.seconds(scenario.options["ramp"], scenario.options["ramp"] / 2))


def _paced(bench: Bench, target: Target, scenario: Scenario) -> Figures:
    """Streams at a fixed pace: they begin one after the other, then all run."""
    shape, streams = _shape(bench, scenario), scenario.options["streams"]
    ramp = _ramp(bench, scenario)
    options = {
        "dialect": scenario.dialect,
        "connections": streams,
        "streams": streams,
        "ramp_ms": int(ramp * 1000),
        "interval_us": shape.interval_us,
        "chunks": shape.chunks,
        "timeout": ramp + shape.seconds + GRACE,
    }
    body, path = bench.bodies[f"stream {scenario.dialect}"], target.paths[scenario.dialect]
    with upstream(bench.tool, shape) as above, running(target, above, bench.bodies) as live:
        if scenario.options.get("warm"):
            above.reshape(Shape(chunks=50, batch=1))
            warm = {"dialect": scenario.dialect, "connections": 20, "streams": 200, "timeout": 60}
            generate(bench.tool, "streams", live.url, path, body, **warm)
            above.reshape(shape)
        loaded, figures = _measured(
            bench, live.pid, above, lambda: generate(bench.tool, "streams", live.url, path, body, **options)
        )
    found = loaded.figures
    figures |= {
        "chunks_per_second": found["steady_chunks_per_second"],
        "delivered_share": found["delivered_share"],
        "in_time_share": found["in_time_share"],
        "first_token_p50_ms": (found["first_token_ms"] or {}).get("p50"),
        "first_token_p99_ms": (found["first_token_ms"] or {}).get("p99"),
        "delay_p50_ms": (found["delay_ms"] or {}).get("p50"),
        "delay_p99_ms": (found["delay_ms"] or {}).get("p99"),
    }
    if "cpu_seconds" in figures and found["chunks"]:
        figures["cpu_us"] = figures["cpu_seconds"] / found["chunks"] * 1e6
    return figures


def _unpaced(bench: Bench, target: Target, scenario: Scenario) -> Figures:
    """Streams as fast as they go, a new one on each connection as soon as the last is over."""
    seconds = bench.seconds(scenario.options["seconds"], 1.5)
    options = {"dialect": scenario.dialect, "connections": 8, "streams": 10_000_000}
    body, path = bench.bodies[f"stream {scenario.dialect}"], target.paths[scenario.dialect]

    def go(duration: float) -> Loaded:
        limit = duration + 3 * GRACE
        return generate(
            bench.tool, "streams", live.url, path, body, seconds=duration, timeout=limit, **options
        )

    shape = _shape(bench, scenario)
    with upstream(bench.tool, shape) as above, running(target, above, bench.bodies) as live:
        go(bench.seconds(1.0, 0.5) * target.warming)
        loaded, figures = _measured(bench, live.pid, above, lambda: go(seconds))
    found = loaded.figures
    figures |= {
        "chunks_per_second": found["chunks_per_second"],
        "delay_p99_ms": (found["delay_ms"] or {}).get("p99"),
    }
    if "cpu_seconds" in figures and found["chunks"]:
        figures["cpu_us"] = figures["cpu_seconds"] / found["chunks"] * 1e6
    return figures


def _start(bench: Bench, target: Target, scenario: Scenario) -> Figures:
    """Start it a few times; the last one rests before its memory is read."""
    starts: list[float] = []
    idle = 0.0
    with upstream(bench.tool, Shape()) as above:
        for number in range(times := scenario.options["times"]):
            with running(target, above, bench.bodies) as live:
                starts.append(live.start_seconds)
                if number == times - 1 and target.launch is not None:
                    time.sleep(bench.seconds(3.0, 1.0))
                    idle = resident_bytes(live.pid) / 1e6
    if target.launch is None:
        return {"errors": 0, "reasons": []}
    return {"errors": 0, "reasons": [], "start_s": statistics.median(starts), "idle_mb": idle}


def _say_requests(scenario_options: dict[str, Any]) -> Callable[[Bench], str]:
    def say(bench: Bench) -> str:
        seconds = bench.seconds(scenario_options["seconds"], scenario_options.get("quick", 2.0))
        size = bench.bodies[scenario_options["body"]].stat().st_size
        rate = f", {scenario_options['rate']}/s at fixed times" if "rate" in scenario_options else ""
        connections, warming = scenario_options["connections"], _warming(bench)
        return f"{connections} connections, {seconds:g} s after {warming:g} s of warming up, {size:,} B{rate}"

    return say


def _requests_scenario(name: str, title: str, dialect: str, **options: Any) -> Scenario:
    return Scenario(name, title, dialect, _say_requests(options), _requests, options)


def _streams_scenario(name: str, title: str, dialect: str, **options: Any) -> Scenario:
    options = {"ramp": 1.0} | options

    def say(bench: Bench) -> str:
        shape, ramp = _shape(bench, scenario), _ramp(bench, scenario)
        pace = f"{1e6 / shape.interval_us:g} chunks/s each for {shape.seconds:g} s"
        return f"{options['streams']:,} streams, {pace}, begun within {ramp:g} s"

    scenario = Scenario(name, title, dialect, say, _paced, options)
    return scenario


def _unpaced_scenario(name: str, title: str, dialect: str, **options: Any) -> Scenario:
    def say(bench: Bench) -> str:
        shape = _shape(bench, scenario)
        seconds = bench.seconds(options["seconds"], 1.5)
        return (
            f"8 connections, streams of {shape.chunks:,} chunks, {shape.batch} to a write, for {seconds:g} s"
        )

    scenario = Scenario(name, title, dialect, say, _unpaced, options | {"interval_us": 0})
    return scenario


_UNPACED = {"chunks": 1600, "quick_chunks": 800, "batch": 4, "seconds": 4.0}

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        _requests_scenario(
            "small", "small chat requests", "chat", body="small chat", connections=32, seconds=5.0
        ),
        _requests_scenario(
            "big", "220 KB chat requests", "chat", body="big chat", connections=8, seconds=5.0
        ),
        _requests_scenario(
            "big-messages",
            "220 KB /v1/messages, translated",
            "messages",
            body="big messages",
            connections=8,
            seconds=5.0,
        ),
        _requests_scenario(
            "latency",
            "a small request at 50/s",
            "chat",
            body="small chat",
            connections=16,
            rate=50,
            seconds=12.0,
            quick=4.0,
        ),
        _streams_scenario(
            "chunks", "100 paced chat streams", "chat", streams=100, chunks=160, quick_chunks=60, warm=True
        ),
        _streams_scenario(
            "chunks-messages",
            "100 paced messages streams",
            "messages",
            streams=100,
            chunks=160,
            quick_chunks=60,
            warm=True,
        ),
        _streams_scenario(
            "streams-1000", "1,000 paced streams", "chat", streams=1000, chunks=200, quick_chunks=60
        ),
        _streams_scenario(
            "streams-2000", "2,000 paced streams", "chat", streams=2000, chunks=160, quick_chunks=60, ramp=2.0
        ),
        _unpaced_scenario("unpaced", "8 unpaced chat streams", "chat", **_UNPACED),
        _unpaced_scenario("unpaced-messages", "8 unpaced messages streams", "messages", **_UNPACED),
        _streams_scenario(
            "silent-4000",
            "4,000 mostly silent streams",
            "chat",
            streams=4000,
            chunks=3,
            quick_chunks=2,
            interval_us=5_000_000,
            ramp=4.0,
        ),
        Scenario(
            "start",
            "start and rest",
            "chat",
            lambda bench: f"3 starts, {bench.seconds(3.0, 1.0):g} s of rest",
            _start,
            {"times": 3},
        ),
    )
}
