"""The keys that are good now."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from copilot_api.keys.ring import POLL, GivenKey, KeyRing
from copilot_api.keys.secrets import digest
from copilot_api.keys.store import KeyStore
from copilot_api.keys.stored import StoredKey
from copilot_api.records import replace
from copilot_api.redaction import Secret
from tests.support.virtual_time import run_virtual

NOW = 1_000.0


def key(name: str, **more: Any) -> StoredKey:
    return StoredKey(f"k-{name}", name, f"sha256:{digest(name).hex()}", 1, **more)


def given(*keys: str) -> tuple[GivenKey, ...]:
    return tuple(GivenKey("option", Secret(each)) for each in keys)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def ring(tmp_path: Path, *keys: StoredKey) -> tuple[KeyRing, KeyStore, Clock]:
    store, clock = KeyStore(tmp_path), Clock()
    if keys:
        store.change(lambda _: keys)
    return KeyRing((), store, clock), store, clock


def test_r09_without_keys_none_is_needed(tmp_path: Path) -> None:
    assert not KeyRing().on
    assert not ring(tmp_path)[0].on
    assert not ring(tmp_path, key("gone", revoked=1))[0].on


def test_r09_a_key_is_found_by_its_whole_text() -> None:
    keys = KeyRing(given("key-one", "key-two"))
    one, two = keys.find("key-one"), keys.find("key-two")
    assert one is not None
    assert two is not None
    assert (one.name, one.models) == ("option", ())
    assert one.id != two.id
    assert keys.several
    for wrong in ("", "key", "key-onex", "KEY-ONE", digest("key-one").hex()):
        assert keys.find(wrong) is None
        assert not keys.was_good(wrong)


def test_r09_a_key_ends_at_its_time(tmp_path: Path) -> None:
    keys, _, clock = ring(tmp_path, key("short", expires=int(NOW) + 10))
    assert keys.find("short") is not None
    clock.now = NOW + 10
    assert keys.find("short") is None
    assert keys.was_good("short")
    assert keys.count == 0
    assert keys.on


def test_r09_additions_changes_and_revocations_are_taken_over(tmp_path: Path) -> None:
    keys, store, _ = ring(tmp_path, key("ann"), key("bob"))
    ended: list[frozenset[str]] = []
    keys.when_ended = ended.append
    ann, bob = keys.find("ann"), keys.find("bob")
    store.change(lambda found: (replace(found[0], rate=5), found[1], key("eve")))
    keys.poll()
    changed = keys.find("ann")
    assert changed is not None
    assert (changed.id, changed.rate, changed is ann) == ("k-ann", 5, False)
    assert keys.find("bob") is bob
    assert keys.find("eve") is not None
    assert ended == []
    store.change(
        lambda found: tuple(replace(each, revoked=2) if each.name == "bob" else each for each in found)
    )
    keys.poll()
    assert keys.find("bob") is None
    assert keys.was_good("bob")
    assert ended == [frozenset({"k-bob"})]
    store.change(lambda _: ())
    keys.poll()
    assert ended[1] == frozenset({"k-ann", "k-eve"})
    assert keys.was_good("eve")


def test_r09_revoking_the_last_key_shuts_and_does_not_open(tmp_path: Path) -> None:
    keys, store, _ = ring(tmp_path, key("ann"))
    store.change(lambda found: (replace(found[0], revoked=2),))
    keys.poll()
    assert (keys.on, keys.count) == (True, 0)


def test_r09_a_file_that_is_bad_or_gone_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys, store, _ = ring(tmp_path, key("ann"))
    good = store.path.read_text()
    store.path.write_text("{\n")
    for _ in range(3):
        keys.poll()
    assert caplog.text.count("line 2") == 1
    assert keys.find("ann") is not None
    store.path.unlink()
    for _ in range(3):
        keys.poll()
    assert caplog.text.count("are gone") == 1
    assert keys.find("ann") is not None
    store.path.write_text(good.replace("ann", "anna"))
    keys.poll()
    found = keys.find("ann")
    assert found is not None
    assert found.name == "anna"


def test_r09_keys_of_options_may_be_others_after_a_reload() -> None:
    keys = KeyRing(given("key-one", "key-two"))
    ended: list[frozenset[str]] = []
    keys.when_ended = ended.append
    one = keys.find("key-one")
    keys.adopt(given("key-one", "key-three"))
    assert keys.find("key-one") is one
    assert keys.find("key-two") is None
    assert len(ended[0]) == 1
    keys.adopt(())
    assert not keys.on


def test_r09_the_file_is_looked_at_each_second(tmp_path: Path) -> None:
    keys, store, _ = ring(tmp_path)

    async def main() -> None:
        keys.watch()
        store.change(lambda _: (key("ann"),))
        await asyncio.sleep(POLL * 0.9)
        assert not keys.on
        await asyncio.sleep(POLL * 0.2)
        assert keys.on
        keys.close()
        store.change(lambda found: (*found, key("bob")))
        await asyncio.sleep(POLL * 3)
        assert keys.find("bob") is None

    run_virtual(main())
