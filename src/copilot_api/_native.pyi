"""The native engine of copilot-api.

Bindings only: use it through `copilot_api.engine.native`, which implements the Protocols of
`copilot_api.engine.interfaces`. All functions may be called from any thread.
"""

# The stub is the manual of the module, so it has the docstrings.
# ruff: noqa: PYI021

from typing import Any, Literal, TypedDict, final, type_check_only

__all__ = [
    "Admission",
    "Concurrency",
    "Freshness",
    "Limiter",
    "ResponseCache",
    "StreamTranslator",
    "TokenClock",
    "answer_as_stream",
    "build_info",
    "cache_key",
    "count_chat",
    "count_text",
    "inspect_request",
    "translate_answer",
    "translate_request",
]

@type_check_only
class _BuildInfo(TypedDict):
    version: str
    profile: str
    pyo3: str
    abi: str

def build_info() -> _BuildInfo:
    """Return how this module was built.

    ``version`` of the crate (the program's), cargo ``profile`` (``release`` in wheels, ``dev-release`` or
    ``debug`` from a checkout), version of ``pyo3``, and the Python ``abi`` it needs.
    """

def count_text(text: str, encoding: str, /) -> int:
    """Return the number of BPE tokens of `text`.

    Encodings are ``o200k_base``, ``cl100k_base``, ``p50k_base``, ``p50k_edit`` and ``r50k_base``; any other
    name means ``o200k_base``. Text of special tokens counts as ordinary text. Takes linear time; only a word
    without a place to split takes n log n. The interpreter lock is released meanwhile.

    Raises UnicodeEncodeError when the text holds a lone surrogate.

    >>> count_text("Hello, world!", "o200k_base")
    4
    """

def count_chat(body: bytes, encoding: str, model: str, /) -> tuple[int, int]:
    """Return the tokens of a request in chat format (UTF-8 JSON): of its input and of its output messages.

    By the rules of compat.md 5.2 to 5.4, pictures by D-T28; `model` chooses the constants of 5.2. The
    interpreter lock is released meanwhile.

    Raises :class:`copilot_api.engine.interfaces.InvalidRequest` when the body is no JSON object with a list
    ``messages`` of objects.
    """

def inspect_request(
    body: bytes, dialect: str, /
) -> tuple[str, bool, bool, bool, str, int, int, Literal["absent", "null", "set"], bool, bool]:
    """Return what :class:`copilot_api.engine.interfaces.RequestFacts` holds of a request.

    In order: model, stream, vision, whether the initiator is ``agent``, why, number of messages, of tools,
    state of ``max_tokens``, whether there is a ``max_completion_tokens``, whether a tool's name begins with
    ``mcp__``. Dialects are ``chat``, ``messages`` and ``embeddings``. No tree of the body is built, and the
    interpreter lock is released meanwhile.

    Raises :class:`copilot_api.engine.interfaces.InvalidRequest`, and ValueError for another dialect.
    """

def translate_request(
    body: bytes, dialect: str, leg: str, model: str | None, output_cap: int | None, cap_field: str, /
) -> tuple[bytes, list[str]]:
    """Return the body for upstream and the changes made; see ``RequestPlan`` for the arguments.

    `body` itself is returned when nothing changed. Raises
    :class:`copilot_api.engine.interfaces.InvalidRequest`, and ValueError for a pair that is not translated.
    """

def translate_answer(
    body: bytes, dialect: str, leg: str, reasoning: bool, /
) -> tuple[bytes, tuple[int, int, int | None, int | None, int | None] | None, str | None, str | None]:
    """Return the body for the client, the usage, the finish reason and the model; see ``TranslatedAnswer``.

    Usage is input, output, cached and reasoning tokens, and the billed amount. Raises
    :class:`copilot_api.engine.interfaces.UnusableAnswer`.
    """

def answer_as_stream(
    body: bytes, dialect: str, leg: str, input_tokens: int, reasoning: bool, frame_limit: int, /
) -> bytes:
    """Return a whole stream for a JSON answer. Raises ``UnusableAnswer``."""

@final
class StreamTranslator:
    """One stream's translator; see :class:`copilot_api.engine.interfaces.StreamTranslator`."""

    def __new__(
        cls, dialect: str, leg: str, input_tokens: int, reasoning: bool, frame_limit: int, /
    ) -> StreamTranslator: ...
    @property
    def done(self) -> bool: ...
    @property
    def refusal(self) -> tuple[str, bytes, int] | None: ...
    @property
    def facts(
        self,
    ) -> tuple[
        int,
        str | None,
        str | None,
        str | None,
        tuple[int, int, int | None, int | None, int | None] | None,
        str | None,
    ]: ...
    def feed(self, data: bytes, /) -> bytes: ...
    def finish(self, end: str, message: str = "", /) -> bytes: ...
    def keep_alive(self) -> bytes: ...

