"""The native engine of copilot-api.

Bindings only: use it through `copilot_api.engine.native`, which implements the Protocols of
`copilot_api.engine.interfaces`. All functions may be called from any thread.
"""

# The stub is the manual of the module, so it has the docstrings.
# ruff: noqa: PYI021

from asyncio import AbstractEventLoop, Future, Task
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Literal, TypeAlias, TypedDict, final, type_check_only

from copilot_api.engine.client_interfaces import Outcome
from copilot_api.engine.interfaces import RequestBody, StreamEnd
from copilot_api.engine.prefix_interfaces import Change

__all__ = [
    "Admission",
    "Body",
    "Chain",
    "Client",
    "Concurrency",
    "Errand",
    "Exchange",
    "Freshness",
    "Headers",
    "Limiter",
    "Prefixes",
    "Relay",
    "RequestPlan",
    "ResponseCache",
    "Runtime",
    "Server",
    "Standing",
    "Stream",
    "StreamTranslator",
    "TokenClock",
    "Upstream",
    "answer_as_stream",
    "build_info",
    "cache_key",
    "count_chat",
    "count_text",
    "inspect_request",
    "panic_once",
    "translate_answer",
    "translate_request",
]

_Usage: TypeAlias = tuple[int, int, int | None, int | None, int | None, int | None]
"""The fields of :class:`copilot_api.engine.interfaces.Usage` in their order."""

_Traits: TypeAlias = tuple[
    int | None, int | None, Sequence[str] | None, bool, int | None, int | None, bool, bool, bool, bool
]
"""The fields of :class:`copilot_api.engine.interfaces.ModelTraits` in their order."""

_PlanOfStream: TypeAlias = tuple[str, str, int, bool, int, str, bytes, str, int]
"""Of :class:`copilot_api.engine.interfaces.StreamPlan`: dialect, leg, input tokens, reasoning, frame limit,
model, context, framing, now."""

_Summary: TypeAlias = tuple[
    Outcome,
    StreamEnd | None,
    tuple[int, str | None, str | None, str | None, _Usage | None, str | None],
    int,
    int,
    float | None,
    float,
    float,
    int,
    bool,
]
_Decision: TypeAlias = tuple[
    str,
    Headers,
    list[tuple[str, str]],
    RequestPlan,
    bool,
    str,
    tuple[float, float, float, float, int] | None,
    tuple[float, float, float],
    list[str],
    str,
    bool,
]

@type_check_only
class _BuildInfo(TypedDict):
    version: str
    profile: str
    pyo3: str
    abi: str

def panic_once(stage: str, /) -> None:
    """Make a stage of the engine panic when it is entered next: a hook for tests. Raises ValueError."""

def build_info() -> _BuildInfo:
    """Return how this module was built.

    ``version`` of the crate (the program's), cargo ``profile`` (``release`` in wheels, ``dev-release`` or
    ``debug`` from a checkout), version of ``pyo3``, and the Python ``abi`` it needs.
    """

@final
class Body:
    """A request's body that stays outside Python until ``bytes()`` asks for it; equal to the same bytes.

    Our own server makes them for an app that says so, `translate_request` makes one of another. The document
    in it is read once, by whoever needs it first.
    """

    def __new__(cls, content: bytes, /) -> Body: ...
    def __len__(self) -> int: ...
    def __bytes__(self) -> bytes: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

    __hash__: ClassVar[None]  # type: ignore[assignment]

def count_text(text: str, encoding: str, /) -> int:
    """Return the number of BPE tokens of `text`.

    Encodings are ``o200k_base``, ``cl100k_base``, ``p50k_base``, ``p50k_edit`` and ``r50k_base``; any other
    name means ``o200k_base``. Text of special tokens counts as ordinary text. Takes linear time; only a word
    without a place to split takes n log n. The interpreter lock is released meanwhile.

    Raises UnicodeEncodeError when the text holds a lone surrogate.

    >>> count_text("Hello, world!", "o200k_base")
    4
    """

def count_chat(body: RequestBody, encoding: str, model: str, /) -> tuple[int, int]:
    """Return the tokens of a request in chat format (UTF-8 JSON): of its input and of its output messages.

    By the rules of compat.md 5.2 to 5.4, pictures by D-T28; `model` chooses the constants of 5.2. The
    interpreter lock is released meanwhile.

    Raises :class:`copilot_api.engine.interfaces.InvalidRequest` when the body is no JSON object with a list
    ``messages`` of objects.
    """

