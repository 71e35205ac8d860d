"""The small model between the formats: a conversation going in, events or a whole answer coming out.

Values that a format only passes on (temperature, schemas, ids) stay raw JSON values as
:mod:`~copilot_api.engine.reference.jsontext` reads them, ill-typed ones included: nothing is lost. Members
are named as in chat wherever chat has a name for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from copilot_api.engine.interfaces import Usage


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A piece of the model's reasoning that a client sends back.

    `carrier` is the opaque value as the client sent it, tagged or not (:mod:`.carriers`). `redacted`: there
    is no text, and there never was one.
    """

    text: str
    carrier: str = ""
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """A picture by URL; inline ones are data URLs. `detail` is OpenAI's word for its resolution."""

    url: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """A document that is no text: base64 `data` of `media_type`, as a rule ``application/pdf``."""

    data: str
    media_type: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the assistant made.

    `arguments` is JSON text; the raw text of a freeform tool when `custom` is set (upstream.md 5.2).
    `namespace` is Codex's (clients.md 1).
    """

    id: str
    name: str
    arguments: str
    custom: bool = False
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave back: `content` is text, pictures and files in order.

    `call_id` may be empty where the dialect has no ids; then `name` and the order tell the call.
    """

    call_id: str
    content: tuple[Text | Image | File, ...]
    is_error: bool = False
    custom: bool = False
    name: str = ""


Block = Text | Reasoning | Image | File | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. `plain`: its content was one string, or null when there are no blocks.

    `cache` is a ``cache_control`` value at the end of the message, None when there is none.
    """

    role: Literal["system", "user", "assistant"]
    blocks: tuple[Block, ...]
    plain: bool = False
    cache: Any = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A function offered to the model: the members that came, by their chat names.

    `custom` is a freeform tool: `members` then holds ``name``, ``description`` and ``format``.
    """

    members: dict[str, Any]
    custom: bool = False
    namespace: str = ""
    cache: Any = None


@dataclass(frozen=True, slots=True)
class Thinking:
    """How much the client wants the model to reason; at most one of the three is asked for.

    `effort` is a word of ``reasoning_effort`` (``none`` switches it off), `budget` a number of tokens,
    `adaptive` leaves it to the model. `summary` is what ``reasoning.summary`` asked for, as it came.
    """

    effort: str = ""
    budget: int | None = None
    adaptive: bool = False
    summary: Any = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """One request. `options` holds raw members by their chat names, in the order of compat.md 4.1.

    ``response_format``, ``stop``, ``verbosity`` and ``prompt_cache_key`` are options too; ``top_k``, which
    chat does not have, is one by that name. What the canonical model has a field for is no option.
    """

    model: str
    turns: tuple[Turn, ...]
    options: dict[str, Any] = field(default_factory=dict)
    tools: tuple[Tool, ...] | None = None
    tool_choice: Any = None
    """A chat ``tool_choice`` value, None when absent."""
    parallel_tools: bool | None = None
    thinking: Thinking | None = None


@dataclass(frozen=True, slots=True)
class AnswerContext:
    """What the answer's writers must know of the request; kept as bytes between the two (:mod:`.context`)."""

    names: dict[str, str] = field(default_factory=dict)
    """Tool names as they were sent upstream, and the client's own."""
    custom: tuple[str, ...] = ()
    """Freeform tools, by the client's names: calls of them go back unwrapped."""
    namespaces: dict[str, str] = field(default_factory=dict)
    """The namespace of a tool, by the client's name of it."""
    echo: dict[str, Any] = field(default_factory=dict)
    """Members of the request that the dialect's answers repeat (Responses), or need (Ollama: ``model``)."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A request as a dialect's ``decode_request`` reads it, with the changes that were made."""

    conversation: Conversation
    rewrites: tuple[str, ...] = ()
    context: AnswerContext = field(default_factory=AnswerContext)


# Events of a streamed answer.


@dataclass(frozen=True, slots=True)
class Start:
    """The answer begins. `created`: Unix seconds, None when upstream did not say."""

    id: str
    model: str
    usage: Usage | None = None
    created: int | None = None


@dataclass(frozen=True, slots=True)
class TextPiece:
    """Some text of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningPiece:
    """Some of the model's reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningCarrier:
    """The opaque value that carries the reasoning to the next request. `redacted`: there is no text to it."""

    value: str
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class ToolStart:
    """A tool call begins; `key` names it in the events that follow. `custom`: of a freeform tool."""

    key: int
    id: str
    name: str
    custom: bool = False
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class ToolArguments:
    """A piece of a call's arguments: JSON text, or raw text of a freeform tool."""

    key: int
    text: str


@dataclass(frozen=True, slots=True)
class UsageSeen:
    """Token usage so far; the last one counts."""

    usage: Usage


AnswerEvent = Start | TextPiece | ReasoningPiece | ReasoningCarrier | ToolStart | ToolArguments | UsageSeen


@dataclass(frozen=True, slots=True)
class Finish:
    """Why the model stopped, a chat ``finish_reason``; `stop_sequence` is the one that was met, if known."""

    reason: str
    stop_sequence: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `blocks` are :class:`Text`, :class:`Reasoning` and :class:`ToolCall` in order."""

    id: str
    model: str
    blocks: tuple[Text | Reasoning | ToolCall, ...]
    finish: Finish | None
    usage: Usage | None
    created: int | None = None
    """Unix seconds, None when upstream did not say."""
