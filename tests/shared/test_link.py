"""The store may go away and come back at any moment; nobody waits for it longer than its patience."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable

import pytest

from copilot_api.redaction import Secret
from copilot_api.shared import scripts
from copilot_api.shared.link import Link, StoreAway, StoreRefused
from tests.support.store_server import StoreServer, free_port

Connect = Callable[[], Link]


async def until_up(link: Link) -> None:
    async with asyncio.timeout(20):
        while not link.is_up:  # noqa: ASYNC110 - set by a thread
            await asyncio.sleep(0.01)


async def test_many_questions_get_their_own_answers(connect: Connect) -> None:
    link = connect()
    answers = await asyncio.gather(*(link.ask("ECHO", str(number)) for number in range(1000)))
    assert answers == [str(number).encode() for number in range(1000)]


async def test_a_store_that_is_killed_and_comes_back_empty(connect: Connect, server: StoreServer) -> None:
    link = connect()
    assert await link.run(scripts.TAKE_PLACE, "p", 1, "a", 1_000_000_000)
    server.kill()
    with pytest.raises(StoreAway, match="no connection"):
        await link.run(scripts.TAKE_PLACE, "p", 1, "b", 1_000_000_000)
    with pytest.raises(StoreAway):
        await link.ask("PING")
    server.start()
    await until_up(link)
    assert await link.run(scripts.TAKE_PLACE, "p", 1, "b", 1_000_000_000)


async def test_scripts_that_were_flushed_are_loaded_again(connect: Connect) -> None:
    link = connect()
    await link.ask("SCRIPT", "FLUSH")
    assert await link.run(scripts.TAKE_PLACE, "p", 1, "a", 1_000_000_000) == 1


async def test_a_silent_store_is_waited_for_once(connect: Connect, server: StoreServer) -> None:
    link = connect()
    server.freeze()
    try:
        with pytest.raises(StoreAway, match="no answer in time"):
            await link.ask("PING")
        assert not link.is_up
    finally:
        server.thaw()
    await until_up(link)
    assert await link.ask("ECHO", "back") == b"back"


async def test_a_refusal_of_one_is_not_the_others(connect: Connect) -> None:
    link = connect()
    await link.ask("SET", "text", "x")
    wrong, right = await asyncio.gather(
        link.ask("HGET", "text", "field"), link.ask("GET", "text"), return_exceptions=True
    )
    assert isinstance(wrong, StoreRefused)
    assert right == b"x"
    assert link.is_up


async def test_nobody_listens_at_first(caplog: pytest.LogCaptureFixture) -> None:
    link = Link(Secret(f"redis://:hidden-word@127.0.0.1:{free_port()}/0"))
    link.start()
    with pytest.raises(StoreAway):
        await link.ask("PING")
    link.tell("SET", "a", "b")
    assert link.lost == 1
    link.close()
    assert "away" in caplog.text
    assert "hidden-word" not in caplog.text


def test_a_wrong_password_is_told_without_it() -> None:
    with StoreServer("--requirepass", "right-word") as server:
        link = Link(Secret(server.url.replace("//", "//:wrong-word@")))
        with pytest.raises(StoreRefused) as refused:
            link.start()
        assert "word" not in str(refused.value).replace("password", "")
        Link(Secret(server.url.replace("//", "//:right-word@"))).start()


def test_who_answers_nonsense_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def talk() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=talk, daemon=True).start()
        link = Link(Secret(f"redis://127.0.0.1:{listener.getsockname()[1]}/0"))
        try:
            link.start()
        except StoreRefused as error:
            assert str(error)
        assert not link.is_up
        link.close()


async def test_who_asks_after_the_end_is_told(connect: Connect) -> None:
    link = connect()
    asked = [asyncio.ensure_future(link.ask("ECHO", str(number))) for number in range(50)]
    await asyncio.sleep(0)
    await asyncio.to_thread(link.close)
    late = asyncio.ensure_future(link.ask("PING"))
    answers = await asyncio.gather(*asked, late, return_exceptions=True)
    assert answers[:50] == [str(number).encode() for number in range(50)]
    assert isinstance(answers[50], StoreAway)
