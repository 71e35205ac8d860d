"""ASGI's lifespan protocol: the app is told of the start and of the end."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

logger = logging.getLogger("copilot_api.server")


class LifespanFailed(Exception):
    """The app said that it cannot start, or did not stop well. The text is the app's."""


class Lifespan:
    """One app's lifespan. An app that does not know the protocol is served without it."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.state: dict[str, Any] = {}
        """What the app puts here at startup is copied into each request's scope."""
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answers: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        """Raise :class:`LifespanFailed` when the app says that it failed."""
        self._task = asyncio.create_task(self._run())
        await self._tell("startup")

    async def shutdown(self) -> None:
        """Raise :class:`LifespanFailed` when the app says that it failed."""
        if self._task is None or self._task.done():
            return
        await self._tell("shutdown")
        await asyncio.gather(self._task, return_exceptions=True)

    async def _tell(self, phase: str) -> None:
        await self._events.put({"type": f"lifespan.{phase}"})
        answer = await self._answers.get()
        if answer is not None and answer["type"] == f"lifespan.{phase}.failed":
            raise LifespanFailed(str(answer.get("message", "")) or f"the app's {phase} failed")

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self._app(scope, self._events.get, self._answers.put)
        except Exception as error:
            # By the protocol this means: not supported.
            logger.debug("no lifespan: %s", type(error).__name__)
        finally:
            await self._answers.put(None)
