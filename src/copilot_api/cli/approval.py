"""``--manual``: one question at a time at the terminal, withdrawn when its client leaves (3.10, D-S6)."""

from __future__ import annotations

import asyncio
import sys


class TerminalApprover:
    """Asks on standard input; Enter means yes, as in 0.7.0. Must live in one event loop."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def ask(self, text: str) -> bool:
        """Return the answer. Each answer decides one request; cancelling withdraws the question."""
        async with self._turn:
            loop = asyncio.get_running_loop()
            answered: asyncio.Future[str] = loop.create_future()
            descriptor = sys.stdin.fileno()

            def read() -> None:
                line = sys.stdin.readline()
                if not answered.done():
                    answered.set_result(line)

            print(f"? {text} (Y/n) ", end="", flush=True)
            loop.add_reader(descriptor, read)
            try:
                line = await answered
            except asyncio.CancelledError:
                print("(withdrawn: the client is gone)", flush=True)
                raise
            finally:
                loop.remove_reader(descriptor)
        return bool(line) and line.strip().lower() in ("", "y", "yes")
