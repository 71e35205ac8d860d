"""Token counts off the request path: the log line, ``count_tokens`` and the estimate (compat.md 5, D-H14)."""

from __future__ import annotations

import asyncio
import logging
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from copilot_api.engine.interfaces import EngineError, RequestFacts, Tokenizer
from copilot_api.gateway.plan import Plan

logger = logging.getLogger("copilot_api.tokens")

DEFAULT_ENCODING = "o200k_base"
LONGEST_QUEUE = 32
"""Counts that may wait for the thread; a log line beyond that is left out, an estimate is made by size."""
PATIENCE = 0.1
"""Seconds an answer waits for its estimate; the native tokenizer needs a millisecond for 60 kB."""
BYTES_PER_TOKEN = 4

_FACTORS = {"claude": 1.15, "grok": 1.03}
_TOOL_TOKENS = {"claude": 346, "grok": 480}


def adjusted(total: int, facts: RequestFacts, beta: str) -> int:
    """Return ``count_tokens``' number for a raw count: the vendor's factor and tool prompt (compat.md 5.5).

    `beta` is the ``anthropic-beta`` header.
    """
    family = next((name for name in _FACTORS if facts.model.startswith(name)), None)
    if family is None:
        return total
    if facts.tools and not (beta.startswith("claude-code") and facts.has_mcp_tool):
        total += _TOOL_TOKENS[family]
    return math.floor(total * _FACTORS[family] + 0.5)


class Counting:
    """Runs the tokenizer in one thread of its own, so that a large prompt delays nobody."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tokens")
        self._waiting = 0

    def close(self) -> None:
        """Drop what waits."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def count(self, plan: Plan, chat_body: bytes, beta: str) -> int:
        """Return the number for ``count_tokens``. Raises :class:`EngineError`."""
        count = await self._submit(self._count, plan, chat_body)
        return adjusted(sum(count), plan.facts, beta)

    def start_estimate(self, plan: Plan, chat_body: bytes) -> asyncio.Future[int]:
        """Begin to count the input of a request whose answer will need it (D-T20)."""
        if self._waiting >= LONGEST_QUEUE:
            done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            done.set_result(len(chat_body) // BYTES_PER_TOKEN)
            return done
        return asyncio.ensure_future(self._estimate(plan, chat_body))

    async def finish_estimate(self, estimate: asyncio.Future[int], size: int) -> int:
        """Return the estimate, or one made from the size in bytes when counting takes too long."""
        done, _ = await asyncio.wait({estimate}, timeout=PATIENCE)
        return estimate.result() if done else size // BYTES_PER_TOKEN

    def log(self, plan: Plan, chat_body: bytes) -> None:
        """Write the log line of compat.md 3.4, later."""
        if plan.resolution.model is None:
            logger.warning("No model selected, skipping token count calculation")
            return
        if self._waiting >= LONGEST_QUEUE or not logger.isEnabledFor(logging.INFO):
            return
        self._waiting += 1
        self._thread.submit(self._count, plan, chat_body).add_done_callback(self._write)

    def _write(self, done: Any) -> None:
        self._waiting -= 1
        if done.cancelled():
            return
        if done.exception() is not None:
            logger.warning("Failed to calculate token count: %s", done.exception())
        else:
            given, made = done.result()
            logger.info("Current token count: { input: %d, output: %d }", given, made)

    async def _estimate(self, plan: Plan, chat_body: bytes) -> int:
        try:
            return adjusted(sum(await self._submit(self._count, plan, chat_body)), plan.facts, "")
        except EngineError:
            return len(chat_body) // BYTES_PER_TOKEN

    async def _submit(self, work: Any, *args: Any) -> tuple[int, int]:
        self._waiting += 1
        try:
            pair: tuple[int, int] = await asyncio.get_running_loop().run_in_executor(
                self._thread, work, *args
            )
            return pair
        finally:
            self._waiting -= 1

    def _count(self, plan: Plan, chat_body: bytes) -> tuple[int, int]:
        model = plan.resolution.model
        encoding = (model.tokenizer if model else None) or DEFAULT_ENCODING
        count = self._tokenizer.count_chat(chat_body, encoding, plan.resolution.name)
        return count.input, count.output
