"""What breaks caches, added up, and turn by turn."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot_api.ledger import schema, turns
from copilot_api.ledger.entry import Entry
from copilot_api.ledger.findings import Finding
from copilot_api.ledger.turns import CacheCause, CacheSums
from copilot_api.ledger.writing import insert, row
from tests.unit.ledger.entries import entry

ROWS: tuple[tuple[Entry, Finding], ...] = (
    (entry(at=1.0, session="s", input_tokens=100, cached_tokens=0), Finding("first")),
    (entry(at=2.0, session="s", input_tokens=200, cached_tokens=100), Finding("kept", "", 0, 0, 1.0)),
    (entry(at=3.0, session="s", input_tokens=300, cached_tokens=0), Finding("idle", "", 200, 20, 400.0)),
    (entry(at=4.0, session="t"), Finding("message", "messages[4]", 50, None, 1.0)),
    (entry(at=5.0, session="t"), Finding("message", "messages[9]", 60, None, 1.0)),
    (entry(at=6.0, session="t"), Finding("tool_changed", "tools[1].description", 5, 1, 1.0)),
    (entry(at=7.0, session="t"), Finding("tool_changed", "tools[2].description", 6, 1, 1.0)),
    (entry(at=8.0, session="t"), Finding("last_message", "messages[3]", None, None, 1.0)),
    (entry(at=9.0, session="t"), Finding()),
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = schema.open_to_write(tmp_path / "ledger.sqlite")
    insert(connection, [row(*each) for each in ROWS])
    yield connection
    connection.close()


def test_sums_are_of_those_that_go_on(ledger: sqlite3.Connection) -> None:
    assert turns.sums(ledger, 0.0, {"session": "s"}) == CacheSums(1, 2, 1, 500, 100, 200, 20)
    assert turns.sums(ledger, 3.0, {"session": "s"}).turns == 1
    assert turns.sums(ledger, 99.0, {}) == CacheSums(0, 0, 0, 0, 0, 0, None)


def test_causes_by_place_the_dearest_first(ledger: sqlite3.Connection) -> None:
    assert turns.causes(ledger, 0.0, {}) == (
        CacheCause("idle", "", 1, 200, 20),
        CacheCause("message", "messages[…]", 2, 110, None),
        CacheCause("tool_changed", "tools[2].description", 1, 6, 1),
        CacheCause("tool_changed", "tools[1].description", 1, 5, 1),
        CacheCause("last_message", "messages[3]", 1, 0, None),
    )


def test_turns_in_order(ledger: sqlite3.Connection) -> None:
    found = turns.turns(ledger, 0.0, {"session": "s"}, limit=2)
    assert [each.cause for each in found] == ["kept", "idle"]
    assert (found[1].input_tokens, found[1].cached_tokens, found[1].gap) == (300, 0, 400.0)
    broken = turns.turns(ledger, 0.0, {}, limit=9, broken=True)
    assert [each.lost_tokens for each in broken] == [200, 50, 60, 5, 6]
    assert len(turns.turns(ledger, 0.0, {}, limit=99)) == 8
