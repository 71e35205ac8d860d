"""What a test says and hears, apart from any dialect."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that is offered."""

    name: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A call in an answer. `id` is empty where the dialect has none."""

    id: str
    name: str
    arguments: Any


@dataclass(frozen=True, slots=True)
class Said:
    """One answer. `raw` is what the dialect's client sends back as the assistant's turn."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    finish: str = ""
    """``stop``, ``length`` or ``tools``."""
    input_tokens: int = 0
    output_tokens: int = 0
    raw: Any = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation: the user's text and pictures, an answer, or results by call."""

    role: str
    text: str = ""
    picture: bytes | None = None
    said: Said | None = None
    results: tuple[tuple[Call, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """A request."""

    model: str
    turns: tuple[Turn, ...]
    stream: bool = False
    system: str = ""
    tools: tuple[Tool, ...] = ()
    schema: dict[str, Any] | None = None
    reasoning: bool = False
    cap: int = 2000


@dataclass(frozen=True, slots=True)
class Request:
    """A request on the wire."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


class InBand(Exception):
    """The stream carried an error of the dialect and ended without its end mark."""


class Dialect(Protocol):
    """A client of one dialect, written from its published format only."""

    name: str
    tools: bool
    """It can offer tools, see reasoning, ask for a schema and show pictures."""

    def request(self, ask: Ask) -> Request:
        """Return the request."""

    def whole(self, body: bytes) -> Said:
        """Read a whole answer."""

    def streamed(self, body: bytes) -> Said:
        """Read a complete stream, strictly. Raises :class:`InBand`."""

    def error(self, status: int, body: bytes) -> str:
        """Read an error answer, strictly; return its text."""


def user(text: str, picture: bytes | None = None) -> Turn:
    """A user's turn."""
    return Turn("user", text, picture)


def assistant(said: Said) -> Turn:
    """An answer, sent back."""
    return Turn("assistant", said.text, said=said)


def results(pairs: Iterable[tuple[Call, str]]) -> Turn:
    """What the tools gave back."""
    return Turn("tool", results=tuple(pairs))
