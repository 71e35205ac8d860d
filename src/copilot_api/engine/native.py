"""Thin adapters over `copilot_api._native`, the Rust engine. Importing this raises ImportError without it."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable

from copilot_api import _native
from copilot_api.engine.interfaces import (
    AnswerPlan,
    Dialect,
    EngineError,
    RateLimited,
    RequestFacts,
    RequestPlan,
    StreamEnd,
    StreamFacts,
    StreamPlan,
    StreamRefused,
    TokenCount,
    TokenFetch,
    TokenGrant,
    TokenRefused,
    TokenUnavailable,
    TranslatedAnswer,
    TranslatedRequest,
    Usage,
)

__all__ = [
    "NativeLimiter",
    "NativeStreamTranslator",
    "NativeTokenManager",
    "NativeTokenizer",
    "NativeTranslation",
    "NativeValidation",
]

_limiter_log = logging.getLogger("copilot_api.limiter")
_token_log = logging.getLogger("copilot_api.token")

TOKEN_PATIENCE = 5.0
"""Seconds a request waits for a token before it gets 503 (R-47)."""


class NativeTokenizer:
    """Implements :class:`copilot_api.engine.interfaces.Tokenizer`. Holds nothing; thread-safe.

    Counting runs without the interpreter lock.
    """

    __slots__ = ()

    def count_text(self, text: str, encoding: str) -> int:
        """Return the number of tokens of `text`; a lone surrogate counts as U+FFFD."""
        try:
            return _native.count_text(text, encoding)
        except UnicodeEncodeError:
            well_formed = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            return _native.count_text(well_formed, encoding)

    def count_chat(self, body: bytes, encoding: str, model: str) -> TokenCount:
        """Count a chat request. Raises :class:`~copilot_api.engine.interfaces.InvalidRequest`."""
        return TokenCount(*_native.count_chat(body, encoding, model))


class NativeValidation:
    """Implements :class:`copilot_api.engine.interfaces.Validation`. Holds nothing; thread-safe."""

    __slots__ = ()

    def inspect(self, body: bytes, dialect: Dialect) -> RequestFacts:
        """Return the facts. Raises :class:`~copilot_api.engine.interfaces.InvalidRequest`."""
        model, stream, vision, agent, reason, messages, tools, cap, completion_cap, mcp = (
            _native.inspect_request(body, dialect)
        )
        return RequestFacts(
            dialect=dialect,
            size=len(body),
            model=model,
            stream=stream,
            vision=vision,
            initiator="agent" if agent else "user",
            initiator_reason=reason,
            messages=messages,
            tools=tools,
            output_cap=cap,
            has_max_completion_tokens=completion_cap,
            has_mcp_tool=mcp,
        )


class NativeTranslation:
    """Implements :class:`copilot_api.engine.interfaces.Translation`. Holds nothing; thread-safe."""

    __slots__ = ()

    def request(self, body: bytes, plan: RequestPlan) -> TranslatedRequest:
        """Return the body for upstream."""
        out, rewrites = _native.translate_request(
            body, plan.dialect, plan.leg, plan.model, plan.output_cap, plan.cap_field
        )
        return TranslatedRequest(out, tuple(rewrites))

    def answer(self, body: bytes, plan: AnswerPlan) -> TranslatedAnswer:
        """Return the body for the client."""
        out, usage, reason, model = _native.translate_answer(body, plan.dialect, plan.leg, plan.reasoning)
        return TranslatedAnswer(out, _usage(usage), reason, model)

    def answer_as_stream(self, body: bytes, plan: StreamPlan) -> bytes:
        """Return a whole stream for a JSON answer."""
        return _native.answer_as_stream(body, *_stream_arguments(plan))

    def stream(self, plan: StreamPlan) -> NativeStreamTranslator:
        """Return a fresh translator."""
        return NativeStreamTranslator(plan)


class NativeStreamTranslator:
    """Implements :class:`copilot_api.engine.interfaces.StreamTranslator`; one thread at a time."""

    __slots__ = ("_native", "feed", "keep_alive")

    def __init__(self, plan: StreamPlan) -> None:
        self._native = _native.StreamTranslator(*_stream_arguments(plan))
        # Called for each chunk: bound here, without a frame of Python between.
        self.feed = self._native.feed
        self.keep_alive = self._native.keep_alive

    @property
    def done(self) -> bool:
        """Nothing may follow."""
        return self._native.done

    @property
    def refusal(self) -> StreamRefused | None:
        """Set when the stream failed before a byte was written."""
        refusal = self._native.refusal
        return None if refusal is None else StreamRefused(*refusal)

    @property
    def facts(self) -> StreamFacts:
        """What was seen so far."""
        events, model, response_id, reason, usage, error = self._native.facts
        return StreamFacts(events, model, response_id, reason, _usage(usage), error)

    def finish(self, end: StreamEnd, message: str = "") -> bytes:
        """Return what completes the client's stream."""
        return self._native.finish(end, message)


def _stream_arguments(plan: StreamPlan) -> tuple[str, str, int, bool, int]:
    return plan.dialect, plan.leg, plan.input_tokens, plan.reasoning, plan.frame_limit


