"""The way of one request: inspect, plan, translate, admit, send, answer. Read top to bottom."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from copilot_api.engine.client_interfaces import Relay, Upstream
from copilot_api.engine.components import Engine
from copilot_api.engine.interfaces import (
    Dialect,
    InvalidRequest,
    RequestBody,
    RequestFacts,
    RequestPlan,
    TranslatedRequest,
)
from copilot_api.engine.switch import begin_request
from copilot_api.gateway.accounting import Accounting
from copilot_api.gateway.admit import Admission, Gate
from copilot_api.gateway.allowed import Allowed
from copilot_api.gateway.answer import Streamed, Whole, make_answer
from copilot_api.gateway.caching import Asker, Caching
from copilot_api.gateway.catalog import ModelCatalog
from copilot_api.gateway.counting import BYTES_PER_TOKEN, Counting
from copilot_api.gateway.errors import BadRequest, Lossy, ShuttingDown, UpstreamRefused
from copilot_api.gateway.failures import current, own_words
from copilot_api.gateway.hints import NO_HINTS, Hints
from copilot_api.gateway.limits import KeyLimits
from copilot_api.gateway.plan import Plan, Planner, without_reasoning
from copilot_api.gateway.refusals import complete, member_of
from copilot_api.gateway.rewrites import header_value, log, lossy
from copilot_api.gateway.running import Running, Stream
from copilot_api.gateway.send import Carried, Sender
from copilot_api.gateway.team import Member, Team
from copilot_api.keys.caller import ANYONE, Caller
from copilot_api.records import replace
from copilot_api.settings import Settings

if TYPE_CHECKING:
    from copilot_api.gateway.hooks import OnPlan
    from copilot_api.gateway.standing import Standing

logger = logging.getLogger("copilot_api.gateway")

UNKNOWN_MODEL_TOKENS = 1
"""What ``count_tokens`` says of a model that is not listed (compat.md 5.5)."""

MOST_REPAIRS = 3
"""Times that a refused request is mended and sent again."""

Deliver = Callable[[Whole | Streamed], Awaitable[None]]
"""Sends an answer to the client; returns when it is sent, or raises."""


class Pipeline:
    """Runs requests. Holds the parts that outlive a request; made once, in `app`."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        catalog: ModelCatalog,
        sender: Sender,
        admission: Admission,
        caching: Caching | None = None,
        several_keys: Callable[[], bool] = lambda: False,
        accounting: Accounting | None = None,
        limits: KeyLimits | None = None,
        on_plan: tuple[OnPlan, ...] = (),
    ) -> None:
        self._accounting = accounting or Accounting(None, None)
        self._settings = settings
        self._engine = engine
        self.planner = Planner(settings, catalog)
        """Decides for a request; also knows which model a name means."""
        self._steering = None
        if on_plan:
            from copilot_api.gateway.hooks import Steering

            self._steering = Steering(on_plan, self.planner)
        self._sender = sender
        self._admission = admission
        self._caching = caching
        places = engine.make_concurrency(settings.max_concurrency, settings.max_queue, settings.queue_timeout)
        self._gate = Gate(places, settings.max_concurrency)
        self.places_taken = places
        """The component behind the gate."""
        self._team = Team(settings, engine, places, several_keys, limits)
        self.allowed = Allowed(catalog, self.planner.resolve)
        """Which models a key is good for."""
        self.counting = self._counting = Counting(engine.tokenizer)
        self._relays: dict[Relay, Stream] = {}
        self._streams = itertools.count(1)
        self._asking: set[asyncio.Task[object]] = set()
        """Requests whose answer has not begun."""
        self._stopping = False
        self.standing: Standing | None = None
        """Hears of requests that our own server carries by itself."""

    @property
    def in_flight(self) -> int:
        """Requests that hold a place now."""
        return self._gate.in_flight

    @property
    def waiting(self) -> int:
        """Requests that wait for a place."""
        return self._gate.waiting + self._team.waiting

    @property
    def caches(self) -> bool:
        """Tell whether it matters what a request says about caches."""
        return self._caching is not None

    @property
    def places(self) -> int:
        """Requests that may be in flight."""
        return self._settings.max_concurrency

    @property
    def streams(self) -> int:
        """Streams that run now."""
        return len(self._relays)

    @property
    def paced(self) -> int:
        """Requests that the rate limit keeps waiting now."""
        return self._admission.waiting

    def running(self) -> tuple[Running, ...]:
        """Return the streams that run."""
        now = time.monotonic()
        own = tuple(
            stream.look(relay.progress(), now, self._accounting) for relay, stream in self._relays.items()
        )
        return own if self.standing is None else own + self.standing.running()

    def close(self) -> None:
        """Stop counting."""
        self._counting.close()

    def adopt(self, settings: Settings) -> None:
        """Use other settings from the next request on; what runs is not touched (R-54)."""
        self._settings = settings
        self.planner.adopt(settings)
        self.allowed.forget()

    def cancel_streams(self) -> None:
        """The drain time is over (R-50): end streams with an in-band error, and refuse what has no answer."""
        self._stopping = True
        if self.standing is not None:
            self.standing.stop()
        for relay in self._relays:
            relay.cancel("shutdown")
        for task in self._asking:
            task.cancel()

    def end_keys(self, ids: frozenset[str]) -> None:
        """End what the holders of some keys have running; the keys are no longer good (R-09)."""
        self._team.end(ids)

    async def generate(
        self,
        dialect: Dialect,
        body: RequestBody,
        deliver: Deliver,
        caller: Caller = ANYONE,
        hints: Hints = NO_HINTS,
        *,
        cache_control: str | None = None,
        known: tuple[RequestFacts, Plan] | None = None,
    ) -> None:
        """Run one request of a dialect and hand its answer to `deliver`; all it holds is free at the end.

        `cache_control` is what it says about caches, None where nothing is kept of it. With `known` it was
        inspected before, and the cache was asked. Raises
        :class:`copilot_api.gateway.errors.GatewayError`, and what `deliver` raises.
        """
        if known is None:
            if self._engine.shares:
                begin_request()
            facts = self._inspect(body, dialect, hints)
            plan = self.planner.plan(facts, hints)
            trace = current()
            if trace is not None:
                trace.facts, trace.plan, trace.caller = facts, plan, caller
            if self._steering is not None:
                facts, plan, hints = self._steering.steer(facts, plan, hints)
                if trace is not None:
                    trace.plan = plan
            if caller.models:
                self.allowed.check(caller, plan, body)
            if self._caching is not None and cache_control is not None and not facts.stream:
                ask = lambda: self._whole(body, facts, plan, caller, hints)  # noqa: E731
                await deliver(await self._caching.answer(Asker(caller.id, cache_control), body, plan, ask))
                return
        else:
            facts, plan = known
            trace = current()
        self._accounting.admit(caller, plan.resolution.name, trace)
        request = self._translate(body, plan)
        task = asyncio.current_task()
        entry = None
        has_place = False
        try:
            if task is not None:
                self._asking.add(task)
            try:
                if caller.id:
                    asked = time.monotonic()
                    entry = await self._team.enter(caller)
                    if trace is not None:
                        trace.elsewhere += time.monotonic() - asked
                    await entry.admit(self._admission, plan.leg)
                else:
                    errand = None if trace is None else trace.errand
                    if not (errand is not None and errand.take_place()) and not self._gate.try_enter():
                        asked = time.monotonic()
                        await self._gate.wait()
                        if trace is not None:
                            trace.elsewhere += time.monotonic() - asked
                    has_place = True
                    await self._admission.admit(plan.leg)
                if dialect == "chat":
                    self._counting.log(plan, request.body if plan.leg == "chat" else body)
                if trace is not None:
                    self._accounting.note(trace, body, dialect)
                answer = await self._ask(body, request, plan, facts, hints)
            except asyncio.CancelledError:
                if task is None or not self._stopping:
                    raise
                task.uncancel()
                raise ShuttingDown from None
            finally:
                if task is not None:
                    self._asking.discard(task)
                # A task whose coroutine holds it is a cycle: what it has open would not close at its end.
                del task
            if self.standing is not None and trace is not None and trace.errand is not None:
                self.standing.consider(trace, facts, plan, caller, hints, answer)
            if isinstance(answer, Streamed):
                await self._deliver_stream(answer, plan, deliver, None if entry is None else entry.member)
            else:
                if trace is not None:
                    trace.usage, trace.answer_model = answer.usage, answer.model
                    trace.finish_reason = answer.finish_reason
                await deliver(answer)
        finally:
            if entry is not None:
                entry.leave()
            elif has_place:
                self._gate.leave()
                if self._team.waiting:
                    self._team.pass_on()

    async def _whole(
        self, body: RequestBody, facts: RequestFacts, plan: Plan, caller: Caller, hints: Hints
    ) -> Whole:
        kept: list[Whole | Streamed] = []

        async def keep(answer: Whole | Streamed) -> None:
            kept.append(answer)

        await self.generate(facts.dialect, body, keep, caller, hints, known=(facts, plan))
        # What was asked for as one answer never comes as a stream.
        return cast("Whole", kept[0])

    async def count_tokens(
        self,
        body: RequestBody,
        beta: str,
        dialect: Dialect = "messages",
        hints: Hints = NO_HINTS,
        caller: Caller = ANYONE,
    ) -> int:
        """Count a request (compat.md 5.5). `beta` is the ``anthropic-beta`` header.

        Raises :class:`BadRequest` and :class:`copilot_api.gateway.errors.ModelNotAllowed`.
        """
        if self._engine.shares:
            begin_request()
        facts = self._inspect(body, dialect, hints)
        plan = self.planner.plan(facts, hints)
        if caller.models:
            self.allowed.check(caller, plan, body)
        if plan.resolution.model is None:
            logger.warning("Model not found, returning default token count")
            return UNKNOWN_MODEL_TOKENS
        total = await self._counting.count(plan, facts, self._chat_body(body, plan), beta)
        logger.info("Token count: %d", total)
        return total

    def _inspect(self, body: RequestBody, dialect: Dialect, hints: Hints) -> RequestFacts:
        try:
            if hints is NO_HINTS:
                return self._engine.validation.inspect(body, dialect)
            facts = self._engine.validation.inspect(body, "embeddings" if hints.embeds else dialect)
        except InvalidRequest as error:
            raise _bad_request(error) from error
        return replace(
            facts,
            dialect=dialect,
            model=hints.model or facts.model,
            stream=facts.stream if hints.stream is None else hints.stream,
            initiator=hints.initiator or facts.initiator,
            initiator_reason="by the client's own header" if hints.initiator else facts.initiator_reason,
        )

    def _translate(self, body: RequestBody, plan: Plan) -> TranslatedRequest:
        try:
            request = self._engine.translation.request(body, plan.request)
        except InvalidRequest as error:
            raise _bad_request(error) from error
        if request.rewrites:
            if self._settings.strict and (lost := lossy(request.rewrites)):
                raise Lossy(lost)
            log(plan.rewrites + request.rewrites)
        elif plan.rewrites and logger.isEnabledFor(logging.DEBUG):
            log(plan.rewrites)
        return request

    def _chat_body(self, body: RequestBody, plan: Plan) -> RequestBody:
        """Return the request as the tokenizer reads it, whatever leg it takes."""
        made = RequestPlan(plan.request.dialect, "chat", plan.resolution.name, target=plan.request.target)
        try:
            return self._engine.translation.request(body, made).body
        except InvalidRequest as error:
            raise _bad_request(error) from error

    async def _ask(
        self, body: RequestBody, request: TranslatedRequest, plan: Plan, facts: RequestFacts, hints: Hints
    ) -> Whole | Streamed:
        estimate: asyncio.Future[int] | int = 0
        if facts.stream and facts.dialect == "messages" and plan.leg != "messages":
            counted = request.body if plan.leg == "chat" else self._chat_body(body, plan)
            estimate = self._counting.start_estimate(plan, facts, counted)
        try:
            upstream, request, plan = await self._send(body, request, plan, facts, hints)
            try:
                stream_plan = None
                answer_plan = plan.answer
                if facts.stream:
                    tokens = await self._counting.finish_estimate(estimate, len(request.body))
                    if not tokens and plan.leg != "messages":
                        tokens = len(request.body) // BYTES_PER_TOKEN  # asked elsewhere than planned
                    stream_plan = plan.stream(self._settings, tokens, request.context, hints.framing)
                elif facts.dialect != plan.leg:
                    answer_plan = replace(answer_plan, context=request.context, now=int(time.time()))
                noted = header_value(plan.rewrites + request.rewrites) if request.rewrites else plan.noted
                trace = current()
                if trace is not None:
                    trace.plan, trace.rewrites = plan, noted
                translation = self._engine.translation
                return await make_answer(upstream, answer_plan, translation, stream_plan, noted, trace)
            except BaseException:
                await upstream.aclose()
                raise
        except UpstreamRefused as refusal:
            complete(refusal, plan, facts)
            raise
        finally:
            if not isinstance(estimate, int):
                estimate.cancel()

    async def _send(
        self, body: RequestBody, request: TranslatedRequest, plan: Plan, facts: RequestFacts, hints: Hints
    ) -> tuple[Upstream, TranslatedRequest, Plan]:
        """Send, and where upstream refuses for a reason that can be mended, send what is mended.

        A refusal comes before the model runs, so nothing of it was billed; each repair is tried once.
        """
        repairs = 0
        carried = None if self.standing is None else self.standing.claim(current())
        while True:
            try:
                return await self._send_once(request, plan, facts, carried), request, plan
            except UpstreamRefused as refusal:
                repairs += 1
                carried = None
                mended = self._mend(refusal, plan, facts, hints) if repairs <= MOST_REPAIRS else None
                if mended is None:
                    raise
                again = self._translate(body, mended)
                if mended.leg == plan.leg and bytes(again.body) == bytes(request.body):
                    raise
                request, plan = again, mended

    def _mend(self, refusal: UpstreamRefused, plan: Plan, facts: RequestFacts, hints: Hints) -> Plan | None:
        """Return the plan to try instead; None when there is nothing to be done.

        Judged by the plan that was sent: what is refused may have been learnt from another request meanwhile.
        """
        model, learn = plan.resolution.name, self.planner.learn
        blank = plan.request.without_reasoning
        if refusal.renames_cap and plan.request.cap_field == "max_tokens":
            if learn(lambda learned: learned.note_completion_cap(model)):
                logger.info("%s wants max_completion_tokens; remembered", model)
        elif refusal.wrong_leg:
            if learn(lambda learned: learned.note_refused_leg(model, plan.leg)):
                logger.info("%s is not served by %s; remembered", model, plan.path)
        elif refusal.refuses_reasoning and not blank:
            logger.info("%s refuses the reasoning that was sent back; trying without", model)
            blank = True
        elif (member := member_of(refusal, plan.leg)) and member not in plan.request.dropped:
            if learn(lambda learned: learned.note_refused_member(model, member)):
                logger.info("%s refuses %s; left out for a while", model, member)
        else:
            return None
        mended = self.planner.plan(facts, hints)
        if refusal.wrong_leg and mended.leg in self.planner.learned.refused_legs(model):
            return None
        return without_reasoning(mended) if blank else mended

    def _send_once(
        self, request: TranslatedRequest, plan: Plan, facts: RequestFacts, carried: Carried | None
    ) -> Awaitable[Upstream]:
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug(
                "%s -> %s, model %s, stream %s, initiator %s (%s)",
                facts.dialect,
                plan.path,
                plan.resolution.name,
                facts.stream,
                facts.initiator,
                facts.initiator_reason,
            )
        leg = plan.leg
        return self._sender.send(
            "POST",
            plan.path,
            request.body,
            initiator=None if leg == "embeddings" else facts.initiator,
            vision=facts.vision,
            stream=facts.stream,
            leg=leg,
            own=plan.own_headers,
            carried=carried,
        )

    async def _deliver_stream(
        self, answer: Streamed, plan: Plan, deliver: Deliver, member: Member | None
    ) -> None:
        relay = answer.relay
        self._relays[relay] = Stream(next(self._streams), plan.resolution.name, current(), time.monotonic())
        if member is not None:
            member.relays.add(relay)
            if member.ended:
                relay.cancel("cancelled")
        try:
            await deliver(answer)
        finally:
            self._relays.pop(relay, None)
            if member is not None:
                member.relays.discard(relay)
            if relay.summary is None:
                # shield: the connection is closed even while this task is being cancelled.
                await asyncio.shield(asyncio.ensure_future(relay.aclose()))
            _log_summary(relay, plan)


def _bad_request(error: InvalidRequest) -> BadRequest:
    return BadRequest(error.status, str(error), param=error.path or None, code="invalid_request")


def _log_summary(relay: Relay, plan: Plan) -> None:
    summary = relay.summary
    if summary is None:
        return
    # Failures have an event of their own (`failures`).
    if not logger.isEnabledFor(logging.DEBUG):
        return
    logger.debug(
        "stream %s: model %s, %d events, %d bytes, %.0f ms%s",
        summary.outcome,
        plan.resolution.name,
        summary.facts.events,
        summary.bytes_out,
        summary.duration_ms,
        f" ({cause})" if (cause := own_words(summary.facts.error or "")) else "",
    )
