"""Running a component: one implementation, a share of requests, or both side by side; with a way back.

A native implementation that panics or raises something outside the closed set of
:mod:`~copilot_api.engine.interfaces` is replaced by the reference for the rest of the process, and the call
that met it is answered by the reference (architecture.md 5).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import ContextVar
from time import perf_counter
from typing import Any, Literal, TypeVar

from copilot_api.engine.client_interfaces import Client, Upstream, UpstreamCall
from copilot_api.engine.components import ComponentState
from copilot_api.engine.interfaces import (
    AnswerPlan,
    ConnectionLost,
    Dialect,
    EngineError,
    RequestBody,
    RequestFacts,
    RequestPlan,
    StreamEnd,
    StreamFacts,
    StreamPlan,
    StreamRefused,
    StreamTranslator,
    TokenCount,
    Tokenizer,
    TranslatedAnswer,
    TranslatedRequest,
    Translation,
    Validation,
)

logger = logging.getLogger("copilot_api.engine")

Mode = Literal["native", "reference", "share", "shadow"]
T = TypeVar("T")

_DRAW: ContextVar[float] = ContextVar("copilot_api_engine_draw")


def begin_request() -> None:
    """Draw for the current request, so that all its components decide alike; only shares need it."""
    from random import random

    _DRAW.set(random())  # noqa: S311 - spreads requests only


class Timing:
    """Calls of one implementation; `seconds` and `longest` are wall time."""

    __slots__ = ("calls", "longest", "seconds")

    def __init__(self) -> None:
        self.calls = 0
        self.seconds = 0.0
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        """Count one call."""
        self.calls += 1
        self.seconds += seconds
        if seconds > self.longest:
            self.longest = seconds

    def add_all(self, calls: int, seconds: float, longest: float) -> None:
        """Count several calls."""
        self.calls += calls
        self.seconds += seconds
        if longest > self.longest:
            self.longest = longest


class Switch:
    """Which implementation of one component runs, and what was seen of them."""

    def __init__(self, name: str, mode: Mode, reason: str, share: float = 1.0) -> None:
        self.name = name
        self.mode: Mode = mode
        self.reason = reason
        self.share = share
        self.differences = 0
        """Calls of the shadow mode in which the two did not do the same."""
        self.failures = 0
        """Panics and broken contracts of the native implementation."""
        self.when_rolled_back: Callable[[], None] | None = None
        """Called when the native implementation is given up."""
        self._timing = Timing()
        self.timings = {"native": self._timing, "reference": Timing()}

    @property
    def state(self) -> ComponentState:
        """What `debug`, ``/health`` and the metrics say."""
        return ComponentState(self.name, self.mode, self.reason)

    def is_native(self) -> bool:
        """Decide for the current request."""
        if self.mode == "share":
            return _DRAW.get(1.0) < self.share
        return self.mode == "native"

    def run(self, native: Callable[..., T], reference: Callable[..., T], *arguments: Any) -> T:
        """Make one call of a stateless component."""
        if self.mode == "native" or self.is_native():
            began = perf_counter()
            try:
                return native(*arguments)
            except EngineError:
                raise
            except BaseException as error:
                self.failed(error)
            finally:
                took = perf_counter() - began
                timing = self._timing
                timing.calls += 1
                timing.seconds += took
                if took > timing.longest:
                    timing.longest = took
        elif self.mode == "shadow":
            return self._run_both(native, reference, arguments)
        return self.timed("reference", reference, *arguments)

    def timed(self, implementation: str, call: Callable[..., T], *arguments: Any) -> T:
        """Make a call and count it."""
        began = perf_counter()
        try:
            return call(*arguments)
        finally:
            self.timings[implementation].add(perf_counter() - began)

    def failed(self, error: BaseException) -> None:
        """Fall back to the reference for good. Raises `error` again when it is none of the component's."""
        if not isinstance(error, Exception) and not _is_panic(error):
            raise error
        self._roll_back("panic" if _is_panic(error) else type(error).__name__)

    def _roll_back(self, reason: str) -> None:
        self.failures += 1
        if self.mode != "reference":
            self.mode = "reference"
            self.reason = f"rolled back: {reason}"
            # Neither text nor trace: they may quote what was being worked on.
            logger.error("The native %s failed (%s); the reference runs from now on", self.name, reason)
            if self.when_rolled_back is not None:
                self.when_rolled_back()

    def translated(self, calls: int, seconds: float, *, panicked: bool) -> None:
        """Count the chunks of a native relay; after a panic no further stream gets one."""
        timing = self.timings["native"]
        timing.calls += calls
        timing.seconds += seconds
        if panicked:
            self.panicked()

    def panicked(self) -> None:
        """Fall back to the reference for good: the native code contained a panic itself."""
        self._roll_back("panic")

    def differs(self, what: str) -> None:
        """Count one difference of the shadow mode."""
        self.differences += 1
        logger.warning("shadow: the two implementations of %s differ in %s", self.name, what)

    def _run_both(
        self, native: Callable[..., T], reference: Callable[..., T], arguments: tuple[Any, ...]
    ) -> T:
        expected = _outcome(lambda: self.timed("reference", reference, *arguments))
        try:
            found = _outcome(lambda: self.timed("native", native, *arguments))
        except BaseException as error:
            self.failed(error)
        else:
            if _comparable(found) != _comparable(expected):
                self.differs("the result" if type(found[1]) is type(expected[1]) else "how they end")
        value, raised = expected
        if raised is not None:
            raise raised
        return value