def _usage(usage: tuple[int, int, int | None, int | None, int | None] | None) -> Usage | None:
    if usage is None:
        return None
    given, made, cached, reasoning, billed = usage
    return Usage(given, made, cached, None, reasoning, billed)


class NativeAdmission:
    """One admitted request."""

    __slots__ = ("_admission", "_limiter")

    def __init__(self, limiter: NativeLimiter, admission: _native.Admission) -> None:
        self._limiter: NativeLimiter | None = limiter
        self._admission = admission

    def withdraw(self) -> None:
        """Give the slot back if nobody was admitted since."""
        if self._limiter is not None:
            self._limiter.give_back(self._admission)
            self._limiter = None


class NativeLimiter:
    """Implements :class:`copilot_api.engine.interfaces.Limiter`; the clock is monotonic seconds."""

    def __init__(
        self, interval: float | None, wait: bool, burst: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._state = _native.Limiter(interval, wait, burst)
        self._clock = clock
        self._waiting: dict[int, asyncio.Future[NativeAdmission]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def admit(self) -> NativeAdmission:
        """Admit, wait, or raise :class:`RateLimited` with the whole seconds to wait."""
        admission, ticket, seconds = self._state.admit(self._clock())
        if admission is not None:
            return NativeAdmission(self, admission)
        if ticket is None:
            _limiter_log.warning("Rate limit exceeded. Need to wait %d more seconds.", seconds)
            raise RateLimited(seconds)
        _limiter_log.warning("Rate limit reached. Waiting %d seconds before proceeding...", seconds)
        turn: asyncio.Future[NativeAdmission] = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = turn
        self._arm()
        try:
            admitted = await turn
        except asyncio.CancelledError:
            if not self._state.leave(ticket) and turn.done() and not turn.cancelled():
                turn.result().withdraw()
            raise
        finally:
            self._waiting.pop(ticket, None)
        _limiter_log.info("Rate limit wait completed, proceeding with request")
        return admitted

    def give_back(self, admission: _native.Admission) -> None:
        """Undo an admission, unless a later one was made."""
        if self._state.withdraw(admission):
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        delay = self._state.delay(self._clock())
        if delay is not None:
            self._timer = asyncio.get_running_loop().call_later(delay, self._release)

    def _release(self) -> None:
        self._timer = None
        while (released := self._state.release(self._clock())) is not None:
            ticket, admission = released
            turn = self._waiting.get(ticket)
            if turn is not None and not turn.done():
                turn.set_result(NativeAdmission(self, admission))
                break
            self._state.withdraw(admission)
        self._arm()


class NativeTokenManager:
    """Implements :class:`copilot_api.engine.interfaces.TokenManager`: times are judged in Rust.

    `fetch` does the exchange; `jitter` returns a factor near 1; the clocks give seconds.
    """

    def __init__(
        self,
        fetch: TokenFetch,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        jitter: Callable[[], float] = lambda: random.uniform(0.9, 1.1),  # noqa: S311 - spreads load only
    ) -> None:
        self._fetch = fetch
        self._monotonic, self._wall, self._jitter = monotonic, wall, jitter
        self._clock = _native.TokenClock()
        self._grant: TokenGrant | None = None
        self._renewal: asyncio.Task[TokenGrant] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def get(self) -> TokenGrant:
        """Return a valid token; renews first when there is none."""
        if self._grant is not None and self._clock.is_fresh(self._monotonic(), self._wall()):
            return self._grant
        renewal = self._renew()
        try:
            # shield: a waiter that leaves must not cancel the renewal for the others.
            return await asyncio.wait_for(asyncio.shield(renewal), TOKEN_PATIENCE)
        except TimeoutError:
            raise TokenUnavailable("GitHub has not answered the token request yet") from None
        except TokenRefused as refused:
            raise TokenUnavailable(str(refused), permanent=True) from refused
        except EngineError as error:
            wait = self._clock.backoff(self._jitter())
            raise TokenUnavailable(f"no Copilot token: {error}", retry_after=wait) from error

    def reject(self, grant: TokenGrant) -> None:
        """Forget `grant` if it is still the one in use."""
        if self._clock.holds() and self._grant is not None and self._grant.token == grant.token:
            self._clock.forget()

    async def aclose(self) -> None:
        """Stop the timer and a running renewal."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        renewal = self._renewal
        if renewal is not None:
            renewal.cancel()
            await asyncio.gather(renewal, return_exceptions=True)

    def _renew(self) -> asyncio.Task[TokenGrant]:
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._exchange())
            # A background renewal has no waiter: its outcome is handled in _exchange, so it is marked read.
            self._renewal.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._renewal

    async def _exchange(self) -> TokenGrant:
        _token_log.debug("Refreshing Copilot token")
        try:
            grant = await self._fetch()
        except EngineError as error:
            self._clock.failed()
            level = logging.WARNING if self._clock.holds() else logging.DEBUG
            _token_log.log(level, "Copilot token not renewed: %s", error)
            if not isinstance(error, TokenRefused) or self._clock.holds():
                self._schedule(self._clock.backoff(self._jitter()))
            raise
        self._grant = grant
        due = self._clock.granted(grant.refresh_in, self._monotonic(), self._wall(), self._jitter())
        self._schedule(due)
        _token_log.debug("Copilot token refreshed")
        return grant

    def _schedule(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._closed:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._renew)
