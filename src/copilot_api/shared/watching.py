"""What looks at the store again and again."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Watching:
    """Has one task on the running loop, from :meth:`begin` to :meth:`end`; what it does is `watch`."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Watch from now on."""
        self._task = asyncio.get_running_loop().create_task(self.watch())

    async def end(self) -> None:
        """Watch no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def watch(self) -> None:
        """Look for ever."""
        raise NotImplementedError
