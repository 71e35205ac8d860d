"""Sums and lists of the ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot_api.ledger import reports, schema
from copilot_api.ledger.entry import Entry
from copilot_api.ledger.writing import insert, row
from tests.unit.ledger.entries import entry

NOON = 1_790_000_000.0
DAY = 86_400.0


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = schema.open_to_write(tmp_path / "ledger.sqlite")
    add(
        connection,
        entry(at=NOON, model="a", key="ann", input_tokens=10, cached_tokens=4, output_tokens=1, nano_aiu=5),
        entry(at=NOON + 1, model="b", key="bob", input_tokens=20, output_tokens=2, multiplier=3.0),
        entry(at=NOON + DAY, model="a", key="ann", initiator="agent", multiplier=1.0, nano_aiu=2**60),
        entry(at=NOON + DAY + 1, model="a", key="bob", outcome="upstream_failed", status=502),
    )
    yield connection
    connection.close()


def add(connection: sqlite3.Connection, *entries: Entry) -> None:
    insert(connection, [row(each) for each in entries])


def test_by_model_the_dearest_first(ledger: sqlite3.Connection) -> None:
    found = {sums.group: sums for sums in reports.sums(ledger, "model")}
    assert list(found) == ["a", "b"]
    assert (found["a"].requests, found["a"].failed) == (3, 1)
    assert found["a"].nano_aiu == 5 + 2**60
    assert found["a"].unbilled == 1
    assert found["b"].nano_aiu is None, "never 0 where upstream did not say"


def test_by_day_in_order(ledger: sqlite3.Connection) -> None:
    days = reports.sums(ledger, "day")
    assert [each.requests for each in days] == [2, 2]
    assert days[0].group < days[1].group
    assert days[0].input_tokens == 30


def test_premium_requests_are_those_of_the_user(ledger: sqlite3.Connection) -> None:
    assert reports.total(ledger).premium == 3.0


def test_times_and_filters_narrow(ledger: sqlite3.Connection) -> None:
    assert reports.total(ledger, since=NOON + 2).requests == 2
    assert reports.total(ledger, until=NOON + 1).requests == 1
    assert reports.total(ledger, where={"key": "bob", "model": "a"}).requests == 1
    assert reports.total(ledger, since=NOON + 9 * DAY).nano_aiu is None
    with pytest.raises(ValueError, match="no filter"):
        reports.total(ledger, where={"1; DROP TABLE requests": 1})


def test_the_newest_first_and_page_by_page(ledger: sqlite3.Connection) -> None:
    newest = reports.recent(ledger, 3)
    assert [number for number, _ in newest] == [4, 3, 2]
    assert [number for number, _ in reports.recent(ledger, 3, before=2)] == [1]
    assert [number for number, _ in reports.recent(ledger, 9, where={"status": 502})] == [4]


def test_all_that_failed_in_one_word(ledger: sqlite3.Connection) -> None:
    failed = reports.recent(ledger, 9, where={"outcome": reports.FAILED})
    assert [number for number, _ in failed] == [4]
    assert reports.total(ledger, where={"outcome": "failed", "key": "ann"}).requests == 0


def test_choices_are_what_is_there(ledger: sqlite3.Connection) -> None:
    assert reports.choices(ledger, "key", since=0, limit=9) == ("ann", "bob")
    assert reports.choices(ledger, "key", since=0, limit=1) == ("ann",)
    assert reports.choices(ledger, "model", since=NOON + DAY, limit=9) == ("a",)
    with pytest.raises(ValueError, match="no filter"):
        reports.choices(ledger, "1; DROP TABLE requests", since=0, limit=9)


def test_tokens_of_a_byte_by_whole_streams_only(ledger: sqlite3.Connection) -> None:
    told = {"model": "c", "dialect": "chat", "streamed": True, "bytes_out": 1000}
    add(
        ledger,
        entry(at=NOON, output_tokens=10, **told),
        entry(at=NOON, output_tokens=30, **told),
        entry(at=NOON, output_tokens=900, outcome="client_gone", **told),
        entry(at=NOON, output_tokens=None, **told),
        entry(at=NOON, output_tokens=900, **{**told, "streamed": False}),
    )
    assert reports.tokens_per_byte(ledger, since=NOON)["c", "chat"] == 40 / 2000
    assert ("c", "chat") not in reports.tokens_per_byte(ledger, since=NOON + 1)


@pytest.mark.parametrize("axis", reports.AXES)
def test_all_axes_add_up(ledger: sqlite3.Connection, axis: reports.Axis) -> None:
    assert sum(each.requests for each in reports.sums(ledger, axis)) == 4
