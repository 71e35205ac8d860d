"""What the gateway's process holds, second by second, and whether that grows."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Slope:
    """A straight line through the samples, in MiB an hour, and its standard error."""

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:+.2f} ± {self.error:.2f} MiB/h"


class Process:
    """One process through /proc."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")

    def resident(self) -> int:
        """Bytes of memory that it holds."""
        return self._field("VmRSS") * 1024

    def threads(self) -> int:
        """Threads."""
        return self._field("Threads")

    def descriptors(self) -> int:
        """Open descriptors."""
        return len(os.listdir(self._folder / "fd"))  # noqa: PTH208 - names only

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        fields = (self._folder / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def _field(self, name: str) -> int:
        status = (self._folder / "status").read_text(encoding="ascii")
        return int(next(line for line in status.split("\n") if line.startswith(name)).split()[1])


class Memory:
    """Samples of resident memory."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.samples: list[tuple[float, int]] = []

    def sample(self) -> int:
        """Take one and return it."""
        now = self._process.resident()
        self.samples.append((time.monotonic(), now))
        return now

    def slope(self, since: float) -> Slope | None:
        """Return the slope of the samples after a moment; None when there are too few for one."""
        return fit([sample for sample in self.samples if sample[0] >= since])


def fit(samples: list[tuple[float, int]], blocks: int = 20) -> Slope | None:
    """Return the least-squares slope over the means of blocks of samples.

    Neighbouring samples are nearly the same, so that their number says nothing of how sure the slope is;
    the means of longer blocks are closer to being independent.
    """
    size = len(samples) // blocks
    if size < 1:
        return None
    points = []
    for at in range(0, size * blocks, size):
        block = samples[at : at + size]
        points.append((sum(t for t, _ in block) / size / 3600, sum(b for _, b in block) / size / MIB))
    mean_t = sum(t for t, _ in points) / blocks
    mean_m = sum(m for _, m in points) / blocks
    spread = sum((t - mean_t) ** 2 for t, _ in points)
    if not spread:
        return None
    value = sum((t - mean_t) * (m - mean_m) for t, m in points) / spread
    rest = sum((m - mean_m - value * (t - mean_t)) ** 2 for t, m in points)
    return Slope(value, math.sqrt(rest / (blocks - 2) / spread))


def percentile(values: list[float], part: float) -> float:
    """Return a percentile of values, 0 when there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0
