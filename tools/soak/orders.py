"""What one request asks the pretend upstream for. Both sides derive the answer from the order's number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from copilot_api.simulator import messages, responses, vendors
from copilot_api.simulator.conversation import Answer, Call

Leg = Literal["chat", "responses", "messages"]
PATHS: dict[Leg, str] = {"chat": "/chat/completions", "responses": "/responses", "messages": "/v1/messages"}
LEGS: dict[str, Leg] = {path: leg for leg, path in PATHS.items()}
MODELS: dict[Leg, tuple[str, str]] = {
    "chat": ("gpt-4.1", "Azure OpenAI"),
    "responses": ("gpt-5.4", "OpenAI"),
    "messages": ("claude-opus-5", "Anthropic"),
}
"""A model that has one leg only, and its vendor."""
FORMS: dict[Leg, Any] = {"chat": vendors, "responses": responses, "messages": messages}

TOOL = "note_down"
PARAMETERS = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}

WITHIN = ("cut", "reset", "error", "garbage", "stop", "silent")
"""Faults after half of a stream's frames; of `reset` the network may lose what was on its way."""
BEFORE = ("status429", "status500", "html", "close")
"""Faults instead of an answer."""
HARMLESS = ("bored", "late", "expired")
"""What clients must not notice: a connection closed right after an answer that promised to keep it, a head
that is late within its limit, a token that is refused."""
HOLDS = ("hold_head", "hold_first", "hold_within", "hold_plain")
"""Where an answer stops until the gateway closes the connection."""

_MARK = re.compile(rb"soak:(\d+):(\d+):(\w+):(\d+):(\w+):(\w+);")
_SIGNS = ("", "é", "漢", "\N{ROCKET}", "\u2028", '"', "\\", "data:", "e\u0301")


@dataclass(frozen=True, slots=True)
class Order:
    """One request; `pace` is milliseconds between two frames."""

    number: int
    words: int
    fate: str
    pace: int
    call: bool
    stream: bool

    def mark(self) -> str:
        """Return the prompt."""
        form = "call" if self.call else "text"
        way = "stream" if self.stream else "plain"
        return f"soak:{self.number}:{self.words}:{self.fate}:{self.pace}:{form}:{way};"

    def text(self) -> str:
        """Return the text of the answer; every word has the number, so that streams cannot be confused."""
        number = self.number
        return " ".join(f"{number}.{at}{_SIGNS[(number + at) % len(_SIGNS)]}" for at in range(self.words))


def read(body: bytes) -> Order | None:
    """Return the order that a request carries; None when it carries none."""
    found = _MARK.search(body)
    if found is None:
        return None
    number, words, fate, pace, form, way = found.groups()
    return Order(int(number), int(words), fate.decode(), int(pace), form == b"call", way == b"stream")


def reply(order: Order, leg: Leg) -> vendors.Reply:
    """Return the answer in the terms of the simulator's writers."""
    text = order.text()
    calls = (Call(TOOL, {"text": text}),) if order.call else ()
    answer = Answer("" if calls else text, calls, "tool_calls" if calls else "stop")
    model, vendor = MODELS[leg]
    return vendors.Reply(answer, model, vendor, vendors.Cost(20, 0, max(1, len(text) // 4)), 1_795_390_000)
