"""What a process tree and the machine did, read from Linux's /proc."""

from __future__ import annotations

import os
import platform
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def _read(path: str) -> str:
    """Return the text, empty when the process or thread is gone."""
    try:
        with open(path, encoding="ascii") as file:  # noqa: PTH123 - called thousands of times
            return file.read()
    except OSError:
        return ""


def tree(root: int) -> list[int]:
    """Return ``root`` and all its descendants."""
    found = [root]
    for pid in found:
        for thread in _threads(pid):
            found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    return found


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - called thousands of times
    except OSError:
        return []


def resident_bytes(root: int) -> int:
    """Return the sum of VmRSS over the tree; pages that processes share count in each."""
    fields = (_read(f"/proc/{pid}/statm").split() for pid in tree(root))
    return sum(int(statm[1]) * PAGE for statm in fields if statm)


def tick_seconds(pid: int) -> float:
    """Return user and system time of one process and its reaped children, right to a clock tick."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICK if fields else 0.0


def machine_busy_seconds() -> float:
    """Return all CPU time that was not idle since the machine started."""
    fields = _read("/proc/stat").split("\n", 1)[0].split()[1:9]
    times = list(map(int, fields))
    return (sum(times) - times[3] - times[4]) / TICK


def thread_seconds(pid: int) -> float:
    """Return the CPU time of a process's threads as the scheduler counts it, to the nanosecond."""
    spent = (_read(f"/proc/{pid}/task/{thread}/schedstat").split() for thread in _threads(pid))
    return sum(int(each[0]) for each in spent if each) / 1e9


@dataclass
class Watch:
    """Samples a tree while a load runs: CPU time, greatest resident size, and what the machine did in all.

    CPU is the scheduler's own count of nanoseconds for each thread where the kernel keeps it: user and system
    time in /proc/PID/stat is the same sum cut to ten milliseconds. A thread that ended counts with what was
    last seen.
    """

    root: int
    interval: float = 0.1
    peak_bytes: int = 0
    cpu_seconds: float = 0.0
    _first: dict[str, int] = field(default_factory=dict)
    _last: dict[str, int] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._sample()
        self._first = dict(self._last)
        self._ticks = sum(map(tick_seconds, tree(self.root)))
        self.busy_before = machine_busy_seconds()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._sample()
        self.machine_seconds = machine_busy_seconds() - self.busy_before
        nanoseconds = sum(self._last.values()) - sum(self._first.values())
        if nanoseconds:
            self.cpu_seconds = nanoseconds / 1e9
        else:
            self.cpu_seconds = sum(map(tick_seconds, tree(self.root))) - self._ticks

    def _run(self) -> None:
        while not self._stop.wait(self.interval):
            self._sample()

    def _sample(self) -> None:
        self.peak_bytes = max(self.peak_bytes, resident_bytes(self.root))
        for pid in tree(self.root):
            for thread in _threads(pid):
                spent = _read(f"/proc/{pid}/task/{thread}/schedstat").split()
                if spent:
                    self._last[f"{pid}/{thread}"] = int(spent[0])


def describe() -> dict[str, str]:
    """Return what a figure depends on, as far as the machine tells."""
    cpu = next((line for line in _read("/proc/cpuinfo").splitlines() if line.startswith("model name")), ":")
    memory = next(
        (line for line in _read("/proc/meminfo").splitlines() if line.startswith("MemTotal")), "0 0 kB"
    )
    return {
        "kernel": platform.release(),
        "machine": platform.machine(),
        "processor": cpu.split(":", 1)[1].strip() or "unknown",
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{int(memory.split()[1]) // 1024 // 1024 + 1} GiB",
        "system": _system(),
    }


def _system() -> str:
    release = Path("/etc/os-release")
    lines = release.read_text(encoding="utf-8").splitlines() if release.exists() else []
    pairs = dict(line.split("=", 1) for line in lines if "=" in line)
    return pairs.get("PRETTY_NAME", platform.platform()).strip('"')
