"""What all spend is one sum, and each replica's ledger has the requests of all."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from copilot_api.ledger.budgets import Budgets, parse
from copilot_api.ledger.store import Ledger
from copilot_api.shared.budgets import SharedBudgets
from copilot_api.shared.feed import LedgerFeed
from copilot_api.shared.link import Link, StoreAway
from tests.support.store_server import StoreServer
from tests.unit.ledger.entries import entry

Connect = Callable[[], Link]
NOON = time.mktime((2026, 3, 10, 12, 0, 0, 0, 0, -1))
DAY = 86_400.0
CREDIT = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def shared(link: Link, text: str = "10 credits/day", clock: Callable[[], float] = time.time) -> SharedBudgets:
    budgets = SharedBudgets([parse(text)], link, clock)
    budgets.start()
    assert budgets._task is not None
    budgets._task.cancel()  # the tests look when they want to
    return budgets


def spent(budgets: Budgets) -> float:
    return budgets.standings()[0].spent


async def test_the_sum_is_of_all_replicas(connect: Connect) -> None:
    one, two = shared(connect()), shared(connect())
    one.add(entry(nano_aiu=4 * CREDIT))
    two.add(entry(nano_aiu=3 * CREDIT))
    for each in (one, two, one):
        await each.look()
    assert spent(one) == spent(two) == 7
    two.add(entry(nano_aiu=3 * CREDIT))
    assert spent(two) == 10
    assert two.judge("", "gpt-4.1")[0] is not None
    assert one.judge("", "gpt-4.1")[0] is None
    await two.look()
    await one.look()
    assert one.judge("", "gpt-4.1")[0] is not None


async def test_telling_twice_counts_once(connect: Connect) -> None:
    one = shared(connect())
    one.add(entry(nano_aiu=4 * CREDIT))
    for _ in range(3):
        await one.look()
    assert spent(one) == 4


async def test_what_a_replica_spent_that_has_ended_stays_spent(connect: Connect) -> None:
    first = shared(connect())
    first.add(entry(nano_aiu=4 * CREDIT))
    await first.close()
    again = shared(connect())
    await again.look()
    again.add(entry(nano_aiu=CREDIT))
    await again.look()
    assert spent(again) == 5


async def test_the_first_of_all_begins_with_what_its_ledger_knows(connect: Connect) -> None:
    link = connect()
    first = SharedBudgets([parse("10 credits/day")], link, time.time)
    first.seed(lambda _budget, _since: (3 * CREDIT, 2))
    first.start()
    await first.look()
    later = SharedBudgets([parse("10 credits/day")], connect(), time.time)
    later.seed(lambda _budget, _since: (3 * CREDIT, 2))  # its ledger has the same requests
    later.start()
    await later.look()
    assert spent(first) == spent(later) == 3
    await first.close()
    await later.close()


async def test_what_was_spent_while_the_store_was_away_is_told_later(
    connect: Connect, server: StoreServer
) -> None:
    link, other = connect(), connect()
    one, two = shared(link), shared(other)
    server.freeze()
    one.add(entry(nano_aiu=4 * CREDIT))
    with pytest.raises(StoreAway):
        await one.look()
    assert spent(one) == 4
    server.thaw()
    async with asyncio.timeout(20):
        while True:
            try:
                await one.look()
                await two.look()
                break
            except StoreAway:
                await asyncio.sleep(0.01)
    assert spent(one) == spent(two) == 4


async def test_a_store_that_forgot_all_is_told_again(connect: Connect) -> None:
    link = connect()
    one, two = shared(link), shared(connect())
    one.add(entry(nano_aiu=4 * CREDIT))
    two.add(entry(nano_aiu=1 * CREDIT))
    await one.look()
    await link.ask("FLUSHALL")
    for each in (one, two, one):
        await each.look()
    assert spent(one) == spent(two) == 5


async def test_a_new_day_begins_for_all(connect: Connect) -> None:
    clock = Clock()
    one, two = shared(connect(), clock=clock), shared(connect(), clock=clock)
    one.add(entry(nano_aiu=4 * CREDIT))
    await one.look()
    clock.now += DAY
    two.add(entry(nano_aiu=1 * CREDIT))
    await two.look()
    await one.look()
    assert spent(one) == spent(two) == 1


async def test_requests_of_both_at_once_are_all_counted(connect: Connect) -> None:
    replicas = [shared(connect(), "1000 requests/day") for _ in range(3)]
    for number in range(60):
        replicas[number % 3].add(entry())
        await asyncio.gather(*(each.look() for each in replicas))
    await asyncio.gather(*(each.look() for each in replicas))
    assert [spent(each) for each in replicas] == [60, 60, 60]


# ---------------------------------------------------------------------------------------------- ledgers


class Replica:
    """A ledger and what tells the others of it."""

    def __init__(self, link: Link, directory: Path) -> None:
        self.directory = directory
        self.ledger = Ledger(directory / "ledger.sqlite", days=90, max_bytes=1 << 30)
        self.feed = LedgerFeed(link, self.ledger, directory)

    def request(self, name: str) -> None:
        made = entry(request_id=name, at=time.time())
        self.ledger.add(made)
        self.feed.add(made)

    def ids(self) -> list[str]:
        self.ledger.flush()
        path = self.directory / "ledger.sqlite"
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return sorted(row[0] for row in connection.execute("SELECT request_id FROM requests"))
        finally:
            connection.close()

    async def look(self) -> None:
        await self.feed.tell()
        await self.feed.learn()


@pytest.fixture
async def make(connect: Connect, tmp_path: Path) -> AsyncIterator[Callable[[str], Replica]]:
    made: list[Replica] = []

    def replica(name: str) -> Replica:
        made.append(Replica(connect(), tmp_path / name))
        return made[-1]

    yield replica
    for each in made:
        each.ledger.close()


async def test_every_ledger_has_all_requests_once(make: Callable[[str], Replica]) -> None:
    replicas = [make(f"replica{number}") for number in range(3)]
    wanted = []
    for number in range(40):
        for at, replica in enumerate(replicas):
            name = f"{at}-{number:02}"
            wanted.append(name)
            replica.request(name)
    for _ in range(2):
        for replica in replicas:
            await replica.look()
    for replica in replicas:
        assert replica.ids() == sorted(wanted)


async def test_more_than_one_batch(make: Callable[[str], Replica]) -> None:
    one, two = make("one"), make("two")
    names = [f"{number:04}" for number in range(1100)]
    for name in names:
        one.request(name)
    await one.look()
    await two.look()
    assert two.ids() == names


async def test_a_replica_that_starts_again_reads_on(make: Callable[[str], Replica]) -> None:
    one, two = make("one"), make("two")
    one.request("a")
    two.request("b")
    for each in (one, two, one):
        await each.look()
    one.ledger.close()
    two.request("c")
    await two.look()
    again = make("one")
    again.request("d")
    for _ in range(2):
        await again.look()
        await two.look()
    assert again.ids() == two.ids() == ["a", "b", "c", "d"]


async def test_a_kill_before_the_cursor_was_kept_writes_nothing_twice(make: Callable[[str], Replica]) -> None:
    one, two = make("one"), make("two")
    one.feed.start()  # keeps its name
    await one.feed.close()
    kept = (one.directory / "shared.json").read_text()
    two.request("b")
    await two.look()
    await one.look()
    one.ledger.close()
    (one.directory / "shared.json").write_text(kept)  # as if it had been killed before
    again = make("one")
    await again.look()
    await again.look()
    assert again.ids() == ["b"]


async def test_what_nobody_understands_is_passed_over(
    make: Callable[[str], Replica], connect: Connect
) -> None:
    one, two = make("one"), make("two")
    link = connect()
    await link.ask(
        "XADD", "{copilot-api}:ledger", "*", "replica", "z", "number", "x", "names", "", "entry", ""
    )
    await link.ask("XADD", "{copilot-api}:ledger", "*", "other", "thing")
    one.request("a")
    await one.look()
    await two.look()
    assert two.ids() == ["a"]
