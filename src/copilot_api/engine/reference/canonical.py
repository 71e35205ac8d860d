"""The small model between the formats: a conversation going in, events coming out.

Values that a format only passes on (temperature, schemas, ids) stay raw JSON values as
:mod:`~copilot_api.engine.reference.jsontext` reads them, ill-typed ones included: nothing is lost.
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
    """A piece of the model's reasoning that a client sends back."""

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture by URL; inline ones are data URLs."""

    url: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the assistant made; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave back: `content` is text and pictures in order."""

    call_id: str
    content: tuple[Text | Image, ...]
    is_error: bool = False


Block = Text | Reasoning | Image | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. `plain`: its content was one string, or null when there are no blocks."""

    role: Literal["system", "user", "assistant"]
    blocks: tuple[Block, ...]
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A function offered to the model: the members that came, by their chat names."""

    members: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Conversation:
    """One request. `options` holds raw members by their chat names, in the order of compat.md 4.1."""

    model: str
    turns: tuple[Turn, ...]
    options: dict[str, Any] = field(default_factory=dict)
    tools: tuple[Tool, ...] | None = None
    tool_choice: Any = None
    """A chat ``tool_choice`` value, None when absent."""
    parallel_tools: bool | None = None


# Events of an answer, streamed or whole.


@dataclass(frozen=True, slots=True)
class Start:
    """The answer begins."""

    id: str
    model: str
    usage: Usage | None = None


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
    """The opaque value that carries the reasoning to the next request."""

    value: str


@dataclass(frozen=True, slots=True)
class ToolStart:
    """A tool call begins; `key` names it in the events that follow."""

    key: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolArguments:
    """A piece of a call's arguments, JSON text."""

    key: int
    text: str


@dataclass(frozen=True, slots=True)
class UsageSeen:
    """Token usage so far; the last one counts."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Finish:
    """Why the model stopped, a chat ``finish_reason``."""

    reason: str


AnswerEvent = (
    Start | TextPiece | ReasoningPiece | ReasoningCarrier | ToolStart | ToolArguments | UsageSeen | Finish
)
