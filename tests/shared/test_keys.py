"""Keys that are changed anywhere are those of all replicas; without a store they stay as they were."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from copilot_api.keys.secrets import digest
from copilot_api.keys.store import KeyFileProblem, KeyStore
from copilot_api.keys.stored import StoredKey
from copilot_api.redaction import Secret
from copilot_api.shared.keys import KeyMirror, SharedKeyStore, fetch
from copilot_api.shared.link import Link
from tests.support.store_server import StoreServer, free_port

Connect = Callable[[], Link]


def key(name: str) -> StoredKey:
    return StoredKey(f"k-{name}", name, f"sha256:{digest(name).hex()}", 1_700_000_000)


def names(directory: Path) -> list[str]:
    return sorted(each.name for each in KeyStore(directory).read()[0])


def shared(server: StoreServer, directory: Path) -> SharedKeyStore:
    return SharedKeyStore(directory, Secret(server.url))


async def test_a_key_reaches_the_file_of_each_replica(
    server: StoreServer, connect: Connect, tmp_path: Path
) -> None:
    await asyncio.to_thread(shared(server, tmp_path / "operator").change, lambda keys: (*keys, key("ann")))
    mirrors = [KeyMirror(connect(), KeyStore(tmp_path / each)) for each in ("one", "two")]
    for mirror in mirrors:
        await mirror.copy()
    assert names(tmp_path / "one") == names(tmp_path / "two") == names(tmp_path / "operator") == ["ann"]
    assert (tmp_path / "one/keys.json").stat().st_mode & 0o777 == 0o600


async def test_an_empty_store_gets_the_keys_of_the_first_replica(
    server: StoreServer, connect: Connect, tmp_path: Path
) -> None:
    KeyStore(tmp_path / "one").change(lambda _: (key("ann"),))
    KeyStore(tmp_path / "two").change(lambda _: (key("ben"),))
    first, second = (KeyMirror(connect(), KeyStore(tmp_path / each)) for each in ("one", "two"))
    await first.copy()
    await second.copy()
    assert names(tmp_path / "two") == ["ann"]


def test_those_who_change_at_once_undo_nothing(server: StoreServer, tmp_path: Path) -> None:
    def add(number: int) -> None:
        shared(server, tmp_path / f"operator{number}").change(lambda keys: (*keys, key(f"n{number}")))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fetch(Secret(server.url), tmp_path / "replica")
    assert names(tmp_path / "replica") == [f"n{number}" for number in range(6)]


async def test_without_the_store_the_keys_stay(server: StoreServer, connect: Connect, tmp_path: Path) -> None:
    KeyStore(tmp_path).change(lambda _: (key("ann"),))
    mirror = KeyMirror(connect(), KeyStore(tmp_path))
    server.freeze()
    try:
        await mirror.copy()
    finally:
        server.thaw()
    assert names(tmp_path) == ["ann"]


async def test_what_cannot_be_read_replaces_nothing(
    connect: Connect, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    KeyStore(tmp_path).change(lambda _: (key("ann"),))
    link = connect()
    mirror = KeyMirror(link, KeyStore(tmp_path))
    await link.ask("SET", "{copilot-api}:keys", '{"version": 1, "keys": [{"id": "k1"}]}')
    await mirror.copy()
    await mirror.copy()
    assert names(tmp_path) == ["ann"]
    assert caplog.text.count("cannot be used") == 1


def test_a_change_that_the_store_does_not_hear_of_is_none(tmp_path: Path) -> None:
    store = SharedKeyStore(tmp_path, Secret(f"redis://127.0.0.1:{free_port()}/0"))
    with pytest.raises(KeyFileProblem, match="nothing was changed"):
        store.change(lambda keys: (*keys, key("ann")))
    assert names(tmp_path) == []