def inspect_request(
    body: RequestBody, dialect: str, /
) -> tuple[str, bool, bool, bool, str, int, int, Literal["absent", "null", "set"], bool, bool, bool, str]:
    """Return what :class:`copilot_api.engine.interfaces.RequestFacts` holds of a request.

    In order: model, stream, vision, whether the initiator is ``agent``, why, number of messages, of tools,
    state of ``max_tokens``, whether there is a ``max_completion_tokens``, whether a tool's name begins with
    ``mcp__``, whether reasoning is asked for, what the client calls its conversation.
    Dialects are those of ``DIALECTS`` in :mod:`copilot_api.engine.native.stateless`. No tree of the body is
    built, and the interpreter lock is released meanwhile.

    Raises :class:`copilot_api.engine.interfaces.InvalidRequest`, and ValueError for another dialect.
    """

@final
class RequestPlan:
    """How request bodies are to be written, read once for many requests.

    The arguments are the fields of :class:`copilot_api.engine.interfaces.RequestPlan` in their order. Raises
    ValueError for names of no dialect or leg.
    """

    def __new__(
        cls,
        dialect: str,
        leg: str,
        model: str | None,
        output_cap: int | None,
        cap_field: str,
        target: str,
        stream: bool | None,
        traits: _Traits | None,
        dropped: Sequence[str],
        without_reasoning: bool,
        betas: Sequence[str],
        cache_breakpoints: bool,
        /,
    ) -> RequestPlan: ...

def translate_request(body: RequestBody, plan: RequestPlan, /) -> tuple[RequestBody, list[str], bytes]:
    """Return the body for upstream, the changes made, and what the answer must know of the request.

    `body` itself is returned when nothing changed, else another of its kind. Raises
    :class:`copilot_api.engine.interfaces.InvalidRequest`, and ValueError for a pair that is not translated.
    """

def translate_answer(
    body: bytes, dialect: str, leg: str, reasoning: bool, model: str, context: bytes, now: int, /
) -> tuple[bytes, _Usage | None, str | None, str | None]:
    """Return the body for the client, the usage, the finish reason and the model; see ``TranslatedAnswer``.

    Raises :class:`copilot_api.engine.interfaces.UnusableAnswer`, and ValueError for a pair that is not
    translated.
    """

def answer_as_stream(body: bytes, plan: _PlanOfStream, /) -> bytes:
    """Return a whole stream for a JSON answer. Raises ``UnusableAnswer``, and ValueError as above."""

@final
class StreamTranslator:
    """One stream's translator; see :class:`copilot_api.engine.interfaces.StreamTranslator`."""

    def __new__(cls, plan: _PlanOfStream, /) -> StreamTranslator: ...
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
        _Usage | None,
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

def cache_key(body: RequestBody, dialect: str, scope: list[str], /) -> bytes | None:
    """Return the key of a request; see :meth:`copilot_api.engine.cache_interfaces.ResponseCache.key`.

    The interpreter lock is released meanwhile.
    """

@final
class Chain:
    """The hashes of one request, made by :meth:`Prefixes.chain`."""

@final
class Prefixes:
    """Remembers the last requests of conversations, by hashes.

    See :class:`copilot_api.engine.prefix_interfaces.Prefixes`.
    """

    def __new__(cls) -> Prefixes: ...
    @staticmethod
    def chain(body: RequestBody, dialect: str, /) -> Chain | None:
        """Return the hashes of a request; None where none are made."""

    def turn(
        self, session: str, named: bool, model: str, chain: Chain, tokens: int, at: float, /
    ) -> tuple[str, Change, int, float, bool, bool, bool] | None:
        """Take a request that was answered; return the fields of ``Turn``, None where it begins one."""

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

    def tried(self, monotonic: float, /) -> None:
        """Note that an exchange ended, well or not."""

    def pause(self, monotonic: float, /) -> float:
        """Return the seconds that the next exchange must wait."""

    def forget(self) -> None:
        """Note that upstream refused the token."""

@final
class Runtime:
    """The threads that move bytes, and the inbox by which they reach one event loop.

    Made on the loop's thread and used there only. The loop watches :meth:`fileno` and calls :meth:`drain`.
    What waits is a pair: a ticket for :meth:`cancel`, and a future of the loop.
    """

    def __new__(cls, event_loop: AbstractEventLoop, workers: int, /) -> Runtime: ...
    def fileno(self) -> int:
        """Return the descriptor that is readable while there is something to drain."""

    def drain(self) -> None:
        """Complete the futures whose results have come."""

    def cancel(self, ticket: int, /) -> None:
        """Drop what was asked for, with the connection it holds. Late and unknown tickets are ignored."""

    def close(self) -> None:
        """Stop the threads, within a second. What waits is dropped. Idempotent."""

