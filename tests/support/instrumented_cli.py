"""The real program with four test hooks: ``python -m tests.support.instrumented_cli start …`` (Linux).

- SIGUSR1 stops the thread of the event loop until a byte comes through the FIFO of ``COPILOT_TEST_FIFO``;
  SIGUSR2 does the same and holds the GIL meanwhile, so that no Python runs in any thread.
- SIGRTMIN writes ``wakes N M``: in how many turns the event loop has found events, whether it slept or not,
  and how often a timer has woken it. The signal itself does not count.
- A request with the header ``x-test-panic: STAGE`` makes a stage of the native engine panic when it is
  entered next.
- A request with the header ``x-test-raise: start`` or ``body`` raises in the app, before or within the
  answer.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import selectors
import signal
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]


def say(words: str) -> None:
    os.write(2, f"test hook: {words}\n".encode())


def install_block(fifo: str) -> None:
    # For reading and writing, or opening would wait for the other side.
    descriptor = os.open(fifo, os.O_RDWR)
    # PyDLL calls without letting the GIL go.
    library = ctypes.PyDLL(None)
    buffer = ctypes.create_string_buffer(1)

    def block(_number: int, _frame: object) -> None:
        say("blocked")
        os.read(descriptor, 1)
        say("released")

    def block_holding_the_gil(_number: int, _frame: object) -> None:
        say("blocked")
        library.read(descriptor, buffer, 1)
        say("released")

    signal.signal(signal.SIGUSR1, block)
    signal.signal(signal.SIGUSR2, block_holding_the_gil)


def install_wake_counter() -> None:
    by_events, by_timers = 0, 0
    is_counted = False
    plain_select = selectors.DefaultSelector.select
    loop = asyncio.SelectorEventLoop
    plain_process = loop._process_self_data  # type: ignore[attr-defined]

    def is_self_pipe(key: selectors.SelectorKey) -> bool:
        reader = key.data[0] if isinstance(key.data, tuple) else None
        return getattr(getattr(reader, "_callback", None), "__name__", "") == "_read_from_self"

    def select(self: Any, timeout: float | None = None) -> Any:
        nonlocal by_events, by_timers, is_counted
        found = plain_select(self, timeout)
        is_counted = any(not is_self_pipe(key) for key, _ in found)
        if is_counted:
            by_events += 1
        elif not found and timeout != 0:
            by_timers += 1
        return found

    def process_self_data(self: Any, data: bytes) -> None:
        nonlocal by_events
        # The signal that asks comes this way too, alone or together with anything else.
        if not is_counted and set(data) - {signal.SIGRTMIN}:
            by_events += 1
        plain_process(self, data)

    selectors.DefaultSelector.select = select  # type: ignore[method-assign, assignment]
    loop._process_self_data = process_self_data  # type: ignore[attr-defined]
    signal.signal(signal.SIGRTMIN, lambda *_: say(f"wakes {by_events} {by_timers}"))


def install_raiser() -> None:
    from copilot_api.http.application import Application

    plain = Application.__call__

    async def call(
        self: Any,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        headers = dict(scope.get("headers", ()))
        stage = headers.get(b"x-test-panic")
        if stage is not None:
            from copilot_api import _native

            _native.panic_once(stage.decode())
        where = headers.get(b"x-test-raise")
        if where == b"body":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"part", "more_body": True})
        if where is not None:
            raise RuntimeError("raised by the test hook")
        await plain(self, scope, receive, send)

    Application.__call__ = call  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    install_block(os.environ["COPILOT_TEST_FIFO"])
    install_wake_counter()
    install_raiser()
    from copilot_api.cli.main import run

    run(sys.argv[1:])
