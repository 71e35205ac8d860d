"""Failures on demand: which request fails, how, and how often."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

KINDS = (
    "status",
    "close",
    "cut",
    "stop",
    "error_frame",
    "silence",
    "html",
    "json",
    "sse",
    "raw_stream",
    "garbage_frame",
    "slow_headers",
    "redirect",
)
"""`status`: answer with status, headers and body. `close`: drop the connection. `cut`, `stop`, `error_frame`,
`garbage_frame`, `silence`: do that after some frames. `html`, `json`, `sse`: the wrong kind of 200.
`raw_stream`: a 200 stream of exactly these bytes. `slow_headers`: wait before the head. `redirect`: 302."""


@dataclass(slots=True)
class Fault:
    """One planned failure."""

    path: str
    kind: str
    times: int = 1
    after_frames: int = 0
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    chunk_size: int = 0
    """Bytes a piece of `raw_stream`; 0 is all at once."""


class Faults:
    """The planned failures, consumed in order."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []
        self._lock = threading.Lock()

    def add(
        self,
        path: str,
        kind: str,
        *,
        times: int = 1,
        after_frames: int = 0,
        status: int = 500,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        seconds: float = 0.0,
        chunk_size: int = 0,
    ) -> None:
        """Plan a failure of the next `times` requests to `path`. Raises ValueError for an unknown kind."""
        if kind not in KINDS:
            raise ValueError(f"no fault {kind!r}; there are {', '.join(KINDS)}")
        fault = Fault(path, kind, times, after_frames, status, dict(headers or {}), body, seconds, chunk_size)
        with self._lock:
            self._planned.append(fault)

    def take(self, path: str) -> Fault | None:
        """Return the failure for a request that has just come, if one is planned."""
        with self._lock:
            for fault in self._planned:
                if fault.path == path:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._planned.remove(fault)
                    return fault
        return None

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._planned.clear()