@final
class Headers:
    """Header fields that many calls have in common.

    Raises :class:`~copilot_api.engine.interfaces.ConnectFailed` for what HTTP cannot express.
    """

    def __new__(cls, fields: Sequence[tuple[str, str]], /) -> Headers: ...

@final
class Client:
    """Pooled HTTP; see :class:`copilot_api.engine.client_interfaces.Client`.

    `environ` is asked for proxies and certificates; `header_limit` is in bytes.
    """

    def __new__(
        cls, proxy_from_env: bool, max_connections: int, header_limit: int, environ: dict[str, str], /
    ) -> Client: ...
    def request(
        self,
        runtime: Runtime,
        method: str,
        url: str,
        headers: Headers,
        own: Sequence[tuple[str, str]],
        body: RequestBody | None,
        timeouts: tuple[float, float, float],
        ahead: str,
        patience: float,
        /,
    ) -> tuple[int, Future[Upstream]]:
        """Send one call. `timeouts` are seconds: connect, first byte, idle.

        The future raises an :class:`~copilot_api.engine.interfaces.UpstreamError`.
        """

@final
class Upstream:
    """The answer of one call; its body is taken once, by `whole`, `read`, `relay` or `stream`."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case; repeated ones joined with a comma."""

    def whole(self, limit: int, /) -> bytes | None:
        """Return the body if all of it came ahead. Raises what reading it raised."""

    def read(self, runtime: Runtime, limit: int, /) -> tuple[int, Future[bytes]]:
        """Read the body, of `limit` bytes at most."""

    def relay(
        self,
        runtime: Runtime,
        plan: _PlanOfStream,
        limits: tuple[float, float, float],
        capture: int = 0,
        /,
    ) -> Relay:
        """Return a relay. `limits` are seconds: keep-alive interval, idle, content; 0 is off.

        `capture` bytes of each side are kept for :meth:`Relay.captured`.
        """

    def stream(self, runtime: Runtime, /) -> Stream:
        """Return the body as it comes."""

    def close(self) -> None:
        """Close the connection. Idempotent."""

@final
class Relay:
    """One streamed answer on its way; see :class:`copilot_api.engine.client_interfaces.Relay`."""

    def judge(self) -> tuple[int, Future[None]] | None:
        """Judge the first frame: None when that is done, else what to wait for.

        Both raise :class:`~copilot_api.engine.interfaces.StreamRefused`.
        """

    def take(self) -> bytes | None:
        """Return bytes for the client, ``b""`` at the end, None when there are none yet."""

    def wait(self) -> tuple[int, Future[None]]:
        """Wait until :meth:`take` has something."""

    def captured(self) -> tuple[bytes, bytes] | None:
        """Return what upstream sent and what the client was sent, once it is over and where it was kept."""

    def progress(self) -> tuple[int, int, float]:
        """Return frames of the answer, bytes for the client, milliseconds without a frame."""

    @property
    def summary(self) -> _Summary | None:
        """Return how it ended, None while it runs.

        Outcome, facts, bytes in, bytes out, milliseconds to the first byte and in all, seconds in the
        translator, chunks it took, whether it panicked.
        """

    def cancel(self, outcome: str, /) -> None:
        """End the stream soon, as ``cancelled`` or ``shutdown``, with an in-band error."""

    def close(self) -> None:
        """Throw it away; the upstream connection closes. Idempotent."""

@final
class Stream:
    """A body as it comes."""

    def take(self) -> bytes | None:
        """Return bytes, ``b""`` at the end, None when there are none yet. Raises an `UpstreamError`."""

    def wait(self) -> tuple[int, Future[None]]:
        """Wait until :meth:`take` has something."""

    def close(self) -> None:
        """Close the connection. Idempotent."""

@final
class Exchange:
    """One request and its response, as an ASGI app sees them."""

    def receive(self) -> Awaitable[dict[str, Any]]:
        """ASGI's `receive`: the whole body in one message, then ``http.disconnect`` when it comes to that.

        The body is a :class:`Body` where the options of the server say so.
        """

    def send(self, message: dict[str, Any], /) -> Awaitable[None]:
        """ASGI's `send`, and ``copilot_api.response.relay``, which waits until the relay is over.

        Raises :class:`RuntimeError` for a message out of turn, :class:`ConnectionResetError` when the client
        is gone.
        """

    @property
    def client_gone(self) -> bool:
        """Whether the client went away before the response was whole."""

    def finish(self) -> None:
        """The app is done: what it has not sent whole the client sees as a 500, or cut."""

