"""A kept answer is every replica's; whatever is wrong with it or with the store, the request is asked."""

from __future__ import annotations

from collections.abc import Callable

from copilot_api.engine.cache_interfaces import CachedAnswer
from copilot_api.shared.answers import LARGEST, SharedAnswers
from copilot_api.shared.link import Link
from tests.support.store_server import StoreServer

Connect = Callable[[], Link]
ANSWER = CachedAnswer(b'{"a":\n1}', (("content-type", "application/json"),))


async def test_one_replica_gives_and_another_finds(connect: Connect) -> None:
    link = connect()
    now = 1000.0
    giver = SharedAnswers(link, 3600.0, lambda: now)
    finder = SharedAnswers(connect(), 3600.0, lambda: now + 5)
    assert await finder.find(b"k", None) is None
    giver.give(b"k", ANSWER)
    await link.ask("PING")
    assert await finder.find(b"k", None) == (ANSWER, 5.0)
    assert await finder.find(b"k", 5.0) == (ANSWER, 5.0)
    assert await finder.find(b"k", 4.0) is None
    assert await finder.find(b"k", 0) is None
    lives = await link.ask("PTTL", "{copilot-api}:answer:" + b"k".hex())
    assert 3_500_000 < lives <= 3_600_000


async def test_large_answers_stay_at_home(connect: Connect) -> None:
    link = connect()
    answers = SharedAnswers(link, 0.0)
    answers.give(b"k", CachedAnswer(b"x" * (LARGEST + 1)))
    await link.ask("PING")
    assert await answers.find(b"k", None) is None


async def test_what_is_no_answer_is_none(connect: Connect, server: StoreServer) -> None:
    link = connect()
    answers = SharedAnswers(link, 60.0)
    for text in (b"", b"{}", b"[1]\nx", b'["a", []]\nx', b"[1, [1]]\nx", b"\xff\n"):
        await link.ask("SET", "{copilot-api}:answer:" + b"k".hex(), text)
        assert await answers.find(b"k", None) is None
    server.freeze()
    try:
        assert await answers.find(b"k", None) is None
        answers.give(b"k", ANSWER)
    finally:
        server.thaw()