@final
class Admission:
    """One request that a :class:`Limiter` admitted; opaque."""

@final
class Limiter:
    """When requests may go; see :class:`copilot_api.engine.interfaces.Limiter`.

    Times are monotonic seconds.
    """

    def __new__(cls, interval: float | None, wait: bool, burst: int, /) -> Limiter: ...
    def admit(self, now: float, /) -> tuple[Admission | None, int | None, int]:
        """Return an admission, or the ticket of a waiter, or neither; and the seconds to wait."""

    def delay(self, now: float, /) -> float | None:
        """Return the seconds until :meth:`release` has something to do; None while nobody waits."""

    def release(self, now: float, /) -> tuple[int, Admission] | None:
        """Admit the first waiter if its time has come; return its ticket and the admission."""

    def leave(self, ticket: int, /) -> bool:
        """Take a waiter out; tell whether it was still waiting."""

    def withdraw(self, admission: Admission, /) -> bool:
        """Give a slot back if nobody was admitted since; tell whether it was given back."""

@final
class Concurrency:
    """Places for requests in flight; see :class:`copilot_api.engine.interfaces.Concurrency`.

    Times are monotonic seconds.
    """

    def __new__(cls, limit: int, longest_queue: int, patience: float, /) -> Concurrency: ...
    @property
    def taken(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    def try_enter(self) -> bool:
        """Take a place if there is one."""

    def queue(self, now: float, /) -> int | None:
        """Wait for a place; return the waiter's ticket, or None when the queue is full."""

    def leave(self) -> int | None:
        """Give a place back; it passes to the waiter whose ticket is returned."""

    def give_up(self, ticket: int, /) -> bool:
        """Take a waiter out; tell whether it was still waiting."""

    def delay(self, now: float, /) -> float | None:
        """Return the seconds until :meth:`expire` has something to do; None while nobody waits."""

    def expire(self, now: float, /) -> int | None:
        """Take the first waiter out if its time is over; return its ticket."""

def cache_key(body: bytes, dialect: str, scope: list[str], /) -> bytes | None:
    """Return the key of a request; see :meth:`copilot_api.engine.cache_interfaces.ResponseCache.key`.

    The interpreter lock is released meanwhile.
    """

@final
class ResponseCache:
    """Keeps objects; see :class:`copilot_api.engine.cache_interfaces.ResponseCache`.

    Times are monotonic seconds; keys have 32 bytes.
    """

    def __new__(
        cls, limit: int, overhead: int, time_to_live: float | None, patience: float, waiters: int, /
    ) -> ResponseCache: ...
    def begin(
        self, key: bytes, ticket: int, max_age: float | None, now: float, /
    ) -> tuple[Literal["hit", "lead", "wait", "alone"], Any, float]:
        """Look a request up; return what it is to do, the object, and its age in seconds."""

    def settle(
        self, ticket: int, value: object | None, weight: int, now: float, /
    ) -> tuple[list[int], int | None, list[int]]:
        """End a request; return the tickets of those that are served, that lead, that go alone."""

    def statistics(self, now: float, /) -> list[int]:
        """Return hits, misses, coalesced, evictions, expirations, entries, bytes and waiting."""

@final
class Freshness:
    """See :class:`copilot_api.engine.cache_interfaces.Freshness`; times are monotonic seconds."""

    def __new__(cls, time_to_live: float, retry_after: float, /) -> Freshness: ...
    @property
    def due(self) -> float: ...
    def begin(self, now: float) -> bool: ...
    def end(self, now: float, *, refreshed: bool) -> None: ...

@final
class TokenClock:
    """When a Copilot token is fresh and when it is renewed; times and jitter as in the token manager.

    Times are seconds by the monotonic and by the wall clock.
    """

    def __new__(cls) -> TokenClock: ...
    def is_fresh(self, monotonic: float, wall: float, /) -> bool:
        """Tell whether there is a token that is believed to be valid."""

    def holds(self) -> bool:
        """Tell whether there is a token, fresh or not."""

    def granted(self, refresh_in: float | None, monotonic: float, wall: float, jitter: float, /) -> float:
        """Note a new token; return the seconds until it is to be renewed."""

    def failed(self) -> None:
        """Note an exchange that failed."""

    def backoff(self, jitter: float, /) -> float:
        """Return the seconds until the next attempt."""

    def forget(self) -> None:
        """Note that upstream refused the token."""
