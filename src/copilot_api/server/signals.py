"""What ends a server: SIGINT and SIGTERM, or the program that it is a part of."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


@contextlib.contextmanager
def stopping(
    loop: asyncio.AbstractEventLoop, stop: Callable[..., None], event: asyncio.Event | None = None
) -> Iterator[None]:
    """Call `stop` on the loop's thread at each of the two signals.

    With an `event` it is called once, when that is set, and signals are left to others.
    """
    if event is not None:
        waiting = loop.create_task(_when_set(event, stop))
        try:
            yield
        finally:
            waiting.cancel()
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before: dict[signal.Signals, Any] = {number: signal.getsignal(number) for number in numbers}

    def thread_safe(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)

    try:
        for number in numbers:
            # By the loop's wake-up descriptor: a signal that comes just before the loop goes to sleep would
            # otherwise be heard at its next waking only, which may be never.
            loop.add_signal_handler(number, stop)
    except NotImplementedError:  # Windows
        for number in numbers:
            signal.signal(number, thread_safe)
    try:
        yield
    finally:
        for number, handler in before.items():
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, handler)


async def _when_set(event: asyncio.Event, stop: Callable[..., None]) -> None:
    await event.wait()
    stop()
