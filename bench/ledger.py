"""What the ledger and the metrics cost: two gateways that differ in nothing else, loaded in turn.

    python bench/ledger.py [--rounds N] [--seconds N]

``on`` writes its ledger, with the cache doctor, and is asked for ``/metrics`` twice a second; ``off`` runs
with ``--no-ledger`` and is not asked. Both run all the time, before one compiled pretend upstream; the
compiled generator (``bench/load``) loads one and then the other, in changing order. A ratio is of one round,
so what the machine does meanwhile hits both; the medians stand first. The CPU of ``on`` has all that its
ledger's thread does until everything is written. Needs Linux's /proc.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.gateway import bodies, load  # noqa: E402
from bench.gateway.running import Running, running  # noqa: E402
from bench.gateway.targets import TARGETS, Launch, Target  # noqa: E402

LIMIT = 0.95
"""The share of throughput that must be left (issue 7)."""
TICK = os.sysconf("SC_CLK_TCK")
SETTLE = 1.5
"""Seconds after a load in which the ledger writes what is left."""
SCRAPE = 0.5
WORK = (
    ("small chat", "small chat", "chat", 32),
    ("small messages, translated", "small messages", "messages", 32),
    ("220 KB chat", "big chat", "chat", 8),
    ("220 KB messages, translated", "big messages", "messages", 8),
)


def target(*flags: str) -> Target:
    """Return ours with more flags."""
    ours = TARGETS["native"]
    start = ours.launch
    assert start is not None

    def launch(upstream: str, port: int, folder: Path) -> Launch:
        plain = start(upstream, port, folder)
        return dataclasses.replace(plain, command=[*plain.command, *flags])

    return dataclasses.replace(ours, launch=launch)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


@contextmanager
def scraped(url: str) -> Iterator[None]:
    """Ask for the metrics as Prometheus does, though more often."""
    over = threading.Event()

    def scrape() -> None:
        while not over.wait(SCRAPE):
            with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:  # noqa: S310 - loopback
                answer.read()

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def measure(
    tool: Path, live: Running, path: str, body: Path, connections: int, seconds: float
) -> list[float]:
    """Return requests a second and microseconds of CPU a request. Raises RuntimeError when some fail."""
    before = cpu_seconds(live.pid)
    loaded = load.generate(
        tool,
        "requests",
        live.url,
        path,
        body,
        connections=connections,
        seconds=seconds,
        timeout=int(seconds + 30),
    )
    if loaded.errors:
        raise RuntimeError(f"{loaded.errors} requests failed: {loaded.figures['reasons']}")
    time.sleep(SETTLE)
    spent = cpu_seconds(live.pid) - before
    return (loaded.figures["requests_per_second"], spent / loaded.figures["requests"] * 1e6)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    tool = load.build()
    load.raise_descriptor_limit()
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        files = bodies.write(Path(name))
        above = stack.enter_context(load.upstream(tool, load.Shape()))
        lives = {
            "on": stack.enter_context(running(target(), above, files)),
            "off": stack.enter_context(running(target("--no-ledger"), above, files)),
        }
        for title, body, dialect, connections in WORK:
            path = TARGETS["native"].paths[dialect]
            found: dict[str, list[tuple[float, float]]] = {"on": [], "off": []}
            for number in range(-1, options.rounds):
                for which in ("on", "off") if number % 2 else ("off", "on"):
                    live = lives[which]
                    with scraped(live.url) if which == "on" else ExitStack():
                        figures = measure(tool, live, path, files[body], connections, options.seconds)
                    if number >= 0:  # the round before warms both
                        found[which].append(figures)
            report(title, found)


def report(title: str, found: dict[str, list[tuple[float, float]]]) -> None:
    """Print one line of ratios, then what they are of."""
    pairs = list(zip(found["on"], found["off"], strict=True))
    speed = [on[0] / off[0] for on, off in pairs]
    cost = [on[1] / off[1] for on, off in pairs]
    verdict = "met" if statistics.median(speed) >= LIMIT else "NOT MET"
    print(f"{title:28} throughput {_words(speed)}, at least {LIMIT}: {verdict}; CPU a request {_words(cost)}")
    for which, figures in found.items():
        rate, cpu = (statistics.median(each[at] for each in figures) for at in (0, 1))
        print(f"{'':28} {which:3} {rate:9,.0f} requests/s, {cpu:7.1f} us of CPU each", flush=True)


def _words(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"


if __name__ == "__main__":
    main()