def _outcome(call: Callable[[], T]) -> tuple[T | Any, EngineError | None]:
    try:
        return call(), None
    except EngineError as error:
        return None, error


def _comparable(outcome: tuple[Any, EngineError | None]) -> tuple[Any, ...]:
    value, raised = outcome
    if raised is None:
        return ("returned", value)
    # Texts about bodies that cannot be read differ by design (ADR 10); what is at fault must not.
    return ("raised", type(raised), getattr(raised, "path", None), getattr(raised, "status", None))


def _is_panic(error: BaseException) -> bool:
    return type(error).__module__ == "pyo3_runtime"


class SwitchedTokenizer:
    """See :class:`copilot_api.engine.interfaces.Tokenizer`."""

    def __init__(self, switch: Switch, native: Tokenizer, reference: Tokenizer) -> None:
        self._switch, self._native, self._reference = switch, native, reference

    def count_text(self, text: str, encoding: str) -> int:
        """Return the number of tokens of `text`."""
        return self._switch.run(self._native.count_text, self._reference.count_text, text, encoding)

    def count_chat(self, body: RequestBody, encoding: str, model: str) -> TokenCount:
        """Count a chat request."""
        return self._switch.run(self._native.count_chat, self._reference.count_chat, body, encoding, model)


class SwitchedValidation:
    """See :class:`copilot_api.engine.interfaces.Validation`."""

    def __init__(
        self, switch: Switch, native: Validation, reference: Validation, ported: frozenset[str]
    ) -> None:
        self._switch, self._native, self._reference = switch, native, reference
        self._ported = ported

    def inspect(self, body: RequestBody, dialect: Dialect) -> RequestFacts:
        """Return the facts."""
        if dialect not in self._ported:
            return self._reference.inspect(body, dialect)
        return self._switch.run(self._native.inspect, self._reference.inspect, body, dialect)


class SwitchedClient:
    """See :class:`copilot_api.engine.client_interfaces.Client`; `make_reference` is called when needed."""

    def __init__(self, switch: Switch, native: Client, make_reference: Callable[[], Client]) -> None:
        self._switch, self.native, self._make_reference = switch, native, make_reference
        self._reference: Client | None = None

    async def request(self, call: UpstreamCall) -> Upstream:
        """Send one call."""
        if self._switch.mode == "native":
            try:
                return await self.native.request(call)
            except (EngineError, asyncio.CancelledError):
                raise
            except BaseException as error:
                self._switch.failed(error)
                # Whether it was sent is not known, so it is not repeated here.
                raise ConnectionLost("internal error of the upstream client; try again") from None
        if self._reference is None:
            self._reference = self._make_reference()
        return await self._reference.request(call)

    async def aclose(self) -> None:
        """Close both pools."""
        await self.native.aclose()
        if self._reference is not None:
            await self._reference.aclose()


class SwitchedTranslation:
    """See :class:`copilot_api.engine.interfaces.Translation`; streams have a switch of their own."""

    def __init__(
        self,
        switch: Switch,
        streaming: Switch,
        native: Translation,
        reference: Translation,
        ported: frozenset[tuple[str, str]],
    ) -> None:
        self._switch, self._streaming = switch, streaming
        self._native, self._reference = native, reference
        self._ported = ported

    def request(self, body: RequestBody, plan: RequestPlan) -> TranslatedRequest:
        """Return the body for upstream."""
        if (plan.dialect, plan.leg) not in self._ported:
            return self._reference.request(body, plan)
        return self._switch.run(self._native.request, self._reference.request, body, plan)

    def answer(self, body: bytes, plan: AnswerPlan) -> TranslatedAnswer:
        """Return the body for the client."""
        if (plan.dialect, plan.leg) not in self._ported:
            return self._reference.answer(body, plan)
        return self._switch.run(self._native.answer, self._reference.answer, body, plan)

    def answer_as_stream(self, body: bytes, plan: StreamPlan) -> bytes:
        """Return a whole stream for a JSON answer."""
        if (plan.dialect, plan.leg) not in self._ported:
            return self._reference.answer_as_stream(body, plan)
        return self._switch.run(self._native.answer_as_stream, self._reference.answer_as_stream, body, plan)

    def stream(self, plan: StreamPlan) -> StreamTranslator:
        """Return a fresh translator."""
        if (plan.dialect, plan.leg) not in self._ported:
            return self._reference.stream(plan)
        if self._streaming.mode == "shadow":
            return ShadowStream(self._streaming, self._native.stream(plan), self._reference.stream(plan))
        if self._streaming.is_native():
            return GuardedStream(self._streaming, self._native, self._reference, plan)
        return self._reference.stream(plan)


