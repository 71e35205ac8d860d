"""The way of one request: inspect, plan, translate, admit, send, answer. Read top to bottom."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import cast

from copilot_api.engine.interfaces import (
    Dialect,
    Engine,
    InvalidRequest,
    Relay,
    RequestBody,
    RequestFacts,
    TranslatedRequest,
    Upstream,
)
from copilot_api.engine.switch import begin_request
from copilot_api.gateway.admit import Admission, Gate
from copilot_api.gateway.answer import Streamed, Whole, make_answer
from copilot_api.gateway.caching import Caching, Caller
from copilot_api.gateway.catalog import ModelCatalog
from copilot_api.gateway.counting import Counting
from copilot_api.gateway.errors import BadRequest, UpstreamRefused
from copilot_api.gateway.plan import Plan, Planner
from copilot_api.gateway.send import Sender
from copilot_api.settings import Settings

logger = logging.getLogger("copilot_api.gateway")

UNKNOWN_MODEL_TOKENS = 1
"""What ``count_tokens`` says of a model that is not listed (compat.md 5.5)."""

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
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._planner = Planner(settings, catalog)
        self._sender = sender
        self._admission = admission
        self._caching = caching
        places = engine.make_concurrency(settings.max_concurrency, settings.max_queue, settings.queue_timeout)
        self._gate = Gate(places, settings.max_concurrency)
        self._counting = Counting(engine.tokenizer)
        self._relays: set[Relay] = set()

    @property
    def in_flight(self) -> int:
        """Requests that hold a place now."""
        return self._gate.in_flight

    @property
    def waiting(self) -> int:
        """Requests that wait for a place."""
        return self._gate.waiting

    @property
    def caches(self) -> bool:
        """Tell whether it matters who calls."""
        return self._caching is not None

    def close(self) -> None:
        """Stop counting."""
        self._counting.close()

    def cancel_streams(self) -> None:
        """End running streams with an in-band error: the drain time is over (R-50)."""
        for relay in self._relays:
            relay.cancel("shutdown")

    async def generate(
        self,
        dialect: Dialect,
        body: RequestBody,
        deliver: Deliver,
        caller: Caller | None = None,
        *,
        known: tuple[RequestFacts, Plan] | None = None,
    ) -> None:
        """Run one request of a dialect and hand its answer to `deliver`; all it holds is free at the end.

        With `known` it was inspected before, and the cache was asked. Raises
        :class:`copilot_api.gateway.errors.GatewayError`, and what `deliver` raises.
        """
        if known is None:
            if self._engine.shares:
                begin_request()
            facts = self._inspect(body, dialect)
            plan = self._planner.plan(facts)
            if self._caching is not None and caller is not None and not facts.stream:
                ask = lambda: self._whole(body, facts, plan)  # noqa: E731
                await deliver(await self._caching.answer(caller, body, plan, ask))
                return
        else:
            facts, plan = known
        request = self._translate(body, plan)
        if not self._gate.try_enter():
            await self._gate.wait()
        try:
            await self._admission.admit(facts)
            if dialect == "chat":
                self._counting.log(plan, request.body)
            answer = await self._ask(body, request, plan, facts)
            if isinstance(answer, Streamed):
                await self._deliver_stream(answer, plan, deliver)
            else:
                await deliver(answer)
        finally:
            self._gate.leave()

    async def _whole(self, body: RequestBody, facts: RequestFacts, plan: Plan) -> Whole:
        kept: list[Whole | Streamed] = []

        async def keep(answer: Whole | Streamed) -> None:
            kept.append(answer)

        await self.generate(facts.dialect, body, keep, known=(facts, plan))
        # What was asked for as one answer never comes as a stream.
        return cast("Whole", kept[0])

    async def count_tokens(self, body: RequestBody, beta: str) -> int:
        """Count a request in messages format (compat.md 5.5). `beta` is the ``anthropic-beta`` header.

        Raises :class:`BadRequest`.
        """
        if self._engine.shares:
            begin_request()
        facts = self._inspect(body, "messages")
        plan = self._planner.plan(facts)
        if plan.resolution.model is None:
            logger.warning("Model not found, returning default token count")
            return UNKNOWN_MODEL_TOKENS
        total = await self._counting.count(plan, facts, self._translate(body, plan).body, beta)
        logger.info("Token count: %d", total)
        return total

    def _inspect(self, body: RequestBody, dialect: Dialect) -> RequestFacts:
        try:
            return self._engine.validation.inspect(body, dialect)
        except InvalidRequest as error:
            raise _bad_request(error) from error

    def _translate(self, body: RequestBody, plan: Plan) -> TranslatedRequest:
        try:
            request = self._engine.translation.request(body, plan.request)
        except InvalidRequest as error:
            raise _bad_request(error) from error
        if plan.rewrites or request.rewrites:
            for rewrite in plan.rewrites + request.rewrites:
                # A tool that is missing changes what the model can do: the user should see it (D-T10).
                level = logging.WARNING if rewrite.startswith("left out") else logging.DEBUG
                logger.log(level, "rewrite: %s", rewrite)
        return request

    async def _ask(
        self, body: RequestBody, request: TranslatedRequest, plan: Plan, facts: RequestFacts
    ) -> Whole | Streamed:
        estimate: asyncio.Future[int] | int = 0
        if facts.stream and facts.dialect == "messages":
            estimate = self._counting.start_estimate(plan, facts, request.body)
        try:
            upstream = await self._send(body, request, plan, facts)
            try:
                stream_plan = None
                if facts.stream:
                    tokens = await self._counting.finish_estimate(estimate, len(request.body))
                    stream_plan = plan.stream(self._settings, tokens)
                return await make_answer(upstream, plan, self._engine.translation, stream_plan)
            except BaseException:
                await upstream.aclose()
                raise
        finally:
            if not isinstance(estimate, int):
                estimate.cancel()

    async def _send(
        self, body: RequestBody, request: TranslatedRequest, plan: Plan, facts: RequestFacts
    ) -> Upstream:
        try:
            return await self._send_once(request, plan, facts)
        except UpstreamRefused as refusal:
            model = plan.resolution.name
            if not (refusal.renames_cap and self._planner.learn_completion_cap(model)):
                raise
            # Refused before the model ran, so nothing was billed: the same request in the other spelling.
            logger.info("%s wants max_completion_tokens; remembered", model)
            plan = self._planner.plan(facts)
            return await self._send_once(self._translate(body, plan), plan, facts)

    def _send_once(self, request: TranslatedRequest, plan: Plan, facts: RequestFacts) -> Awaitable[Upstream]:
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
        return self._sender.send(
            "POST",
            plan.path,
            request.body,
            initiator=None if plan.leg == "embeddings" else facts.initiator,
            vision=facts.vision,
            stream=facts.stream,
        )

    async def _deliver_stream(self, answer: Streamed, plan: Plan, deliver: Deliver) -> None:
        relay = answer.relay
        self._relays.add(relay)
        try:
            await deliver(answer)
        finally:
            self._relays.discard(relay)
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
    level = logging.WARNING if summary.outcome in ("upstream_failed", "deadline") else logging.DEBUG
    if not logger.isEnabledFor(level):
        return
    logger.log(
        level,
        "stream %s: model %s, %d events, %d bytes, %.0f ms%s",
        summary.outcome,
        plan.resolution.name,
        summary.facts.events,
        summary.bytes_out,
        summary.duration_ms,
        f" ({summary.facts.error})" if summary.facts.error else "",
    )
