"""What a request cost, once it is over: to the ledger, to the budgets, to whoever else wants to know."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from copilot_api.engine.client_interfaces import RelaySummary
from copilot_api.gateway.errors import BudgetSpent
from copilot_api.gateway.failures import Trace, of_stream
from copilot_api.ledger.clients import Clients
from copilot_api.ledger.entry import Entry

if TYPE_CHECKING:
    from copilot_api.engine.interfaces import Dialect, RequestBody
    from copilot_api.gateway.cache_doctor import CacheDoctor
    from copilot_api.keys.caller import Caller
    from copilot_api.ledger.budgets import Budgets, Standing
    from copilot_api.ledger.store import Ledger

logger = logging.getLogger("copilot_api.spending")

Observer = Callable[[Entry], None]
"""Called on the event loop with each request that is over; it must not block."""

Watcher = Callable[[Entry, Trace, RelaySummary | None], None]
"""The same for parts of the gateway, with what the entry was made of."""

COMPLETE = "complete"
SMALLEST = 1_024
"""Tokens that a prompt must have for upstream to cache any of it."""
MOST_SESSIONS = 256
LONGEST_NAME = 200


class Accounting:
    """Made once, in `app`. Every part of it may be missing."""

    def __init__(
        self,
        ledger: Ledger | None,
        budgets: Budgets | None,
        observers: tuple[Observer, ...] = (),
        watchers: tuple[Watcher, ...] = (),
        make_doctor: Callable[[], CacheDoctor] | None = None,
    ) -> None:
        self.ledger = ledger
        self.budgets = budgets
        self._observers = observers
        self._watchers = watchers
        self._clients = Clients()
        self._sessions: dict[bytes, str] = {}
        self._make_doctor = make_doctor
        self._doctor: CacheDoctor | None = None

    def note(self, trace: Trace, body: RequestBody, dialect: Dialect) -> None:
        """Keep the hashes of what is sent now; the ledger's thread compares them once it is answered."""
        if len(body) < SMALLEST:  # bytes, so that it has no more tokens
            return
        doctor = self._doctor
        if doctor is None:
            if self._make_doctor is None or self.ledger is None:
                return
            # Not at start: it costs memory that an idle gateway need not have.
            doctor = self._doctor = self._make_doctor()
            self.ledger.examine = doctor.examine
        trace.chain = doctor.chain(body, dialect)

    def observe(self, observer: Observer) -> None:
        """Tell one more of each request from now on."""
        self._observers = (*self._observers, observer)

    def client_of(self, trace: Trace) -> str:
        """Return the family of the program that asks."""
        return self.client_named(trace.user_agent)

    def client_named(self, user_agent: bytes | None) -> str:
        """Return the family of a program by what it calls itself."""
        return self._clients.name(user_agent)

    def admit(self, caller: Caller, model: str, trace: Trace | None) -> None:
        """Refuse what no budget has anything left for; note one that is nearly spent.

        Raises :class:`BudgetSpent`.
        """
        if not self.budgets:
            return
        closed, near = self.budgets.judge(caller.name, model)
        if closed is not None:
            raise BudgetSpent(closed.budget.text, int(closed.span.end), time.time())
        if near is not None and trace is not None:
            trace.near = words(near)

    def settle(
        self,
        trace: Trace,
        status: int,
        summary: RelaySummary | None,
        *,
        at: float,
        first_byte_ms: float | None,
        duration_ms: float,
        bytes_out: int,
    ) -> None:
        """Take a request that is over. Times are milliseconds, `at` Unix seconds."""
        facts, plan = trace.facts, trace.plan
        if facts is None or plan is None:
            return
        usage = trace.usage if summary is None else summary.facts.usage
        model = plan.resolution.model
        entry = Entry(
            at=at,
            request_id=trace.id,
            dialect=facts.dialect,
            leg=plan.leg if trace.calls else "",
            asked=facts.model[:LONGEST_NAME],
            model=plan.resolution.name[:LONGEST_NAME],
            client=self.client_named(trace.user_agent),
            key=trace.caller.name,
            session=facts.session if trace.session is None else self._session(trace.session),
            initiator=facts.initiator,
            reason=facts.initiator_reason,
            streamed=facts.stream,
            status=status,
            outcome=_outcome(trace, status, summary),
            attempts=trace.calls,
            input_tokens=None if usage is None else usage.input_tokens,
            cached_tokens=None if usage is None else usage.cached_tokens,
            cache_write_tokens=None if usage is None else usage.cache_write_tokens,
            output_tokens=None if usage is None else usage.output_tokens,
            reasoning_tokens=None if usage is None else usage.reasoning_tokens,
            nano_aiu=None if usage is None else usage.total_nano_aiu,
            multiplier=None if model is None else model.multiplier,
            first_byte_ms=first_byte_ms,
            duration_ms=duration_ms,
            bytes_in=facts.size,
            bytes_out=bytes_out if summary is None else summary.bytes_out,
            rewrites=trace.rewrites,
        )
        if self.ledger is not None:
            prices = None if model is None else model.prices
            saving = None if prices is None else prices.cache_saving
            self.ledger.add(
                entry, None if usage is None or entry.outcome != COMPLETE else trace.chain, saving
            )
        if self.budgets:
            for standing in self.budgets.add(entry):
                logger.warning("Budget %s", words(standing))
        for watcher in self._watchers:
            try:
                watcher(entry, trace, summary)
            except Exception:
                logger.exception("a watcher of requests failed")
        for observer in self._observers:
            try:
                observer(entry)
            except Exception:
                logger.exception("an observer of requests failed")

    def _session(self, given: bytes) -> str:
        """Return a conversation's name from a header, shortened as the engine shortens those of bodies."""
        found = self._sessions.get(given)
        if found is None:
            from copilot_api.ledger.sessions import shown

            found = shown(given.decode("latin-1"))
            if len(self._sessions) >= MOST_SESSIONS:
                self._sessions.clear()
            self._sessions[given] = found
        return found


def words(standing: Standing) -> str:
    """Return how a budget stands, for a log or a header."""
    budget = standing.budget
    return f"{budget.text}: {standing.spent:g} of {budget.amount:g} {budget.unit} spent"


def _outcome(trace: Trace, status: int, summary: RelaySummary | None) -> str:
    if summary is not None:
        if summary.outcome == "cancelled":
            return "cancelled"
        return of_stream(summary, summary.facts.error or "") or COMPLETE
    return trace.outcome or (COMPLETE if 200 <= status < 400 else "refused")
