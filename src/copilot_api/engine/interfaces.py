"""The contracts of the engine's components. Start reading here.

A component is a Protocol below with two implementations: `copilot_api.engine.reference` (Python, the
specification) and `copilot_api._native` (Rust). `copilot_api.engine.flags` chooses between them.

The cache's contract is in :mod:`~copilot_api.engine.cache_interfaces`. Three rules hold for all components:

- Bodies cross this border as bytes, never as trees: what an implementation builds inside is its own.
- Decisions (retry, re-route, status to answer) are made by the gateway, once, for both implementations.
- Exceptions are the closed set of this module. Anything else that leaves a component is a bug of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Literal, Protocol

from copilot_api.engine.cache_interfaces import CacheOptions, Freshness, ResponseCache
from copilot_api.records import field, record
from copilot_api.redaction import Secret

Dialect = Literal["chat", "messages", "responses", "gemini", "ollama", "completions", "embeddings"]
"""The wire format a client speaks."""

Leg = Literal["chat", "responses", "messages", "embeddings"]
"""One of Copilot's upstream endpoints."""

Initiator = Literal["user", "agent"]

Outcome = Literal["completed", "client_gone", "upstream_failed", "deadline", "cancelled", "shutdown"]


# ---------------------------------------------------------------------------------------------- errors


class EngineError(Exception):
    """Base of everything a component raises on purpose."""


class InvalidRequest(EngineError):
    """The client's body cannot be accepted. `path` names the member, as in ``messages[3].content``."""

    def __init__(self, message: str, path: str = "", status: int = 400) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.status = status


class UnusableAnswer(EngineError):
    """Upstream said 200 but its body is not an answer (HTML, empty, no choices): 502 to the client."""


class UpstreamError(EngineError):
    """No answer came. `sent` tells whether the request may have reached the model (and been billed)."""

    status = 502
    sent = True


class ConnectFailed(UpstreamError):
    """No connection, or it broke before a byte of the request was written: safe to repeat (R-38)."""

    sent = False


class ConnectTimeout(ConnectFailed):
    """No connection within the connect timeout."""

    status = 504


class FirstByteTimeout(UpstreamError):
    """The request was written and no response header came in time (R-30)."""

    status = 504


class ConnectionLost(UpstreamError):
    """The connection ended after the request was written and before its answer was whole: no repeat."""


class IdleTimeout(UpstreamError):
    """Nothing came within the idle limit while a body was read (R-29)."""

    status = 504


class AnswerTooLarge(UpstreamError):
    """The body, or one frame of it, is over its limit."""


class StreamRefused(EngineError):
    """The first frame of a 200 stream was an error, or there was none: answer with a status instead.

    `body` is the upstream's error object as JSON text, or empty when the stream ended without a frame.
    """

    def __init__(self, message: str, body: bytes = b"", status: int = 502) -> None:
        super().__init__(message)
        self.body = body
        self.status = status


