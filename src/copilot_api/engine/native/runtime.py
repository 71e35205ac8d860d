"""The native engine's runtime of an event loop: made for its first user, closed by its last.

Tokio's threads put their results into an inbox; the loop watches its descriptor (ADR 0011).
"""

from __future__ import annotations

import asyncio
import os
from typing import Any
from weakref import WeakKeyDictionary

from copilot_api import _native

WORKERS = max(1, min(4, (os.cpu_count() or 1) - 1))
"""Threads that move bytes. One core is left to Python, and a relay costs so little that four are plenty."""


class _Attached:
    def __init__(self, runtime: _native.Runtime) -> None:
        self.runtime = runtime
        self.users = 0


# A loop has one inbox, as it has one selector: this belongs to the loop, as its attribute would.
_ATTACHED: WeakKeyDictionary[asyncio.AbstractEventLoop, _Attached] = WeakKeyDictionary()


def attach() -> _native.Runtime:
    """Return the running loop's runtime; each call needs one of :func:`detach`."""
    loop = asyncio.get_running_loop()
    attached = _ATTACHED.get(loop)
    if attached is None:
        attached = _ATTACHED[loop] = _Attached(_native.Runtime(loop, WORKERS))
        loop.add_reader(attached.runtime.fileno(), attached.runtime.drain)
    attached.users += 1
    return attached.runtime


def detach(runtime: _native.Runtime) -> None:
    """Give the runtime back; the last user's call stops its threads, and what waits on it waits for ever."""
    loop = asyncio.get_running_loop()
    attached = _ATTACHED.get(loop)
    if attached is None or attached.runtime is not runtime:
        return
    attached.users -= 1
    if not attached.users:
        del _ATTACHED[loop]
        loop.remove_reader(runtime.fileno())
        runtime.close()


async def wait(runtime: _native.Runtime, waiting: tuple[int, asyncio.Future[Any]]) -> Any:
    """Wait for a result of the runtime; cancelling drops what was asked for."""
    ticket, future = waiting
    try:
        return await future
    except asyncio.CancelledError:
        runtime.cancel(ticket)
        raise
