"""What the cache doctor makes of a turn and of what upstream read from its cache."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot_api.engine.prefix_interfaces import Change, Turn
from copilot_api.engine.reference.prefixes import ReferencePrefixes
from copilot_api.gateway.cache_doctor import CacheDoctor, diagnose
from copilot_api.ledger.findings import NOTHING, Finding
from copilot_api.ledger.turns import WORDS
from tests.unit.ledger.entries import entry

TOKENS = 20_000


def turn(path: str = "", change: Change = "kept", **given: Any) -> Turn:
    facts: dict[str, Any] = {
        "previous_tokens": TOKENS,
        "gap": 5.0,
        "was_marked": True,
        "is_marked": True,
        "hour": False,
    }
    return Turn(path, change, **(facts | given))


def found(turn: Turn, cached: int | None, saving: float | None = 100.0, **given: Any) -> Finding:
    return diagnose(turn, entry(input_tokens=TOKENS + 500, cached_tokens=cached, **given), saving)


def test_what_came_from_the_cache_is_kept() -> None:
    assert found(turn(), TOKENS - 1_000) == Finding("kept", "", 0, 0, 5.0)


def test_a_break_costs_what_was_read_again() -> None:
    broken = turn("tools[3].description", "tool_changed")
    assert found(broken, 1_000) == Finding("tool_changed", "tools[3].description", 19_000, 1_900_000, 5.0)
    assert found(broken, 1_000, None).cache_lost_nano is None


def test_no_more_can_be_lost_than_was_sent() -> None:
    finding = diagnose(turn("messages[2]", "shortened"), entry(input_tokens=5_000, cached_tokens=0), None)
    assert finding == Finding("shortened", "messages[2]", 5_000, None, 5.0)


def test_what_upstream_does_not_say_is_not_guessed() -> None:
    assert found(turn("system[1].text", "system"), None) == Finding(
        "system", "system[1].text", None, None, 5.0
    )
    finding = found(turn("messages[2]", "last_message"), 0)
    assert (finding.cache_cause, finding.cache_lost) == ("last_message", None)


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"gap": 301.0}, "idle"),
        ({"gap": 301.0, "hour": True}, "upstream"),
        ({"gap": 3_601.0, "hour": True}, "idle"),
        ({"path": "model", "change": "model", "gap": 301.0}, "idle"),
        ({"path": "model", "change": "model"}, "model"),
        ({"was_marked": False}, "unmarked"),
        ({"is_marked": False}, "unmarked"),
        ({}, "upstream"),
    ],
)
def test_causes_that_are_no_change(given: dict[str, Any], cause: str) -> None:
    assert found(turn(**given), 0, dialect="messages", leg="messages").cache_cause == cause


def test_who_cannot_mark_is_not_told_to() -> None:
    assert found(turn(was_marked=False), 0).cache_cause == "upstream"


def test_small_prompts_are_not_cached_at_all() -> None:
    doctor = CacheDoctor(ReferencePrefixes())
    body = json.dumps({"messages": [{"role": "user", "content": "hello"}]}).encode()
    for tokens, cause in ((1_023, ""), (1_024, "first"), (1_023, ""), (1_025, "kept")):
        given = entry(input_tokens=tokens, cached_tokens=tokens)
        assert doctor.examine(given, doctor.chain(body, "chat"), None).cache_cause == cause


def test_conversations_without_a_name_are_told_apart() -> None:
    doctor = CacheDoctor(ReferencePrefixes())

    def says(first: str, *more: str, **given: Any) -> Finding:
        body = {"messages": [{"role": "user", "content": text} for text in (first, *more)]}
        chain = doctor.chain(json.dumps(body).encode(), "chat")
        facts = {"input_tokens": TOKENS, "cached_tokens": TOKENS} | given
        return doctor.examine(entry(**facts), chain, None)

    assert says("one") == Finding("first")
    assert says("two") == Finding("first")
    assert says("one", "more").cache_cause == "kept"
    assert says("one", "more", key="another") == Finding("first")
    assert says("one", client="another") == Finding("first")
    assert says("one", session="told") == Finding("first")
    assert says("one", input_tokens=None) == NOTHING


def test_every_cause_has_its_words() -> None:
    from typing import get_args

    assert set(get_args(Change)) | {"first", "idle", "unmarked", "upstream"} == set(WORDS)