class TokenUnavailable(EngineError):
    """There is no valid Copilot token. `retry_after` is in seconds; `permanent` means: sign in again."""

    def __init__(self, message: str, *, retry_after: float = 5.0, permanent: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.permanent = permanent


class RateLimited(EngineError):
    """The limiter refuses now; a slot is free in `wait` seconds (rounded up)."""

    def __init__(self, wait: int) -> None:
        super().__init__("Rate limit exceeded")
        self.wait = wait


class NoPlace(EngineError):
    """All places are taken, and so is the queue, or a place did not become free in time (R-60)."""


# ---------------------------------------------------------------------------------------------- bodies


class RequestBody(Protocol):
    """The body of a request: ``bytes``, or the native engine's, which is not copied into Python.

    What the native components make of one they take again; who needs bytes calls ``bytes(body)``, which costs
    nothing where they are.
    """

    def __len__(self) -> int:
        """Return the number of bytes."""

    def __bytes__(self) -> bytes:
        """Return the bytes."""


# ------------------------------------------------------------------------------------------- tokenizer


@record
class TokenCount:
    """Tokens of a chat request: `input` of all messages but the assistant's, `output` of those."""

    input: int
    output: int


class Tokenizer(Protocol):
    """Counts BPE tokens. Text of special tokens counts as ordinary text (compat.md D-T27).

    Encodings: ``o200k_base``, ``cl100k_base``, ``p50k_base``, ``p50k_edit``, ``r50k_base``; any other name
    means ``o200k_base`` (compat.md 5.1). Time is linear in the text, also without spaces.
    """

    def count_text(self, text: str, encoding: str) -> int:
        """Return the number of tokens of `text`."""

    def count_chat(self, body: RequestBody, encoding: str, model: str) -> TokenCount:
        """Count a request in chat format by the rules of compat.md 5.2 to 5.4 (pictures by D-T28).

        `model` chooses the constants of 5.2. Raises :class:`InvalidRequest` when `body` is not a chat
        request.
        """


# ------------------------------------------------------------------------------------------ validation


@record
class RequestFacts:
    """What the gateway must know of a body to decide; read without keeping a tree of it."""

    dialect: Dialect
    size: int
    """Bytes of the body."""
    model: str = ""
    stream: bool = False
    vision: bool = False
    """A picture is somewhere in the request, tool results included (upstream.md 2.3)."""
    initiator: Initiator = "user"
    initiator_reason: str = ""
    """Why, in words for the log: ``last message is a tool result``."""
    messages: int = 0
    tools: int = 0
    output_cap: Literal["absent", "null", "set"] = "absent"
    """State of ``max_tokens``."""
    has_max_completion_tokens: bool = False
    has_mcp_tool: bool = False
    """Some tool's name begins with ``mcp__`` (compat.md 5.5)."""
    reasoning: bool = False
    """The client asks for reasoning, by whatever its dialect has for it."""


class Validation(Protocol):
    """Reads the facts out of a body, or says what is wrong with it."""

    def inspect(self, body: RequestBody, dialect: Dialect) -> RequestFacts:
        """Return the facts. Raises :class:`InvalidRequest` naming the member (D-H1, D-H2, R-17).

        JSON is read strictly: UTF-8 only, no NaN or Infinity, one document, nesting at most 128.
        """


# ------------------------------------------------------------------------- translation and streaming


@record
class Usage:
    """Token usage of one answer, in the chat leg's sense: `input_tokens` includes the cached ones."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    total_nano_aiu: int | None = None
    """The billed amount (``copilot_usage.total_nano_aiu``); None when upstream did not say."""


@record
class ModelTraits:
    """What the model list says of a model (upstream.md 3.1); None where it says nothing."""

    max_output_tokens: int | None = None
    max_prompt_tokens: int | None = None
    reasoning_effort: tuple[str, ...] | None = None
    """The efforts it takes."""
    adaptive_thinking: bool = False
    min_thinking_budget: int | None = None
    max_thinking_budget: int | None = None
    vision: bool = False
    structured_outputs: bool = False
    tool_calls: bool = False
    parallel_tool_calls: bool = False


@record
class RequestPlan:
    """How one request body is to be written for upstream."""

    dialect: Dialect
    leg: Leg
    model: str | None = None
    """The model name to write; None keeps the client's."""
    output_cap: int | None = None
    """Value of ``max_tokens`` where the client gave none or null; None removes a null (compat.md 3.4)."""
    cap_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The name upstream wants for the cap; a `max_tokens` of the client is renamed (D-H15)."""
    target: str = ""
    """The model name that upstream will see, whoever wrote it: reasoning carriers are bound to it."""
    stream: bool | None = None
    """Value of ``stream`` to write, for dialects that say it elsewhere; None keeps the client's."""
    traits: ModelTraits | None = None
    """None for a model that is not listed: then nothing is clamped or left out because of it."""
    dropped: tuple[str, ...] = ()
    """Members that this model is known to refuse, by their upstream names, dotted below the top level."""
    without_reasoning: bool = False
    """Send no reasoning back: upstream refused what was sent (upstream.md 6.4, 5.2)."""
    betas: tuple[str, ...] = ()
    """Values of ``anthropic-beta`` that go upstream with this request (upstream.md 6.3)."""
    cache_breakpoints: bool = False
    """Mark where a prompt cache may begin, for clients that cannot (Claude over a foreign dialect)."""


@record
class TranslatedRequest:
    """A body for upstream and the list of changes made, each a short sentence. Never silent."""

    body: RequestBody
    rewrites: tuple[str, ...] = ()
    context: bytes = b""
    """What the answer's translation must know of the request; opaque, of the implementation that made it or
    of its twin. Empty when it needs nothing."""


@record
class AnswerPlan:
    """How a whole answer is to be written for the client."""

    dialect: Dialect
    leg: Leg
    reasoning: bool = False
    """Send upstream's reasoning as thinking blocks (D-T24, off by default)."""
    model: str = ""
    """The model name that upstream saw: reasoning carriers are bound to it."""
    context: bytes = b""
    """See :class:`TranslatedRequest`."""
    now: int = 0
    """Unix seconds, told to clients where upstream does not say when it answered; 0 is unknown."""


@record
class TranslatedAnswer:
    """A body for the client, and what the ledger wants to know of it."""

    body: bytes
    usage: Usage | None
    finish_reason: str | None
    model: str | None = None


Framing = Literal["sse", "array", "lines"]
"""How a stream's pieces are put on the wire: server-sent events, one JSON array (Gemini without ``alt=sse``),
or a line each (Ollama)."""


@record
class StreamPlan:
    """How a streamed answer is to be written for the client. Made per request, compiled once."""

    dialect: Dialect
    leg: Leg
    input_tokens: int = 0
    """Estimate for ``message_start`` (D-T20)."""
    reasoning: bool = False
    keepalive_interval: float = 15.0
    """Seconds of silence after which the client gets a keep-alive frame; 0 is off (R-31)."""
    idle_timeout: float = 120.0
    """Seconds without upstream bytes that end the stream (R-29); 0 is off."""
    content_timeout: float = 300.0
    """The same without content, comments alone do not count (R-31); 0 is off."""
    frame_limit: int = 16 * 1024 * 1024
    """Bytes of one frame (R-24)."""
    model: str = ""
    """The model name that upstream saw: reasoning carriers are bound to it."""
    context: bytes = b""
    """See :class:`TranslatedRequest`."""
    framing: Framing = "sse"
    now: int = 0
    """Unix seconds, told to clients where upstream does not say when it answered; 0 is unknown."""


StreamEnd = Literal["end", "cut", "idle", "too_large", "shutdown", "cancelled"]
"""Why a stream is over: a clean end, or one of the failures."""


@record
class StreamFacts:
    """What a translator has seen so far."""

    events: int = 0
    model: str | None = None
    response_id: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    error: str | None = None
    """Message of an in-band error, upstream's or ours."""


class StreamTranslator(Protocol):
    """A pure state machine: no I/O, no clock. Any split of the input gives the same output.

    While nothing has been written, an upstream error is not written either: it is kept in `refusal`, so
    that the client can get a status (R-27).
    """

    @property
    def done(self) -> bool:
        """The end mark or an error was written, or `refusal` is set; nothing may follow."""

    @property
    def refusal(self) -> StreamRefused | None:
        """Set when the stream failed before a byte was written."""

    @property
    def facts(self) -> StreamFacts:
        """What was seen so far."""

    def feed(self, data: bytes) -> bytes:
        """Take upstream bytes, return bytes for the client (maybe none)."""

    def finish(self, end: StreamEnd, message: str = "") -> bytes:
        """The upstream body is over. Return what completes the client's stream.

        A clean end after a finish reason gives the end mark (R-25); everything else gives one in-band
        error in the dialect and no end mark (R-26).
        """

    def keep_alive(self) -> bytes:
        """Return a frame that clients of the dialect ignore, legal at this point of the stream."""


class Translation(Protocol):
    """Rewrites requests, whole answers and streams between a dialect and a leg."""

    def request(self, body: RequestBody, plan: RequestPlan) -> TranslatedRequest:
        """Return the body for upstream.

        Same dialect and leg: only the members the plan names are touched, every other byte stays.
        Raises :class:`InvalidRequest` for what cannot be expressed upstream.
        """

    def answer(self, body: bytes, plan: AnswerPlan) -> TranslatedAnswer:
        """Return the body for the client. Raises :class:`UnusableAnswer` (D-H6, R-36)."""

    def answer_as_stream(self, body: bytes, plan: StreamPlan) -> bytes:
        """Return a whole stream for a JSON answer where the client asked for a stream (D-H7)."""

    def stream(self, plan: StreamPlan) -> StreamTranslator:
        """Return a fresh translator."""


# ---------------------------------------------------------------------------------- client and relay


@record
class Timeouts:
    """Seconds. `first_byte` counts from the written request to the response's header section."""

    connect: float = 10.0
    first_byte: float = 300.0
    idle: float = 120.0


@record
class UpstreamCall:
    """One HTTP request to GitHub or Copilot."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: RequestBody | None = field(default=None, repr=False)
    timeouts: Timeouts = Timeouts()
    ahead: Literal["head", "first", "whole"] = "head"
    """How much of the answer the call may wait for, so that its caller is woken once: the header section, a
    stream's first bytes too, or the whole body. A hint: an implementation may return earlier."""
    patience: float = 15.0
    """Seconds that ``first`` waits at most; 0 is no limit."""
    own: tuple[tuple[str, str], ...] = ()
    """Headers of this call alone. `headers` may be one object for many calls: what an implementation makes of
    it can be kept."""


@record
class RelaySummary:
    """The end of one relay: what the log, the ledger and the metrics get."""

    outcome: Outcome
    facts: StreamFacts
    bytes_in: int
    bytes_out: int
    first_byte_ms: float | None
    duration_ms: float


class Relay(Protocol):
    """Moves one streamed body to the client. Single use; dropping it closes the upstream connection."""

    @property
    def native(self) -> object | None:
        """What our own server takes over instead of iterating; None for a relay in Python."""

    @property
    def summary(self) -> RelaySummary | None:
        """Set when the relay is over."""

    async def first(self) -> None:
        """Wait until the first frame is judged, one keep-alive interval at most.

        After that the client gets its status and a keep-alive frame: a later failure is in-band. Raises
        :class:`StreamRefused`, so that a failing stream becomes a status (R-27).
        """

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over bytes for the client. Failures of the stream do not raise: they are in-band."""

    def cancel(self, outcome: Literal["cancelled", "shutdown"]) -> None:
        """End the stream soon, with an in-band error in the client's dialect."""

    async def aclose(self) -> None:
        """Close the upstream connection now. Idempotent."""


class Upstream(Protocol):
    """The answer of one call, once its status and headers are there."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Response headers, names in lower case."""

    async def read(self, limit: int) -> bytes:
        """Return the whole body. Raises :class:`UpstreamError` (cut, silent, over `limit` bytes)."""

    def relay(self, plan: StreamPlan) -> Relay:
        """Consume the body as a stream."""

    async def aclose(self) -> None:
        """Close the connection, or return it to the pool when the body was read. Idempotent."""


class Client(Protocol):
    """Pooled HTTP to upstream: TLS verified, redirects never followed, proxies as configured."""

    async def request(self, call: UpstreamCall) -> Upstream:
        """Send. Raises :class:`UpstreamError`. Cancelling the call closes the connection."""

    async def aclose(self) -> None:
        """Close the pool."""


# --------------------------------------------------------------------------------- token and limiter


@record
class TokenGrant:
    """One answer of the token exchange (upstream.md 1.3), times as GitHub sent them."""

    token: Secret
    refresh_in: float | None = None
    """Seconds; None when absent or not a number."""
    expires_at: float | None = None
    """Unix seconds."""
    api_url: str | None = None
    """``endpoints.api``: the Copilot host of this account."""


class TokenRefused(EngineError):
    """GitHub refused the exchange for good (401, 403, 404): the user must act. The text says how."""


TokenFetch = Callable[[], Awaitable[TokenGrant]]
"""Does one exchange. Raises :class:`TokenRefused`, or any :class:`EngineError` that may pass."""


class TokenManager(Protocol):
    """Keeps one Copilot token: single-flight, renewed early, never down while the old one lives."""

    async def get(self) -> TokenGrant:
        """Return a token that is valid now. Raises :class:`TokenUnavailable` after 5 s at most."""

    def reject(self, grant: TokenGrant) -> None:
        """Upstream said 401 to this token: the next :meth:`get` renews, unless that happened already."""

    async def aclose(self) -> None:
        """Stop renewing."""


class Admission(Protocol):
    """One admitted request."""

    def withdraw(self) -> None:
        """The request was not sent after all: give the slot back if nobody was admitted since."""


class Limiter(Protocol):
    """Minimum interval between requests that are sent (compat.md 3.9, cured by D-H19). FIFO.

    With a burst above 1 it is a token bucket: after a pause so many requests may come at once.
    """

    async def admit(self) -> Admission:
        """Admit now, or wait for a slot when told to wait. Raises :class:`RateLimited` otherwise.

        Cancelling a waiter frees its place at once.
        """


class Concurrency(Protocol):
    """So many requests in flight, and a queue of those that wait for a place. FIFO."""

    @property
    def in_flight(self) -> int:
        """Places that are taken now."""

    @property
    def waiting(self) -> int:
        """Requests that wait now."""

    def try_enter(self) -> bool:
        """Take a place if there is one; tell whether it was taken."""

    async def wait(self) -> None:
        """Wait for a place, after :meth:`try_enter` found none. Raises :class:`NoPlace`.

        Cancelling a waiter frees its turn at once.
        """

    def leave(self) -> None:
        """Give a place back; it passes to the first waiter."""


# -------------------------------------------------------------------------------------------- server

RELAY_EXTENSION = "copilot_api.response.relay"
"""ASGI extension of our own server, and the type of its message: ``{"type": …, "relay": native}`` once, after
``http.response.start``, in place of all bodies. `send` returns when the relay is over."""

CANCEL_EXTENSION = "copilot_api.cancel_on_disconnect"
"""ASGI extension of our own server: it cancels the request's task when the client goes away."""

BODY_EXTENSION = "copilot_api.request.body"
"""ASGI extension of our own server: the body in ``http.request`` is a :class:`RequestBody`."""


@record
class ServerOptions:
    """Limits of our own server. Times are seconds, sizes bytes (reliability.md 2)."""

    max_connections: int = 1024
    header_timeout: float = 10.0
    header_limit: int = 64 * 1024
    body_limit: int = 32 * 1024 * 1024
    body_stall: float = 30.0
    keep_alive: float = 75.0
    write_stall: float = 60.0
    cancel_on_disconnect: bool = False
    """Cancel a request's task when its client goes away, and say so by :data:`CANCEL_EXTENSION`."""
    native_bodies: bool = False
    """Give the app the bodies of requests as a :class:`RequestBody`, and say so by :data:`BODY_EXTENSION`."""
    tls_certificate: str | None = None
    """PEM file with the chain."""
    tls_key: str | None = None


class Server(Protocol):
    """Serves an ASGI app on sockets from the moment it is made."""

    def stop_accepting(self) -> None:
        """Close the listeners and idle connections; requests in flight go on."""

    async def drained(self) -> None:
        """Wait until no connection is left."""

    async def aclose(self) -> None:
        """Cut what is left and stop."""


# -------------------------------------------------------------------------------------------- engine


@record
class ComponentState:
    """Which implementation of a component runs, and why."""

    name: str
    implementation: Literal["native", "reference", "share", "shadow"]
    """``share``: native for some requests; ``shadow``: both run, the reference answers."""
    reason: str
    """``default``, the flag, ``native module missing`` or ``rolled back: …``."""


@record
class ComponentReport:
    """What was seen of a component since the start."""

    state: ComponentState
    differences: int
    """Calls or streams of the shadow mode in which the two implementations differed."""
    failures: int
    """Panics and broken contracts of the native implementation."""
    timings: Mapping[str, tuple[int, float, float]]
    """By implementation: calls, seconds in all, seconds of the longest call."""


@record
class Engine:
    """The chosen implementations of the stateless components and the makers of the others."""

    tokenizer: Tokenizer
    validation: Validation
    translation: Translation
    make_client: Callable[[ClientOptions], Client]
    make_token_manager: Callable[[TokenFetch], TokenManager]
    make_limiter: Callable[[float | None, bool, int], Limiter]
    """``(seconds between requests or None, wait instead of refusing, burst)``."""
    make_concurrency: Callable[[int, int, float], Concurrency]
    """``(places, requests that may wait, seconds that they wait)``."""
    make_cache: Callable[[CacheOptions, Callable[[], None]], ResponseCache]
    """``(options, called when all entries and tickets were lost)``."""
    make_freshness: Callable[[float, float], Freshness]
    """``(seconds a list is fresh, seconds until a failed refresh is tried again)``."""
    server: Literal["native", "uvicorn"]
    """Which server hosts the app."""
    states: Callable[[], tuple[ComponentState, ...]]
    reports: Callable[[], tuple[ComponentReport, ...]]
    shares: bool = False
    """Some component runs for a share of the requests, so that each request has to draw."""


@record
class ClientOptions:
    """Options of the upstream client."""

    proxy_from_env: bool = False
    """Follow the proxy variables of compat.md 2.8."""
    max_connections: int = 512
    header_limit: int = 256 * 1024
