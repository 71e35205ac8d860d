"""Captures on disk: private, bounded, expiring (R-53, R-56)."""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from copilot_api.capture import store as module
from copilot_api.capture.store import FORMAT, Store, find, listed, place, prune, read
from tests.support.waiting import until


def make(text: str = "") -> dict[str, Any]:
    return {"format": FORMAT, "text": text}


def written(directory: Path, *names: str, size: int = 1 << 20, age: float = 1e6) -> None:
    store = Store(directory, size=size, age=age)
    for at, name in enumerate(names):
        store.add(1_795_723_187.5 + at, name, make)
    store.close()


def test_a_record_is_a_file_for_this_user_alone(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "capture"
    written(directory, "id-1")
    (kept,) = listed(directory)
    assert kept.path.name == "20261126T195947.500Z-id-1.json"
    assert read(kept) == make()
    if sys.platform != "win32":
        assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_they_are_found_by_the_beginning_of_their_id(tmp_path: Path) -> None:
    written(tmp_path, "abc-1", "abd-2", "abc-3")
    (tmp_path / "notes.txt").write_text("not ours", "utf-8")
    assert [each.id for each in listed(tmp_path)] == ["abc-3", "abd-2", "abc-1"]
    found = [find(tmp_path, name) for name in ("abc", "abc-1", "last", "x")]
    assert [each and each.id for each in found] == ["abc-3", "abc-1", "abc-3", None]


def test_the_oldest_go_beyond_the_size(tmp_path: Path) -> None:
    written(tmp_path, "a", "b", "c", "d")
    for at, each in enumerate(reversed(listed(tmp_path))):
        os.utime(each.path, (1000 + at, 1000 + at))
    size = listed(tmp_path)[0].size
    prune(tmp_path, 2 * size, 0.0)
    assert [each.id for each in listed(tmp_path)] == ["d", "c"]


def test_what_is_too_old_goes_also_when_nothing_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "old")
    monkeypatch.setattr(module, "PRUNE_INTERVAL", 0.01)
    now = [listed(tmp_path)[0].at + 50.0]
    store = Store(tmp_path, size=1 << 20, age=100.0, now=lambda: now[0])
    assert [each.id for each in listed(tmp_path)] == ["old"]
    now[0] += 51.0
    until(lambda: not listed(tmp_path))
    store.close()


def test_lists_leave_out_what_is_too_old(tmp_path: Path) -> None:
    written(tmp_path, "old")
    os.utime(listed(tmp_path)[0].path, (1000, 1000))
    assert listed(tmp_path, age=60.0) == []


def test_it_is_busy_while_the_disk_is(tmp_path: Path) -> None:
    store = Store(tmp_path, size=1 << 20, age=100.0)
    begun, go = threading.Event(), threading.Event()

    def slow() -> dict[str, Any]:
        begun.set()
        go.wait(20)
        return make()

    store.add(1.0, "first", slow)
    assert begun.wait(20)
    for number in range(module.MOST_WAITING):
        assert not store.is_busy
        store.add(2.0, f"n-{number}", make)
    assert store.is_busy
    go.set()
    store.close()
    assert len(listed(tmp_path)) == module.MOST_WAITING + 1


def test_r53_a_directory_that_is_gone_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory = tmp_path / "capture"
    store = Store(directory, size=1 << 20, age=100.0)
    directory.rmdir()
    for _ in range(3):
        store.add(1.0, "x", make)
    store.close()
    assert [each.getMessage() for each in caplog.records] == [
        f"captures cannot be written to {directory}: No such file or directory"
    ]


def test_a_record_that_cannot_be_made_says_nothing_of_its_content(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> dict[str, Any]:
        raise ValueError("MarkOfAPrompt")

    store = Store(tmp_path, size=1 << 20, age=100.0)
    store.add(1.0, "x", broken)
    store.add(1.0, "y", make)
    store.close()
    assert "MarkOfAPrompt" not in caplog.text
    assert "could not be captured: ValueError" in caplog.text
    assert [each.id for each in listed(tmp_path)] == ["y"]


def test_r56_what_a_killed_process_was_writing_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".20261126T195947.500Z-x.json.abc"
    left.write_text("{", "utf-8")
    prune(tmp_path, 1 << 20, 0.0)
    assert left.exists(), "another process may be writing it now"
    os.utime(left, (1000, 1000))
    prune(tmp_path, 1 << 20, 0.0)
    assert not left.exists()


@pytest.mark.parametrize("content", ["[]", "{}", json.dumps({"format": FORMAT + 1}), "not json"])
def test_what_is_no_record_of_ours_is_refused(tmp_path: Path, content: str) -> None:
    written(tmp_path, "x")
    (kept,) = listed(tmp_path)
    kept.path.write_text(content, "utf-8")
    with pytest.raises(ValueError, match=r"another version|Expecting"):
        read(kept)


def test_where_they_are() -> None:
    assert place("on", Path("/data")) == place(None, Path("/data")) == Path("/data/capture")
    assert place("/elsewhere", Path("/data")) == Path("/elsewhere")
