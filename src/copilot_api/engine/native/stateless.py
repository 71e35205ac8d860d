"""Adapters of the components that keep nothing between two calls."""

from __future__ import annotations

from copilot_api import _native
from copilot_api.engine.interfaces import (
    AnswerPlan,
    Dialect,
    ModelTraits,
    RequestBody,
    RequestFacts,
    RequestPlan,
    StreamEnd,
    StreamFacts,
    StreamPlan,
    StreamRefused,
    TokenCount,
    TranslatedAnswer,
    TranslatedRequest,
    Usage,
)

DIALECTS = frozenset({"chat", "completions", "embeddings", "gemini", "messages", "ollama", "responses"})
"""Dialects whose validation is ported; the reference reads the others."""
PAIRS = frozenset(
    {
        ("chat", "chat"),
        ("completions", "chat"),
        ("gemini", "chat"),
        ("messages", "chat"),
        ("ollama", "chat"),
        ("responses", "chat"),
        ("chat", "responses"),
        ("completions", "responses"),
        ("gemini", "responses"),
        ("messages", "responses"),
        ("ollama", "responses"),
        ("responses", "responses"),
        ("chat", "messages"),
        ("completions", "messages"),
        ("gemini", "messages"),
        ("messages", "messages"),
        ("ollama", "messages"),
        ("responses", "messages"),
        ("embeddings", "embeddings"),
    }
)
"""Pairs of dialect and leg that are ported; the reference translates the others."""

_KEPT = 512
"""Prepared request plans that are kept: the gateway makes one a kind of request."""


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

    def count_chat(self, body: RequestBody, encoding: str, model: str) -> TokenCount:
        """Count a chat request. Raises :class:`~copilot_api.engine.interfaces.InvalidRequest`."""
        return TokenCount(*_native.count_chat(body, encoding, model))


class NativeValidation:
    """Implements :class:`copilot_api.engine.interfaces.Validation`. Holds nothing; thread-safe."""

    __slots__ = ()

    def inspect(self, body: RequestBody, dialect: Dialect) -> RequestFacts:
        """Return the facts. Raises :class:`~copilot_api.engine.interfaces.InvalidRequest`."""
        model, stream, vision, agent, reason, messages, tools, cap, completion_cap, mcp, reasons, session = (
            _native.inspect_request(body, dialect)
        )
        # By place, not by name: made for each request, and names cost more than the values.
        return RequestFacts(
            dialect,
            len(body),
            model,
            stream,
            vision,
            "agent" if agent else "user",
            reason,
            messages,
            tools,
            cap,
            completion_cap,
            mcp,
            reasons,
            session,
        )


class NativeTranslation:
    """Implements :class:`copilot_api.engine.interfaces.Translation`; thread-safe.

    Holds nothing of a request: only what was made of the last plans.
    """

    __slots__ = ("_plans",)

    def __init__(self) -> None:
        self._plans: dict[int, tuple[RequestPlan, _native.RequestPlan]] = {}

    def request(self, body: RequestBody, plan: RequestPlan) -> TranslatedRequest:
        """Return the body for upstream."""
        known = self._plans.get(id(plan))
        made = self._prepare(plan) if known is None else known[1]
        out, rewrites, context = _native.translate_request(body, made)
        return TranslatedRequest(out, tuple(rewrites), context)

    def answer(self, body: bytes, plan: AnswerPlan) -> TranslatedAnswer:
        """Return the body for the client."""
        out, usage, reason, model = _native.translate_answer(
            body, plan.dialect, plan.leg, plan.reasoning, plan.model, plan.context, plan.now
        )
        return TranslatedAnswer(out, usage_of(usage), reason, model)

    def answer_as_stream(self, body: bytes, plan: StreamPlan) -> bytes:
        """Return a whole stream for a JSON answer."""
        return _native.answer_as_stream(body, stream_arguments(plan))

    def stream(self, plan: StreamPlan) -> NativeStreamTranslator:
        """Return a fresh translator."""
        return NativeStreamTranslator(plan)

    def _prepare(self, plan: RequestPlan) -> _native.RequestPlan:
        made = prepared(plan)
        if len(self._plans) >= _KEPT:
            self._plans.clear()
        # The plan is kept with what was made of it, so that no other gets its id.
        self._plans[id(plan)] = plan, made
        return made


class NativeStreamTranslator:
    """Implements :class:`copilot_api.engine.interfaces.StreamTranslator`; one thread at a time."""

    __slots__ = ("_native", "feed", "keep_alive")

    def __init__(self, plan: StreamPlan) -> None:
        self._native = _native.StreamTranslator(stream_arguments(plan))
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
        return StreamFacts(events, model, response_id, reason, usage_of(usage), error)

    def finish(self, end: StreamEnd, message: str = "") -> bytes:
        """Return what completes the client's stream."""
        return self._native.finish(end, message)


def prepared(plan: RequestPlan) -> _native.RequestPlan:
    """Return what the native module makes of a plan."""
    traits = plan.traits
    return _native.RequestPlan(
        plan.dialect,
        plan.leg,
        plan.model,
        plan.output_cap,
        plan.cap_field,
        plan.target,
        plan.stream,
        None if traits is None else _traits(traits),
        plan.dropped,
        plan.without_reasoning,
        plan.betas,
        plan.cache_breakpoints,
    )


def _traits(
    traits: ModelTraits,
) -> tuple[
    int | None, int | None, tuple[str, ...] | None, bool, int | None, int | None, bool, bool, bool, bool
]:
    return (
        traits.max_output_tokens,
        traits.max_prompt_tokens,
        traits.reasoning_effort,
        traits.adaptive_thinking,
        traits.min_thinking_budget,
        traits.max_thinking_budget,
        traits.vision,
        traits.structured_outputs,
        traits.tool_calls,
        traits.parallel_tool_calls,
    )


def stream_arguments(plan: StreamPlan) -> tuple[str, str, int, bool, int, str, bytes, str, int]:
    """Return what the native module wants to know of a stream's plan."""
    return (
        plan.dialect,
        plan.leg,
        plan.input_tokens,
        plan.reasoning,
        plan.frame_limit,
        plan.model,
        plan.context,
        plan.framing,
        plan.now,
    )


def usage_of(usage: tuple[int, int, int | None, int | None, int | None, int | None] | None) -> Usage | None:
    """Return usage as the interfaces name it."""
    return None if usage is None else Usage(*usage)