class GuardedStream:
    """A native translator that the reference replaces when it fails before anything was written.

    Afterwards the stream ends with the dialect's in-band error: what the client has cannot be taken back.
    """

    def __init__(self, switch: Switch, native: Translation, reference: Translation, plan: StreamPlan) -> None:
        self._switch, self._reference, self._plan = switch, reference, plan
        self._inner: StreamTranslator = native.stream(plan)
        self._native = True
        self._held: list[bytes] | None = []
        """What was fed until the first bytes came out."""

    @property
    def done(self) -> bool:
        """Nothing may follow."""
        return self._inner.done

    @property
    def refusal(self) -> StreamRefused | None:
        """Set when the stream failed before a byte was written."""
        return self._inner.refusal

    @property
    def facts(self) -> StreamFacts:
        """What was seen so far."""
        return self._inner.facts

    def feed(self, data: bytes) -> bytes:
        """Take upstream bytes, return bytes for the client."""
        if self._held is not None:
            self._held.append(data)
        return self._call(lambda: self._inner.feed(data), fed=True)

    def finish(self, end: StreamEnd, message: str = "") -> bytes:
        """Return what completes the client's stream."""
        return self._call(lambda: self._inner.finish(end, message))

    def keep_alive(self) -> bytes:
        """Return a frame that clients of the dialect ignore."""
        return self._call(lambda: self._inner.keep_alive())

    def _call(self, call: Callable[[], bytes], *, fed: bool = False) -> bytes:
        try:
            out = self._switch.timed("native" if self._native else "reference", call)
        except BaseException as error:
            if not self._native:
                raise
            self._switch.failed(error)
            out = self._replace(call, fed=fed)
        if out:
            self._held = None
        return out

    def _replace(self, call: Callable[[], bytes], *, fed: bool) -> bytes:
        self._native = False
        self._inner = self._reference.stream(self._plan)
        if self._held is not None:
            replayed = b"".join([self._inner.feed(data) for data in self._held])
            return replayed if fed else replayed + call()
        self._inner.keep_alive()  # tells it that the client already has something
        return self._inner.finish("cut", "internal error of the gateway")


class ShadowStream:
    """Both translators over the same bytes; the reference's output is used."""

    def __init__(self, switch: Switch, native: StreamTranslator, reference: StreamTranslator) -> None:
        self._switch, self._native, self._reference = switch, native, reference
        self._compares = True

    @property
    def done(self) -> bool:
        """Nothing may follow."""
        return self._reference.done

    @property
    def refusal(self) -> StreamRefused | None:
        """Set when the stream failed before a byte was written."""
        return self._reference.refusal

    @property
    def facts(self) -> StreamFacts:
        """What was seen so far."""
        return self._reference.facts

    def feed(self, data: bytes) -> bytes:
        """Take upstream bytes, return bytes for the client."""
        return self._both(lambda: self._reference.feed(data), lambda: self._native.feed(data))

    def finish(self, end: StreamEnd, message: str = "") -> bytes:
        """Return what completes the client's stream."""
        out = self._both(
            lambda: self._reference.finish(end, message), lambda: self._native.finish(end, message)
        )
        if self._compares and self._native.facts != self._reference.facts:
            self._differ("the facts of a stream")
        return out

    def keep_alive(self) -> bytes:
        """Return a frame that clients of the dialect ignore."""
        return self._both(lambda: self._reference.keep_alive(), lambda: self._native.keep_alive())

    def _both(self, reference: Callable[[], bytes], native: Callable[[], bytes]) -> bytes:
        expected = self._switch.timed("reference", reference)
        if self._compares:
            try:
                found = self._switch.timed("native", native)
            except BaseException as error:
                self._compares = False
                self._switch.failed(error)
            else:
                if found != expected or self._native.done != self._reference.done:
                    self._differ("a stream")
        return expected

    def _differ(self, what: str) -> None:
        # One stream counts once: what follows a difference differs as well.
        self._compares = False
        self._switch.differs(what)
