"""Adapters of the components that keep nothing between two calls."""

from __future__ import annotations

from copilot_api import _native
from copilot_api.engine.interfaces import (
    AnswerPlan,
    Dialect,
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

DIALECTS = frozenset({"chat", "messages", "embeddings"})
"""Dialects whose validation is ported; the reference reads the others."""
PAIRS = frozenset({("chat", "chat"), ("messages", "chat"), ("embeddings", "embeddings")})
"""Pairs of dialect and leg that are ported; the reference translates the others."""


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
        model, stream, vision, agent, reason, messages, tools, cap, completion_cap, mcp = (
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
        )


class NativeTranslation:
    """Implements :class:`copilot_api.engine.interfaces.Translation`. Holds nothing; thread-safe."""

    __slots__ = ()

    def request(self, body: RequestBody, plan: RequestPlan) -> TranslatedRequest:
        """Return the body for upstream."""
        out, rewrites = _native.translate_request(
            body, plan.dialect, plan.leg, plan.model, plan.output_cap, plan.cap_field
        )
        return TranslatedRequest(out, tuple(rewrites))

    def answer(self, body: bytes, plan: AnswerPlan) -> TranslatedAnswer:
        """Return the body for the client."""
        out, usage, reason, model = _native.translate_answer(body, plan.dialect, plan.leg, plan.reasoning)
        return TranslatedAnswer(out, usage_of(usage), reason, model)

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
        return StreamFacts(events, model, response_id, reason, usage_of(usage), error)

    def finish(self, end: StreamEnd, message: str = "") -> bytes:
        """Return what completes the client's stream."""
        return self._native.finish(end, message)


def _stream_arguments(plan: StreamPlan) -> tuple[str, str, int, bool, int]:
    return plan.dialect, plan.leg, plan.input_tokens, plan.reasoning, plan.frame_limit


def usage_of(usage: tuple[int, int, int | None, int | None, int | None] | None) -> Usage | None:
    """Return usage as the interfaces name it."""
    if usage is None:
        return None
    given, made, cached, reasoning, billed = usage
    return Usage(given, made, cached, None, reasoning, billed)
