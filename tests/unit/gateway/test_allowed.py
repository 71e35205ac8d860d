"""Which models a key is good for."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from copilot_api.engine.reference.freshness import ReferenceFreshness
from copilot_api.gateway.allowed import MOST_VERDICTS, Allowed
from copilot_api.gateway.catalog import ModelCatalog
from copilot_api.gateway.errors import BadRequest, ModelNotAllowed
from copilot_api.gateway.plan import Planner
from copilot_api.keys.caller import ANYONE, Caller
from copilot_api.settings import Settings

LISTED = (
    *("gpt-4.1", "gpt-4o", "gpt-5", "gpt-5-mini", "gpt-5.2-codex"),
    *(
        "claude-sonnet-4.5",
        "claude-sonnet-4.6",
        "claude-sonnet-4.6-1m",
        "claude-opus-4.6",
        "gemini-3-pro-preview",
    ),
)


def allowed(*aliases: str, listed: tuple[str, ...] = LISTED) -> Allowed:
    body = json.dumps({"data": [{"id": each, "capabilities": {"type": "chat"}} for each in listed]}).encode()

    async def fetch() -> bytes:
        return body

    catalog = ModelCatalog(fetch, ReferenceFreshness(600, 30))
    asyncio.run(catalog.load())
    planner = Planner(Settings(alias=aliases), catalog)
    return Allowed(catalog, planner.resolve)


def good_for(subject: Allowed, *models: str) -> set[str]:
    caller = Caller("k", "k", models)
    return {each for each in LISTED if subject.allows(caller, each)}


@pytest.mark.parametrize(
    ("entry", "models"),
    [
        ("gpt-4.1", {"gpt-4.1"}),
        ("GPT-4.1", {"gpt-4.1"}),
        ("claude-sonnet-4-6-20250929", {"claude-sonnet-4.6"}),
        ("sonnet", {"claude-sonnet-4.5", "claude-sonnet-4.6"}),
        ("claude", {"claude-sonnet-4.5", "claude-sonnet-4.6"}),
        ("claude-opus", {"claude-opus-4.6"}),
        ("gpt", {"gpt-4.1", "gpt-5"}),
        ("gpt-*", {"gpt-4.1", "gpt-4o", "gpt-5", "gpt-5-mini", "gpt-5.2-codex"}),
        ("claude-sonnet-*", {"claude-sonnet-4.5", "claude-sonnet-4.6", "claude-sonnet-4.6-1m"}),
        ("*", set(LISTED)),
        ("claude-sonnet-4.6[1m]", {"claude-sonnet-4.6-1m"}),
        ("gemini", {"gemini-3-pro-preview"}),
        ("fast", {"gpt-5-mini"}),
        ("nobody-knows-it", set()),
    ],
)
def test_r09_entries_are_names_families_and_patterns(entry: str, models: set[str]) -> None:
    assert good_for(allowed("fast=gpt-5-mini"), entry) == models


def test_r09_entries_add_up_and_none_is_everything() -> None:
    assert good_for(allowed(), "gpt-4o", "opus") == {"gpt-4o", "claude-opus-4.6"}
    assert good_for(allowed()) == set(LISTED)
    assert allowed().allows(ANYONE, "anything")


def test_r09_names_that_nobody_lists_are_judged_too() -> None:
    subject, caller = allowed(), Caller("k", "k", ("gpt-*", "o9"))
    assert subject.allows(caller, "gpt-9")
    assert subject.allows(caller, "o9")
    assert not subject.allows(caller, "claude-9")


def test_verdicts_are_bounded() -> None:
    subject, caller = allowed(), Caller("k", "k", ("gpt-*",))
    for number in range(3 * MOST_VERDICTS):
        subject.allows(caller, f"made-up-{number}")
    assert len(subject._verdicts) <= MOST_VERDICTS


class Sent:
    """What `check` looks at of a plan."""

    def __init__(self, model: str, leg: str = "chat") -> None:
        self.leg = leg
        self.resolution = self.request = self
        self.name = model
        self.dialect = "chat"


@pytest.mark.parametrize(
    ("body", "passes"),
    [
        ('{"model": "gpt-4.1", "messages": [{"Model": "x", "model": "y"}]}', True),
        ('{"messages": [], "model": "gpt-4.1"}', True),
        ('{"model": "gpt-4.1", "model": "gpt-4.1"}', False),
        ('{"model": "gpt-4.1", "Model": "o1"}', False),
        ('{"MODEL": "o1", "model": "gpt-4.1"}', False),
        ('{"\\u004dodel": "o1", "model": "gpt-4.1"}', False),
        ('{"model": "gpt-4.1", "models": ["o1"]}', True),
    ],
)
def test_r09_a_second_name_is_refused_where_the_body_goes_on_as_it_is(body: str, passes: bool) -> None:
    subject, caller = allowed(), Caller("k", "k", ("gpt-4.1",))
    plan: Any = Sent("gpt-4.1")
    if passes:
        subject.check(caller, plan, body.encode())
    else:
        with pytest.raises(BadRequest) as caught:
            subject.check(caller, plan, body.encode())
        assert caught.value.param == "model"
    translated: Any = Sent("gpt-4.1", "messages")
    subject.check(caller, translated, body.encode())
    other: Any = Sent("gpt-4o")
    with pytest.raises(ModelNotAllowed):
        subject.check(caller, other, body.encode())
    subject.check(ANYONE, other, body.encode())