@final
class Server:
    """Hosts an ASGI app; one for a :class:`Runtime`. Serves from the moment it is made.

    `start` runs the app on a scope and an exchange and returns the task. `denied` is told of method, path,
    status and reason of what the guard refuses, of one request a second at the most. The descriptors are
    owned by the server from now on. `options` are those of
    :class:`copilot_api.engine.server_interfaces.ServerOptions` without TLS and guard, in order, `guard` those
    of :class:`copilot_api.engine.server_interfaces.AccessGuard`; `tls` is a PEM chain and a PEM key.
    Requests are carried by the decisions of `standing`.
    """

    def __new__(
        cls,
        runtime: Runtime,
        start: Callable[[dict[str, Any], Exchange], Task[None]],
        denied: Callable[[str, str, int, str], None],
        descriptors: list[int],
        options: tuple[int, float, int, int, float, float, float, bool, bool],
        guard: tuple[list[str], list[str], tuple[str, str] | None, bool, bool] | None,
        tls: tuple[bytes, bytes] | None,
        asgi: dict[str, str],
        extensions: dict[str, dict[str, Any]],
        state: dict[str, Any] | None,
        standing: Standing | None,
        /,
    ) -> Server: ...
    def stop_accepting(self) -> None:
        """Close the listeners and idle connections."""

    def judge_by(
        self, guard: tuple[list[str], list[str], tuple[str, str] | None, bool, bool] | None, /
    ) -> None:
        """Judge requests by another guard from now on."""

    def drained(self) -> tuple[int, Future[None]]:
        """Wait until no connection is left."""

    def close(self) -> None:
        """Cut all connections. Idempotent."""

    @property
    def stats(self) -> tuple[int, int, int, int, int, int, int, int, int, int, int]:
        """Return connections now, and since the start: connections, requests, requests that the server
        answered itself, requests whose client went away, answers that the app broke off, pauses of accepting;
        of those that the server answered itself the ones that the guard refused for their host, their origin
        and their user; connections whose owner the system was asked for.
        """

@final
class Errand:
    """A request whose kind can be decided about; in its scope as ``copilot_api.standing``.

    See :class:`copilot_api.engine.standing_interfaces.Errand`.
    """

    @property
    def id(self) -> str | None: ...
    @property
    def tag(self) -> Any: ...
    def take_place(self) -> bool: ...
    def reply(self) -> Upstream | Literal["none", "stopped", "panicked"]:
        """Return, once, what came of a call that was made already. Raises an ``UpstreamError``."""

    def install(self, given: _Decision, counted: bool, until: float, tag: object, /) -> bool:
        """Let a decision stand for this request's kind, unless something changed since the request came.

        `given` are URL, headers of all calls, own ones, how the body is written, whether reasoning is sent
        on, the model, how a stream is relayed (keep-alive, idle, content, patience, limit of a frame),
        timeouts (connect, first byte, idle), changes and their header, whether loss is refused.
        """

@final
class Standing:
    """The decisions that stand; see :class:`copilot_api.engine.standing_interfaces.Standing`.

    `routes` are paths and their dialects, `monotonic` is what Python's clock shows. `listeners` are told of
    records, of a place that is to be given back, and of a panic. A record is a tuple of event, tag, id,
    upstream's id, Unix seconds, milliseconds to the first byte and in all, bytes in and out, usage, user
    agent, reason, changes, their header, body, seconds that upstream took, and the summary of a
    stream. With them come the numbers of requests that were looked at and of translations, and the seconds of
    all these and of the longest.
    """

    def __new__(
        cls,
        runtime: Runtime,
        client: Client,
        clock: TokenClock,
        places: Concurrency,
        routes: list[tuple[str, str]],
        monotonic: float,
        listeners: tuple[
            Callable[[list[tuple[Any, ...]], int, int, float, float], None],
            Callable[[], None],
            Callable[[], None],
        ],
        /,
    ) -> Standing: ...
    def open(self, is_open: bool, /) -> None: ...
    def clear(self) -> None: ...
    def stop(self) -> None: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...
    @property
    def counts(self) -> tuple[int, int, int]: ...
    @property
    def outstanding(self) -> int: ...
    def running(self) -> list[tuple[int, Any, bytes | None, float, int, int, float]]:
        """Return number, tag, user agent, seconds since the request came, events, bytes, milliseconds without
        a frame."""
