"""What the dashboard says of an account's quota, and of streams while they run."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from copilot_api.dashboard import questions
from copilot_api.gateway.running import Running
from copilot_api.github.quota import Quota, Snapshot
from copilot_api.http.watching import Live, Pace
from copilot_api.ledger import schema
from copilot_api.ledger.periods import month_until
from copilot_api.ledger.writing import row
from tests.unit.ledger.entries import entry

RESET = "2026-12-01"


def at(day: int, month: int = 11, year: int = 2026) -> float:
    return time.mktime((year, month, day, 0, 0, 0, 0, 0, -1))


def asked(used: float, now: float, *, reset: str = RESET, unlimited: bool = False) -> dict[str, Any]:
    given = Snapshot("premium_interactions", 300.0, 300.0 - used, None, unlimited)
    found: dict[str, Any] = questions.quota(Quota("individual", reset, (given,)), "", now)["snapshots"][0]
    return found


@pytest.mark.parametrize("reset", ["2026-12-01", "2026-12-01T00:00:00.000Z"])
def test_the_month_ends_with_the_reset(reset: str) -> None:
    month = month_until(reset)
    assert month is not None
    assert (month.start, month.end) == (at(1), at(1, 12))


def test_a_month_over_the_turn_of_the_year() -> None:
    month = month_until("2027-01-15")
    assert month is not None
    assert (month.start, month.end) == (at(15, 12), at(15, 1, 2027))


@pytest.mark.parametrize("reset", ["", "soon", "2026-12", "2026-xx-01", f"{10**9}-1-1"])
def test_what_is_no_date_has_no_month(reset: str) -> None:
    assert month_until(reset) is None


def test_a_quota_is_projected_to_its_reset() -> None:
    half = asked(100, at(16))
    assert half["projected"] == pytest.approx(200, rel=0.01)
    assert half["spent_at"] is None
    assert half["name"] == "Premium interactions"


def test_a_quota_that_will_not_last_says_until_when() -> None:
    early = asked(300 * 2 / 3, at(11))
    assert early["projected"] == pytest.approx(600, rel=0.01)
    assert early["spent_at"] == pytest.approx(at(16), abs=3600)


@pytest.mark.parametrize(
    ("now", "more"),
    [(at(2, 12), {}), (at(30, 10), {}), (at(16), {"unlimited": True}), (at(16), {"reset": "who knows"})],
)
def test_nothing_is_projected_where_nothing_is_known(now: float, more: dict[str, Any]) -> None:
    told = asked(100, now, **more)
    assert (told["projected"], told["spent_at"]) == (None, None)


def test_a_quota_that_was_not_told_says_why() -> None:
    assert questions.quota(None, "GitHub is away", at(16)) == {
        "plan": "",
        "reset": "",
        "snapshots": [],
        "problem": "GitHub is away",
    }


def stream(model: str, dialect: str = "chat") -> Running:
    return Running(1, model, "curl", "", 0.0, 0.0, 10, 4000, dialect)


async def test_tokens_of_a_stream_are_those_of_earlier_ones(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    connection = schema.open_to_write(path)
    earlier = entry(at=time.time(), model="gpt-4.1", output_tokens=50, bytes_out=1000)
    connection.execute(schema.INSERT, row(earlier))
    connection.close()
    pace = Pace(path)
    assert pace.tokens(stream("gpt-4.1"), 10, 4000) == 10, "one an event while nothing is known"
    await pace.learn()
    assert pace.tokens(stream("gpt-4.1"), 10, 4000) == pytest.approx(200)
    assert pace.tokens(stream("gpt-4.1", "messages"), 10, 4000) == 10
    assert pace.tokens(stream("gpt-5"), 10, 4000) == 10


async def test_the_first_event_tells_the_rate_since_a_stream_began() -> None:
    running = (Running(1, "gpt-4.1", "curl", "", 2000.0, 0.0, 10, 4000, "chat"),)
    watched = SimpleNamespace(in_flight=1, waiting=0, places=4, running=lambda: running)
    failures = SimpleNamespace(counts={"client_gone": 2})
    sources: Any = SimpleNamespace(
        watched=watched, written=lambda: (7, 0), failures=failures, ledger=None, stopping=asyncio.Event()
    )
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.body":
            sources.stopping.set()

    scope: Any = {"type": "http", "method": "GET"}
    await Live(sources, Pace(None))(scope, asyncio.Event().wait, send)
    assert [message["type"] for message in sent] == ["http.response.start", *["http.response.body"] * 2]
    told = json.loads(sent[1]["body"].removeprefix(b"data: "))
    assert (told["in_flight"], told["written"], told["failed"]) == (1, 7, 2)
    assert (told["streams"][0]["rate"], told["streams"][0]["tokens"]) == (5.0, 10)
    assert (sent[2]["body"], sent[2]["more_body"]) == (b"", False)


async def test_a_ledger_that_cannot_be_read_leaves_the_guess(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"no database" * 100)
    pace = Pace(path)
    await pace.learn()
    assert pace.tokens(stream("gpt-4.1"), 10, 4000) == 10
