"""Token counts off the request path: the log line, ``count_tokens`` and the estimate (compat.md 5, D-H14).

Counting a large prompt takes milliseconds, so that is done in a thread; a small one costs less than the way
there and back. The log line and the estimate may take `SHARE` of one processor's time in the long run and
`BURST` seconds of it saved up; beyond that a line is left out, and an estimate is made from the size. At the
pace of people every request is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextvars import copy_context
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

from copilot_api.engine.interfaces import EngineError, RequestBody, RequestFacts, TokenCount, Tokenizer
from copilot_api.gateway.plan import Plan

logger = logging.getLogger("copilot_api.tokens")

T = TypeVar("T")

DEFAULT_ENCODING = "o200k_base"
SHARE = 0.03
BURST = 0.15
AROUND = 0.00003
"""Seconds that a count costs beside what is measured of it."""
AT_ONCE = 0.0001
"""Seconds that a count on the event loop may take."""
LATER = 0.005
"""Seconds that the log line waits: a request that is answered at once is not held up by it."""
MOST_LATER = 8
"""Log lines that may wait so; under load most would find nothing left to spend."""
LONGEST_QUEUE = 32
"""Counts that may wait for the thread, before their cost is known."""
PATIENCE = 0.1
"""Seconds an answer waits for its estimate; the native tokenizer needs a millisecond for 60 kB."""
BYTES_PER_TOKEN = 4

_FACTORS = {"claude": 1.15, "grok": 1.03}
_TOOL_TOKENS = {"claude": 346, "grok": 480}


def adjusted(total: int, facts: RequestFacts, beta: str, resolved: str = "") -> int:
    """Return ``count_tokens``' number for a raw count: the vendor's factor and tool prompt (compat.md 5.5).

    `beta` is the ``anthropic-beta`` header, `resolved` the listed model's name.
    """
    for family in _FACTORS:
        if facts.model.startswith(family) or resolved.startswith(family):
            break
    else:
        return total
    if facts.tools and not (beta.startswith("claude-code") and facts.has_mcp_tool):
        total += _TOOL_TOKENS[family]
    return math.floor(total * _FACTORS[family] + 0.5)


class Allowance:
    """Processor time that may be spent: `share` of the time that passes, and `burst` seconds saved up."""

    def __init__(self, share: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._share = share
        self._longest_debt = burst / share
        self._clock = clock
        self._paid_at = clock()
        """When all that was spent will have been within the share."""

    def is_left(self) -> bool:
        """Tell whether something may be spent now."""
        return self._paid_at - self._clock() <= self._longest_debt

    def spend(self, seconds: float) -> None:
        """Note what something took."""
        self._paid_at = max(self._paid_at, self._clock()) + seconds / self._share

    @contextlib.contextmanager
    def spending(self) -> Iterator[None]:
        """Note what the block takes of this thread's time, and what came and comes with it."""
        began = time.thread_time()
        try:
            yield
        finally:
            self.spend(time.thread_time() - began + AROUND)


class Counting:
    """Runs the tokenizer, in one thread of its own when a prompt is so large that it would delay others."""

    def __init__(self, tokenizer: Tokenizer, allowance: Allowance | None = None) -> None:
        self._tokenizer = tokenizer
        self._allowance = allowance or Allowance(SHARE, BURST)
        self._seconds_per_byte = AT_ONCE
        """What counting cost lately; at first so much that the thread loads the tokenizer's tables."""
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._closed = False
        self._later = 0
        """Log lines that wait for their moment."""

    def close(self) -> None:
        """Drop what waits."""
        self._closed = True
        self._jobs.put(None)

    async def count(self, plan: Plan, facts: RequestFacts, chat_body: RequestBody, beta: str) -> int:
        """Return the number for ``count_tokens``. Raises :class:`EngineError`."""
        counted = await self._submit(lambda: self._count(plan, chat_body))
        return adjusted(counted.input + counted.output, facts, beta, plan.resolution.name)

    def start_estimate(
        self, plan: Plan, facts: RequestFacts, chat_body: RequestBody
    ) -> asyncio.Future[int] | int:
        """Begin to count the input of a request whose answer will need it (D-T20)."""
        by_size = len(chat_body) // BYTES_PER_TOKEN
        if not self._may_begin():
            return by_size

        def estimate() -> int:
            try:
                with self._allowance.spending():
                    counted = self._count(plan, chat_body)
            except EngineError:
                return by_size
            return adjusted(counted.input + counted.output, facts, "", plan.resolution.name)

        return estimate() if self._is_quick(chat_body) else self._submit(estimate)

    async def finish_estimate(self, estimate: asyncio.Future[int] | int, size: int) -> int:
        """Return the estimate, or one made from the size in bytes when counting takes too long."""
        if isinstance(estimate, int):
            return estimate
        done, _ = await asyncio.wait({estimate}, timeout=PATIENCE)
        return estimate.result() if done else size // BYTES_PER_TOKEN

    def log(self, plan: Plan, chat_body: RequestBody) -> None:
        """Write the log line of compat.md 3.4, later and unless all is spent."""
        if plan.resolution.model is None:
            logger.warning("No model selected, skipping token count calculation")
            return
        if self._later >= MOST_LATER or not (self._may_begin() and logger.isEnabledFor(logging.INFO)):
            return
        self._later += 1

        def write() -> None:
            with self._allowance.spending():
                try:
                    counted = self._count(plan, chat_body)
                except Exception as error:
                    logger.warning("Failed to calculate token count: %s", error)
                else:
                    logger.info(
                        "Current token count: { input: %d, output: %d }", counted.input, counted.output
                    )

        def begin() -> None:
            self._later -= 1
            # Others that came meanwhile may have spent what was left.
            if not self._may_begin():
                return
            if self._is_quick(chat_body):
                write()
            else:
                self._put(write)

        asyncio.get_running_loop().call_later(LATER, begin)

    def _may_begin(self) -> bool:
        return self._allowance.is_left() and self._jobs.qsize() < LONGEST_QUEUE

    def _is_quick(self, body: RequestBody) -> bool:
        return len(body) * self._seconds_per_byte <= AT_ONCE

    def _submit(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Run `work` in the thread; one whose future was cancelled meanwhile is not begun."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: Exception | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]

        def job() -> None:
            if future.cancelled():
                return
            result, failure = None, None
            try:
                result = work()
            except Exception as error:
                failure = error
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(settle, result, failure)

        self._put(job)
        return future

    def _put(self, job: Callable[[], None]) -> None:
        # The request's context goes along: it has what was drawn for components that run for a share.
        context = copy_context()
        self._jobs.put(lambda: context.run(job))
        if self._thread is None:
            self._thread = Thread(target=self._work, name="tokens", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None and not self._closed:
            job()

    def _count(self, plan: Plan, chat_body: RequestBody) -> TokenCount:
        model = plan.resolution.model
        encoding = (model.tokenizer if model else None) or DEFAULT_ENCODING
        began = time.thread_time()
        try:
            return self._tokenizer.count_chat(chat_body, encoding, plan.resolution.name)
        finally:
            self._seconds_per_byte = (time.thread_time() - began) / max(1, len(chat_body))
