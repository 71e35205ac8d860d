"""One resolver for all endpoints: compat.md 4.2 with D-T2 and D-T3 cured, upstream.md 3.3."""

from __future__ import annotations

import json

import pytest

from copilot_api.engine.interfaces import Dialect
from copilot_api.engine.reference.freshness import ReferenceFreshness
from copilot_api.gateway.catalog import ModelCatalog
from copilot_api.gateway.resolver import resolve

LISTED = (
    "claude-sonnet-4",
    "claude-sonnet-4.5",
    "claude-opus-4.5",
    "claude-opus-4.6",
    "claude-opus-4.6-1m",
    "claude-haiku-4.5",
    "gpt-4o",
    "gpt-4o-2024-11-20",
    "gpt-5.4",
)


async def catalog(ids: tuple[str, ...] = LISTED) -> ModelCatalog:
    async def fetch() -> bytes:
        return json.dumps({"data": [{"id": name} for name in ids]}).encode()

    made = ModelCatalog(fetch, ReferenceFreshness(600.0, 30.0))
    await made.load()
    return made


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("gpt-4o", "gpt-4o"),
        ("gpt-4o-2024-11-20", "gpt-4o-2024-11-20"),
        ("gpt-5.4-2026-03-05", "gpt-5.4"),
        ("claude-sonnet-4-20250514", "claude-sonnet-4"),
        ("claude-sonnet-4-latest", "claude-sonnet-4"),
        ("claude-sonnet-4-5", "claude-sonnet-4.5"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4.5"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4.5"),
        ("claude-haiku-4-5@20251001", "claude-haiku-4.5"),
        ("claude-opus-4-5", "claude-opus-4.5"),
        ("claude-opus-4-6[1m]", "claude-opus-4.6-1m"),
        ("claude-sonnet-4.5[1m]", "claude-sonnet-4.5"),
        ("Claude-Sonnet-4.5", "claude-sonnet-4.5"),
    ],
)
async def test_d_t2_names_that_clients_send(asked: str, found: str) -> None:
    resolution = resolve(asked, await catalog(), "messages")
    assert (resolution.name, resolution.model is not None) == (found, True)
    assert bool(resolution.reason) == (asked != found)


@pytest.mark.parametrize(
    ("asked", "dialect", "sent"),
    [
        ("claude-sonnet-4-20250514", "messages", "claude-sonnet-4"),
        ("claude-sonnet-4-5", "messages", "claude-sonnet-4"),
        ("claude-sonnet-4-", "messages", "claude-sonnet-4"),
        ("claude-opus-4-1-20250805", "messages", "claude-opus-4"),
        ("claude-sonnet-4", "messages", "claude-sonnet-4"),
        ("claude-opus-4.1", "messages", "claude-opus-4.1"),
        ("claude-3-5-haiku-20241022", "messages", "claude-3-5-haiku-20241022"),
        ("claude-sonnet-4-5", "chat", "claude-sonnet-4-5"),
        ("gpt-9", "chat", "gpt-9"),
    ],
)
async def test_rule_of_0_7_0_is_the_last_resort(asked: str, dialect: Dialect, sent: str) -> None:
    resolution = resolve(asked, await catalog(("gpt-4o",)), dialect)
    assert (resolution.name, resolution.model) == (sent, None)


MORE = (*LISTED, "gemini-3.1-pro-preview", "gemini-2.5-pro", "gpt-5-mini", "claude-opus-4.6-high")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("sonnet", "claude-sonnet-4.5"),
        ("opus", "claude-opus-4.6"),
        ("Haiku", "claude-haiku-4.5"),
        ("claude-opus", "claude-opus-4.6"),
        ("opus[1m]", "claude-opus-4.6"),
        ("gpt", "gpt-5.4"),
        ("gemini", "gemini-3.1-pro-preview"),
        ("gpt-4o:latest", "gpt-4o"),
        ("models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("gemini-3.1-pro", "gemini-3.1-pro-preview"),
        ("gemini-2.5-pro-preview", "gemini-2.5-pro"),
        ("gemini-2.5-flash-lite", "gpt-5-mini"),
        ("gemini-3-flash", "gpt-5-mini"),
    ],
)
async def test_families_tags_and_side_calls(asked: str, found: str) -> None:
    resolution = resolve(asked, await catalog(MORE), "chat")
    assert (resolution.name, resolution.model is not None) == (found, True)
    assert resolution.reason


async def test_the_newest_does_not_depend_on_the_order_of_the_list() -> None:
    for ids in (MORE, tuple(reversed(MORE))):
        assert resolve("opus", await catalog(ids), "chat").name == "claude-opus-4.6"


async def test_aliases_come_after_exact_ids_and_are_resolved_themselves() -> None:
    aliases = {"fast": "gpt-5-mini", "gpt-4o": "gpt-5.4", "mine": "claude-sonnet-4-5", "gone": "unlisted-1"}
    listed = await catalog(MORE)
    assert resolve("fast", listed, "chat", aliases).name == "gpt-5-mini"
    assert resolve("FAST", listed, "chat", aliases).name == "gpt-5-mini"
    assert resolve("gpt-4o", listed, "chat", aliases).name == "gpt-4o"
    assert resolve("mine", listed, "chat", aliases).name == "claude-sonnet-4.5"
    gone = resolve("gone", listed, "chat", aliases)
    assert (gone.name, gone.model, bool(gone.reason)) == ("unlisted-1", None, True)


async def test_any_name_embeds_where_embeddings_are_asked_for() -> None:
    async def fetch() -> bytes:
        entries = [
            {"id": "text-embedding-ada-002", "capabilities": {"type": "embeddings"}},
            {"id": "text-embedding-3-small", "capabilities": {"type": "embeddings"}},
        ]
        return json.dumps({"data": entries}).encode()

    made = ModelCatalog(fetch, ReferenceFreshness(600.0, 30.0))
    await made.load()
    assert resolve("gemini-embedding-001", made, "gemini", embeds=True).name == "text-embedding-3-small"
    assert resolve("text-embedding-ada-002", made, "ollama", embeds=True).name == "text-embedding-ada-002"
    assert resolve("gemini-embedding-001", made, "gemini").model is None
