"""A gateway in a thread of its own, for programs and tests without an event loop."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from copilot_api.embedding import Gateway
from copilot_api.gateway.catalog import Model


class BackgroundGateway:
    """``with BackgroundGateway(simulate=True) as gateway``: a :class:`Gateway` that is served meanwhile.

    Takes what :class:`Gateway` takes, and the port. Opening raises what opening and serving that raises.
    """

    def __init__(self, *arguments: Any, port: int = 0, **options: Any) -> None:
        self._gateway = Gateway(*arguments, **options)
        self._port = port
        self._ready: Future[str] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="copilot-api-gateway", daemon=True)

    def __enter__(self) -> Self:
        """Return when connections are taken."""
        self._thread.start()
        try:
            self._ready.result()
        except BaseException:
            self._thread.join()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drain and stop."""
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def url(self) -> str:
        """The root, without a slash at the end."""
        return self._ready.result(0)

    @property
    def openai_base_url(self) -> str:
        """What OpenAI's SDKs take as ``base_url``."""
        return f"{self.url}/v1"

    @property
    def anthropic_base_url(self) -> str:
        """What Anthropic's SDKs take as ``base_url``."""
        return self.url

    @property
    def models(self) -> tuple[Model, ...]:
        """The account's models."""
        return self._gateway.models

    @property
    def simulator(self) -> Any:
        """The :class:`copilot_api.simulator.SimulatorServer` behind it; see :attr:`Gateway.simulator`."""
        return self._gateway.simulator

    def _run(self) -> None:
        # Windows' default loop cannot watch the native engine's inbox (ADR 0011); elsewhere this is it.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with self._gateway as gateway:
                self._ready.set_result(await gateway.serve(self._port))
                await self._stop.wait()
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)
