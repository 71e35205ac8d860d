"""Decisions that stand: made once for a kind of request, which our own server then carries (ADR 0021).

A request is decided about on its ordinary way. When nothing special came of it, the decision is installed,
and requests of the same kind are heard of when they are over. Whatever decisions depend on ends all of them
when it changes; what does not go as it should comes back, and goes on here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from copilot_api.engine.interfaces import ConnectionLost, Dialect, Usage
from copilot_api.engine.standing_interfaces import Decision, Event, Listener, Settled
from copilot_api.gateway.accounting import Accounting
from copilot_api.gateway.answer import Streamed, Whole
from copilot_api.gateway.errors import ShuttingDown
from copilot_api.gateway.failures import Failures, Trace
from copilot_api.gateway.hints import Hints
from copilot_api.gateway.metrics import Metrics
from copilot_api.gateway.plan import Plan
from copilot_api.gateway.rewrites import log as log_rewrites
from copilot_api.gateway.running import Running
from copilot_api.gateway.send import Account, Carried, Sender
from copilot_api.keys.caller import Caller
from copilot_api.records import replace
from copilot_api.settings import Settings

if TYPE_CHECKING:
    from copilot_api.engine.client_interfaces import RelaySummary, Upstream
    from copilot_api.engine.interfaces import RequestBody, RequestFacts
    from copilot_api.engine.standing_interfaces import Standing as Table
    from copilot_api.gateway.catalog import ModelCatalog
    from copilot_api.gateway.counting import Counting

logger = logging.getLogger("copilot_api.gateway")

ROUTES: dict[str, Dialect] = {
    "/chat/completions": "chat",
    "/v1/chat/completions": "chat",
    "/embeddings": "embeddings",
    "/v1/embeddings": "embeddings",
    "/v1/messages": "messages",
    "/responses": "responses",
    "/v1/responses": "responses",
}
"""The paths whose requests may be decided about once."""

_OTHERS = 1 << 40
"""Numbers of streams that are carried begin here, so that none is that of another stream."""


class RequestLog(Protocol):
    """See :class:`copilot_api.http.application.RequestLog`."""

    def arrived(self, method: str, target: str, request_id: str) -> None:
        """A request came in."""

    def answered(self, method: str, target: str, status: int, seconds: float, request_id: str) -> None:
        """Its answer began."""


class _Kind:
    """What is known of all requests of a kind, for when they are over."""

    __slots__ = ("account", "facts", "hinted", "method", "path", "plan", "target")

    def __init__(self, trace: Trace, facts: RequestFacts, plan: Plan, account: Account, hints: Hints) -> None:
        self.account = account
        """What they are sent with."""
        self.method, self.path, self.target = trace.method, trace.path, trace.target
        self.facts, self.plan = facts, plan
        self.hinted = hints.initiator is not None
        """The client says itself who asks."""


class Standing:
    """Installs decisions and hears of what they carried. Made once, in `app`."""

    def __init__(
        self,
        settings: Settings,
        make_table: Callable[[Listener], Table | None],
        sender: Sender,
        due: Callable[[], float],
        catalog: ModelCatalog,
        counting: Counting,
        accounting: Accounting,
        failures: Failures,
        metrics: Metrics,
        request_log: RequestLog | None,
        forbids: Callable[[Settings], bool],
    ) -> None:
        self._settings = settings
        self._sender = sender
        self._due = due
        self._catalog = catalog
        self._counting = counting
        self._accounting = accounting
        self._failures = failures
        self._metrics = metrics
        self._log = request_log
        self._forbids = forbids
        self.table = make_table(self._settled)
        """None where no decision can stand."""
        self._stopped = False
        self.adopt(settings)

    def adopt(self, settings: Settings) -> None:
        """Something changed that decides whether decisions may stand; those that do end."""
        self._settings = settings
        if self.table is not None and not self._stopped:
            self.table.open(not self._forbids(settings))

    def clear(self) -> None:
        """Something changed that decisions depend on."""
        if self.table is not None:
            self.table.clear()

    def stop(self) -> None:
        """The drain time is over (R-50)."""
        self._stopped = True
        if self.table is not None:
            self.table.stop()

    async def aclose(self) -> None:
        """Hear of what is over, and stop."""
        self._stopped = True
        if self.table is not None:
            await self.table.aclose()

    def counts(self) -> tuple[int, int, int]:
        """Return decisions that stand, requests that were carried, and those that came back."""
        return (0, 0, 0) if self.table is None else self.table.counts

    def running(self) -> tuple[Running, ...]:
        """Return the streams that are carried now."""
        if self.table is None:
            return ()
        found = []
        for each in self.table.running():
            kind = each.tag
            assert isinstance(kind, _Kind)  # noqa: S101
            found.append(
                Running(
                    _OTHERS + each.number,
                    kind.plan.resolution.name,
                    self._accounting.client_named(each.user_agent),
                    "",
                    each.age_ms,
                    each.silent_ms,
                    each.events,
                    each.bytes,
                )
            )
        return tuple(found)

    def claim(self, trace: Trace | None) -> Carried | None:
        """Return what was done already for a request that came back."""
        if trace is None or self.table is None:
            return None
        table, errand = self.table, trace.errand
        if errand is None or errand.id is None:
            return None
        kind = errand.tag
        assert isinstance(kind, _Kind)  # noqa: S101

        def reply() -> Upstream:
            found = table.reply(errand)
            if found == "stopped":
                raise ShuttingDown
            if found is None:
                raise ConnectionLost("internal error of the gateway; try again")
            return found

        return Carried(kind.account, reply)

    def consider(
        self,
        trace: Trace | None,
        facts: RequestFacts,
        plan: Plan,
        caller: Caller,
        hints: Hints,
        answer: Whole | Streamed,
    ) -> None:
        """Install the decision for a request's kind if it is one for all of them."""
        if trace is None or trace.errand is None or self.table is None or caller.id:
            return
        # What was mended or sent again is not decided yet; details are told of by the ordinary way alone.
        if trace.calls != 1 or trace.plan is not plan or logger.isEnabledFor(logging.DEBUG):
            return
        if facts.stream != isinstance(answer, Streamed):
            return
        if facts.dialect == "chat" and plan.resolution.model is None:
            return
        if facts.stream and facts.dialect == "messages" and plan.leg != "messages":
            return  # its first event tells how many tokens were counted
        account = self._sender.account
        if account is None:
            return
        own_leg = plan.leg == "embeddings"
        decision = Decision(
            url=account.url + plan.path,
            headers=account.headers(None if own_leg else facts.initiator, facts.vision, plan.leg),
            own=plan.own_headers,
            request=plan.request,
            answer=plan.answer,
            stream=plan.stream(self._settings, 0) if facts.stream else None,
            patience=self._sender.patience,
            timeouts=self._sender.timeouts,
            rewrites=plan.rewrites,
            noted=plan.noted,
            strict=self._settings.strict,
            counted=facts.dialect == "chat",
            until=self._due(),
        )
        self.table.install(trace.errand, decision, _Kind(trace, facts, plan, account, hints))

    def _settled(self, records: Sequence[Settled]) -> None:
        # As each of their requests would have done: a list that is old is fetched anew.
        _ = self._catalog.models
        for record in records:
            try:
                self._settle(*record)
            except Exception as error:
                logger.error("a request that was carried could not be told of: %s", type(error).__name__)

    def _settle(
        self,
        event: Event,
        kind: _Kind,
        own_id: str,
        upstream_id: str,
        at: float,
        first_byte_ms: float | None,
        duration_ms: float,
        bytes_in: int,
        bytes_out: int,
        usage: tuple[int, int, int | None, int | None, int | None, int | None] | None,
        user_agent: bytes | None,
        reason: str,
        rewrites: list[str] | None,
        noted: str,
        body: RequestBody | None,
        elsewhere: float,
        summary: RelaySummary | None,
    ) -> None:
        if event != "ended":
            self._failures.calls += 1
            log = self._log
            if log is not None:
                log.arrived(kind.method, kind.target, own_id)
                if first_byte_ms is not None:
                    log.answered(kind.method, kind.target, 200, first_byte_ms / 1000, own_id)
            if rewrites:
                log_rewrites((*kind.plan.rewrites, *rewrites))
            if body is not None:
                self._counting.log(kind.plan, body)
        if event == "begun":
            return
        facts = kind.facts
        trace = Trace(kind.method, kind.path, user_agent, None, id=own_id)
        trace.upstream_id = upstream_id
        trace.plan = kind.plan
        trace.facts = replace(
            facts,
            size=bytes_in,
            initiator_reason=facts.initiator_reason if kind.hinted else reason,
        )
        trace.elsewhere = elsewhere
        if usage is not None:
            trace.usage = Usage(*usage)
        status = 200
        if event == "gone":
            status = 0
            trace.outcome = "client_gone"
            self._failures.note("client_gone", "before the answer was whole", 0, trace)
        else:
            trace.calls = 1
            trace.rewrites = noted
            if summary is not None:
                self._failures.stream(summary, trace)
        self._metrics.responses[status // 100] += 1
        self._accounting.settle(
            trace,
            status,
            summary,
            at=at,
            first_byte_ms=first_byte_ms,
            duration_ms=duration_ms,
            bytes_out=bytes_out,
        )
