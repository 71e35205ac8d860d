"""A cancellation that comes together with what was waited for still cancels: the client is gone (R-32).

`asyncio.wait_for` loses such a cancellation before Python 3.12; each test cancels at every turn of the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from copilot_api.engine.interfaces import TokenGrant
from copilot_api.engine.native import NativeTokenManager
from copilot_api.engine.reference.client import ReferenceUpstream
from copilot_api.engine.reference.token import Clocks, ReferenceTokenManager
from copilot_api.redaction import Secret

TURNS = range(8)
"""More than any of them takes from the event to its waiter."""


async def cancels(waiter: asyncio.Task[Any], happen: Callable[[], object], turns: int) -> None:
    """Make the awaited thing happen and cancel so many turns later."""
    for _ in range(10):
        await asyncio.sleep(0)
    happen()
    for _ in range(turns):
        await asyncio.sleep(0)
    if waiter.cancel():
        await asyncio.wait({waiter}, timeout=20)
        assert waiter.cancelled()


class Response:
    """A response of httpx2 of which one part comes, then nothing."""

    def __init__(self) -> None:
        self.part: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def aiter_bytes(self) -> AsyncIterator[bytes]:
        yield await self.part
        yield await asyncio.get_running_loop().create_future()

    async def aclose(self) -> None:
        return


@pytest.mark.parametrize("turns", TURNS)
async def test_reading_an_answer(turns: int) -> None:
    response = Response()
    upstream = ReferenceUpstream(response, 60.0, lambda plan: pytest.fail(f"not a stream: {plan}"))  # type: ignore[arg-type]
    waiter = asyncio.ensure_future(upstream.read(100))
    await cancels(waiter, lambda: response.part.set_result(b"part"), turns)


@pytest.mark.parametrize("turns", TURNS)
@pytest.mark.parametrize("implementation", ["reference", "native"])
async def test_waiting_for_a_token(implementation: str, turns: int) -> None:
    answer: asyncio.Future[TokenGrant] = asyncio.get_running_loop().create_future()

    async def exchange() -> TokenGrant:
        return await answer

    loop_time = asyncio.get_running_loop().time
    tokens = (
        NativeTokenManager(exchange, loop_time, loop_time, jitter=lambda: 1.0)
        if implementation == "native"
        else ReferenceTokenManager(exchange, Clocks(loop_time, loop_time), jitter=lambda: 1.0)
    )
    try:
        waiter = asyncio.ensure_future(tokens.get())
        await cancels(waiter, lambda: answer.set_result(TokenGrant(Secret("t"), 1500)), turns)
    finally:
        await tokens.aclose()
