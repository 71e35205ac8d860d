"""``keys.json``: what may stand in it, and that it is whole, private and changed in turns."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from copilot_api.keys.secrets import digest
from copilot_api.keys.store import KeyFileProblem, KeyStore
from copilot_api.keys.stored import BadKeyText, StoredKey, dump, parse
from copilot_api.records import replace


def key(name: str, **more: Any) -> StoredKey:
    return StoredKey(f"k-{name}", name, f"sha256:{digest(name).hex()}", 1_700_000_000, **more)


EVERYTHING = key(
    "ann", expires=1_800_000_000, models=("sonnet", "gpt-*"), rate=30, concurrency=2, revoked=1_700_000_001
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    keys = (EVERYTHING, key("bob"), replace(key("zoe"), name="Zoë 漢"))
    assert parse(dump(keys)) == keys
    assert parse(dump(())) == ()
    store = KeyStore(tmp_path / "data")
    assert store.read() == ((), None)
    store.change(lambda _: keys)
    found, identity = store.read()
    assert found == keys
    assert identity == store.identity()


def test_the_text_has_a_line_for_each_key_and_no_key() -> None:
    lines = dump((EVERYTHING, key("bob"))).split("\n")
    assert [json.loads(line.rstrip(","))["name"] for line in lines[3:5]] == ["ann", "bob"]
    assert "ann" not in repr(replace(EVERYTHING, name="x", id="y"))


GOOD = '{"id": "k1", "name": "n", "hash": "sha256:' + "0" * 64 + '", "created": 1%s}'


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("3", "must be an object"),
        ("{}", '"id" must be a string'),
        (GOOD.replace("k1", "k 1") % "", '"id" must be letters'),
        (GOOD.replace('"n"', '"\\u001b[2J"') % "", '"name" must be'),
        (GOOD.replace("sha256", "md5") % "", '"hash" must be sha256'),
        (GOOD.replace(": 1", ": true") % "", '"created" must be Unix seconds'),
        (GOOD % ', "rate": 0', '"rate" must be a whole number, 1 or more'),
        (GOOD % ', "rate": 1.5', '"rate" must be'),
        (GOOD % ', "concurrency": "2"', '"concurrency" must be'),
        (GOOD % ', "expires": null', '"expires" must be'),
        (GOOD % ', "models": "gpt-4.1"', '"models" must be a list'),
        (GOOD % ', "models": []', '"models" must not be empty'),
        (GOOD % ', "modles": ["gpt-4.1"]', '"modles" means nothing here'),
        (GOOD.replace("k1", "k0") % "", 'the same "id"'),
        (GOOD % "", 'the same "hash"'),
    ],
)
def test_r09_a_mistake_is_told_by_its_line(entry: str, words: str) -> None:
    first = GOOD.replace("k1", "k0") % ""
    text = f'{{"version": 1,\n "keys": [\n\n{first},\n  {entry}\n]}}'
    with pytest.raises(BadKeyText) as caught:
        parse(text)
    assert words in str(caught.value)
    assert caught.value.line == 5


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("[]", 1),
        ('{"keys": {}}', 1),
        ('{"version": 2, "keys": []}', 1),
        ('{\n"keys": [\n', 3),
        ("[" * 100_000, 1),
    ],
)
def test_r09_what_is_no_list_of_keys_is_refused(text: str, line: int) -> None:
    with pytest.raises(BadKeyText) as caught:
        parse(text)
    assert caught.value.line == line


def test_r09_the_file_is_private_and_a_loose_one_is_tightened(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = KeyStore(tmp_path / "data")
    store.change(lambda _: (key("ann"),))
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    store.path.chmod(0o644)
    store.read()
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert "its mode is now 0600" in caplog.text


def test_r09_changes_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    store, names = KeyStore(tmp_path), [f"n{number}" for number in range(8)]
    threads = [
        threading.Thread(target=lambda name=name: KeyStore(tmp_path).change(lambda keys: (*keys, key(name))))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.name for each in store.read()[0]) == sorted(names)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keys.json", "keys.lock"]


def test_r09_a_change_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    store.change(lambda _: (key("ann"),))
    before = store.path.read_text()

    def fails(_: object) -> tuple[StoredKey, ...]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.change(fails)
    with pytest.raises(BadKeyText):
        store.change(lambda keys: (*keys, replace(key("bob"), id="not an id")))
    assert store.path.read_text() == before


def test_r09_a_file_that_cannot_be_used_is_not_replaced(tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    store.path.write_bytes(b'{"keys": [\n\xff')
    with pytest.raises(KeyFileProblem, match=r"line 2: no UTF-8"):
        store.read()
    with pytest.raises(KeyFileProblem):
        store.change(lambda _: ())
    assert store.path.read_bytes() == b'{"keys": [\n\xff'


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".keys.json.abc").write_text("half")
    KeyStore(tmp_path).change(lambda _: ())
    assert not (tmp_path / ".keys.json.abc").exists()
