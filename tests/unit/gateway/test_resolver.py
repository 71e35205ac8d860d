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
