"""Which endpoint a request takes: upstream.md 11.1 and 11.2."""

from __future__ import annotations

from typing import Any

import pytest

from copilot_api.engine.interfaces import Dialect, Leg, RequestFacts
from copilot_api.gateway.catalog import Model
from copilot_api.gateway.routing import choose, legs_of, order_of

C, R, M = "/chat/completions", "/responses", "/v1/messages"
NONE: frozenset[Leg] = frozenset()


def model(name: str, *endpoints: str, **members: Any) -> Model:
    listed = endpoints or None
    return Model(name, kind=members.pop("kind", "chat"), supported_endpoints=listed, **members)


def leg(dialect: Dialect, entry: Model | str, refused: frozenset[Leg] = NONE, **facts: Any) -> Leg | None:
    name = entry if isinstance(entry, str) else entry.id
    listed = None if isinstance(entry, str) else entry
    return choose(RequestFacts(dialect, 10, name, **facts), name, listed, refused)


CLAUDE = model("claude-opus-4.6", M, C)
CLAUDE_CHAT = model("claude-sonnet-4", C)
CODEX = model("gpt-5.4", R, "ws:/responses")
BOTH = model("gpt-5-mini", C, R)
GPT_4 = model("gpt-4.1")
GEMINI = model("gemini-2.5-pro")
GROK_4, GROK_CODE = model("grok-4.5", R), model("grok-code-fast-1", C)


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        # chat, responses, messages, gemini, ollama
        (CLAUDE, ("chat", "messages", "messages", "messages", "messages")),
        (CLAUDE_CHAT, ("chat", "chat", "chat", "chat", "chat")),
        (CODEX, ("responses", "responses", "responses", "responses", "responses")),
        (BOTH, ("chat", "responses", "responses", "responses", "responses")),
        (GPT_4, ("chat", "chat", "chat", "chat", "chat")),
        (GEMINI, ("chat", "chat", "chat", "chat", "chat")),
        (GROK_4, ("responses", "responses", "responses", "responses", "responses")),
        (GROK_CODE, ("chat", "chat", "chat", "chat", "chat")),
        # Not listed: by name, but chat where chat was always tried.
        ("claude-next-9", ("chat", "messages", "messages", "messages", "messages")),
        ("gpt-6-codex", ("chat", "responses", "responses", "responses", "responses")),
        ("mystery", ("chat", "chat", "chat", "chat", "chat")),
    ],
    ids=lambda value: value.id if isinstance(value, Model) else str(value)[:20],
)
def test_table_of_legs(entry: Model | str, found: tuple[Leg, ...]) -> None:
    dialects: tuple[Dialect, ...] = ("chat", "responses", "messages", "gemini", "ollama")
    assert tuple(leg(dialect, entry) for dialect in dialects) == found


def test_completions_and_embeddings() -> None:
    assert leg("completions", GPT_4) == "chat"
    assert leg("embeddings", model("text-embedding-3-small", kind="embeddings")) == "embeddings"
    assert leg("embeddings", "mystery") == "embeddings"


def test_effort_beside_tools_takes_responses_where_both_are_listed() -> None:
    assert leg("chat", BOTH, reasoning=True, tools=2) == "responses"
    assert leg("chat", BOTH, reasoning=True) == "chat"
    assert leg("chat", BOTH, tools=2) == "chat"
    assert leg("chat", GPT_4, reasoning=True, tools=2) == "chat"


def test_thinking_of_claude_takes_messages_where_it_is_listed() -> None:
    assert leg("chat", CLAUDE, reasoning=True) == "messages"
    assert leg("chat", CLAUDE_CHAT, reasoning=True) == "chat"
    assert leg("messages", CLAUDE, reasoning=True) == "messages"


def test_a_leg_that_was_refused_is_not_taken_while_another_is_left() -> None:
    assert leg("chat", BOTH, frozenset({"chat"})) == "responses"
    assert leg("chat", "claude-next-9", frozenset({"chat"})) == "messages"
    assert leg("messages", CLAUDE, frozenset({"messages"})) == "chat"
    assert leg("chat", GPT_4, frozenset({"chat"})) == "chat"


@pytest.mark.parametrize("kind", ["completion", "embeddings"])
def test_what_does_not_chat_has_no_leg_for_it(kind: str) -> None:
    assert leg("chat", model("gpt-41-copilot", kind=kind)) is None


def test_an_endpoint_of_tomorrow_leaves_the_old_one() -> None:
    assert leg("chat", model("gpt-7", "/v2/everything")) == "chat"
    assert legs_of(model("gpt-7", "/v2/everything")) == ()


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("gpt-5", "responses"),
        ("gpt-5.3-codex", "responses"),
        ("o3-mini", "responses"),
        ("grok-4", "responses"),
        ("codex-mini", "responses"),
        ("gpt-4.1", "chat"),
        ("gpt-41-copilot", "chat"),
        ("grok-code-fast-1", "chat"),
        ("Claude-Opus-5", "messages"),
        ("gpt-12", "responses"),
        ("olmo", "chat"),
    ],
)
def test_order_by_name(name: str, first: Leg) -> None:
    assert order_of(name)[0] == first
