"""The contracts of the engine's components. Start reading here.

A component is a Protocol below with two implementations: `copilot_api.engine.reference` (Python, the
specification) and `copilot_api._native` (Rust). `copilot_api.engine.flags` chooses between them.

Further contracts: :mod:`~copilot_api.engine.client_interfaces` (calls and relays),
:mod:`~copilot_api.engine.server_interfaces`, :mod:`~copilot_api.engine.cache_interfaces` and
:mod:`~copilot_api.engine.standing_interfaces`;
:mod:`~copilot_api.engine.components` is what the gateway gets. Three rules hold for all components:

- Bodies cross this border as bytes, never as trees: what an implementation builds inside is its own.
- Decisions (retry, re-route, status to answer) are made by the gateway, once, for both implementations.
- Exceptions are the closed set of this module. Anything else that leaves a component is a bug of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

from copilot_api.records import record
from copilot_api.redaction import Secret

Dialect = Literal["chat", "messages", "responses", "gemini", "ollama", "completions", "embeddings"]
"""The wire format a client speaks."""

Leg = Literal["chat", "responses", "messages", "embeddings"]
"""One of Copilot's upstream endpoints."""

Initiator = Literal["user", "agent"]


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
    session: str = ""
    """What the client calls its conversation in the body (clients.md); empty when it does not say.

    A name that a program made up is kept (a UUID, ``ses_…``), of any other ``#`` and a hash: it may be a
    person's. A ``user_id`` is no session, except for what Claude Code puts there.
    """


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
    capture: int = 0
    """Bytes of each side that the relay keeps for :meth:`Relay.captured`; a translator has no use for it."""


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
