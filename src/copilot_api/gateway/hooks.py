"""Hooks: functions of the user's own that see each plan before it is sent, and each request when it is over.

Both run in this process and are trusted like it. Without hooks nothing here is imported.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import sys
import threading
from collections.abc import Awaitable
from importlib import import_module
from typing import Protocol, cast

from copilot_api.engine.interfaces import RequestFacts
from copilot_api.gateway.errors import GatewayError, StartupError
from copilot_api.gateway.hints import Hints
from copilot_api.gateway.plan import Plan, Planner
from copilot_api.ledger.entry import Entry
from copilot_api.records import record, replace

logger = logging.getLogger("copilot_api.hooks")

MOST_WAITING = 10_000
"""Requests that wait for a slow `on_summary`; more are not told."""
LAST_WORDS = 5.0
"""Seconds that `on_summary` gets at the end for what waits."""


class OnPlan(Protocol):
    """Looks at each request before it is sent; on the event loop, so it must be quick and not block."""

    def __call__(self, plan: Plan, facts: RequestFacts, /) -> Plan | str | None:
        """Return None, or the plan itself, to go on; the name of a model to use that one instead.

        Raise :class:`Refusal` to refuse the request. Anything else that is raised is a 500 to the client.
        """


class OnSummary(Protocol):
    """Is told of each request when the client has its answer; in a thread of its own, one after another.

    What it raises is logged. If it is a coroutine function, its coroutine runs on the gateway's event loop.
    """

    def __call__(self, entry: Entry, /) -> object:
        """Take a request that is over, as the ledger keeps it."""


@record
class Hooks:
    """What one part of the user's program wants to see."""

    on_plan: OnPlan | None = None
    on_summary: OnSummary | None = None


class Refusal(GatewayError):
    """A hook refuses the request: the client gets `message` as an error in its own dialect."""

    def __init__(self, message: str, status: int = 403, *, code: str = "refused_by_hook") -> None:
        super().__init__(status, message, code=code)


class HookFailed(GatewayError):
    """A hook raised, or returned what is no answer."""

    def __init__(self) -> None:
        super().__init__(
            500, "the hook on_plan of this gateway failed; its log says where", code="hook_failed"
        )
        self.failure = "internal"


class Steering:
    """Asks the hooks about each plan. Made once, in `Pipeline`."""

    def __init__(self, hooks: tuple[OnPlan, ...], planner: Planner) -> None:
        self._hooks = hooks
        self._planner = planner

    def steer(self, facts: RequestFacts, plan: Plan, hints: Hints) -> tuple[RequestFacts, Plan, Hints]:
        """Return what is to be done instead. Raises :class:`GatewayError`."""
        for hook in self._hooks:
            wanted = _asked(hook, plan, facts)
            if wanted is None or wanted is plan or wanted == plan.resolution.name:
                continue
            if not isinstance(wanted, str) or not wanted:
                logger.error("on_plan returned a %s; it is a model's name or None", type(wanted).__name__)
                raise HookFailed
            hints = replace(hints, model=wanted, steered=hints.steered or facts.model)
            facts = replace(facts, model=wanted)
            plan = self._planner.plan(facts, hints)
        return facts, plan, hints


def _asked(hook: OnPlan, plan: Plan, facts: RequestFacts) -> object:
    try:
        return hook(plan, facts)
    except GatewayError:
        raise
    except Exception as error:
        # As for any failure of a request, the text is not logged: it may quote what was asked.
        failed = RuntimeError(type(error).__name__).with_traceback(error.__traceback__)
        logger.error("on_plan failed: %s", type(error).__name__, exc_info=failed)
        raise HookFailed from error


class Telling:
    """Tells `on_summary` hooks, off every request's way. Made once, in `app`, inside the running loop."""

    def __init__(self, hooks: tuple[OnSummary, ...]) -> None:
        self._hooks = hooks
        self._loop = asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="copilot-api-hooks", daemon=True)
        self._thread.start()
        self.lost = 0
        """Requests that were not told, since too many waited."""

    def tell(self, entry: Entry) -> None:
        """Take a request that is over; returns at once."""
        if self._waiting.qsize() >= MOST_WAITING:
            if not self.lost:
                logger.warning(
                    "on_summary is too slow: %d requests wait for it, more are not told", MOST_WAITING
                )
            self.lost += 1
            return
        self._waiting.put(entry)

    async def aclose(self) -> None:
        """Let the hooks finish what waits, for `LAST_WORDS` seconds."""
        self._waiting.put(None)
        await asyncio.to_thread(self._thread.join, LAST_WORDS)

    def _run(self) -> None:
        while (entry := self._waiting.get()) is not None:
            for hook in self._hooks:
                try:
                    answer = hook(entry)
                    if hasattr(answer, "__await__"):
                        waited = _finish(cast("Awaitable[object]", answer))
                        asyncio.run_coroutine_threadsafe(waited, self._loop).result()
                except Exception:
                    logger.exception("on_summary failed")


async def _finish(answer: Awaitable[object]) -> None:
    await answer


def load(named: str) -> Hooks:
    """Return the hooks of ``module:object``; the current directory is looked into first.

    Raises :class:`StartupError` with one line that says what is wrong.
    """
    module_name, _, path = named.partition(":")
    if not module_name or not path:
        raise StartupError(f"--hook {named}: write it as MODULE:OBJECT")
    if os.getcwd() not in sys.path:  # noqa: PTH109 - pathlib is not needed for one call
        sys.path.insert(0, os.getcwd())  # noqa: PTH109 - likewise
    try:
        found: object = import_module(module_name)
        for name in path.split("."):
            found = getattr(found, name)
    except Exception as error:
        raise StartupError(f"--hook {named}: {type(error).__name__}: {error}") from error
    hooks = Hooks(getattr(found, "on_plan", None), getattr(found, "on_summary", None))
    if not callable(hooks.on_plan or hooks.on_summary):
        raise StartupError(f"--hook {named}: it has neither a function on_plan nor on_summary")
    return hooks


def collect(given: tuple[Hooks, ...], named: tuple[str, ...]) -> tuple[tuple[OnPlan, ...], Telling | None]:
    """Return who is asked about plans, and what tells of summaries. Raises :class:`StartupError`."""
    every = (*given, *(load(name) for name in named))
    ends = tuple(hooks.on_summary for hooks in every if hooks.on_summary is not None)
    plans = tuple(hooks.on_plan for hooks in every if hooks.on_plan is not None)
    return plans, Telling(ends) if ends else None
