"""What the system says of this process, by the names that Prometheus' own clients give it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from copilot_api.http.exposition import Family, Kind, Sample

PROC = Path("/proc")
_AFTER_NAME = b") "
_START_TIME, _VIRTUAL, _RESIDENT = 19, 20, 21
"""Fields of ``/proc/PID/stat`` after the name (proc_pid_stat(5)): start in ticks, bytes, pages."""


def families(proc: Path = PROC) -> Iterator[Family]:
    """Give what can be known: CPU time everywhere, the rest where there is a ``/proc``."""
    yield _of("cpu_seconds", "counter", "Seconds of CPU that the process took.", time.process_time())
    try:
        stat = (proc / "self/stat").read_bytes()
        numbers = [int(each) for each in stat[stat.rindex(_AFTER_NAME) + 2 :].split()[1:]]
        numbers.insert(0, 0)  # the state, a letter
        page, tick = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
        booted = _booted(proc)
        opened = len(os.listdir(proc / "self/fd"))  # noqa: PTH208 - counted only
        limit = _most_files(proc)
    except (OSError, ValueError, IndexError):
        return
    yield _of("virtual_memory_bytes", "gauge", "Virtual memory in bytes.", numbers[_VIRTUAL])
    yield _of("resident_memory_bytes", "gauge", "Resident memory in bytes.", numbers[_RESIDENT] * page)
    started = booted + numbers[_START_TIME] / tick
    yield _of("start_time_seconds", "gauge", "When the process began, in Unix seconds.", started)
    yield _of("open_fds", "gauge", "Open file descriptors.", opened)
    if limit is not None:
        yield _of("max_fds", "gauge", "File descriptors that may be open.", limit)


def _of(name: str, kind: Kind, help_text: str, value: float) -> Family:
    return Family(f"process_{name}", kind, help_text, (Sample(value),))


def _booted(proc: Path) -> int:
    for line in (proc / "stat").read_bytes().splitlines():
        if line.startswith(b"btime "):
            return int(line.split()[1])
    raise ValueError("no btime")


def _most_files(proc: Path) -> int | None:
    for line in (proc / "self/limits").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("Max open files"):
            soft = line.split()[3]
            return int(soft) if soft.isdigit() else None
    return None
