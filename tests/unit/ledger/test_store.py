"""The ledger's writer: all that is added is in the file, whatever happens meanwhile."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from copilot_api.ledger import reports, schema, turns
from copilot_api.ledger.entry import Entry
from copilot_api.ledger.findings import Finding
from copilot_api.ledger.store import DAY, Ledger
from copilot_api.ledger.writing import insert, prune, row
from tests.unit.ledger.entries import entry

ROOT = Path(__file__).resolve().parents[3]


def written(path: Path) -> list[str]:
    connection = schema.open_to_read(path)
    assert connection is not None
    with connection:
        rows = connection.execute("SELECT request_id FROM requests ORDER BY id").fetchall()
    connection.close()
    return [row[0] for row in rows]


def test_what_is_added_is_written_in_order(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "data" / "ledger.sqlite", days=1e6, max_bytes=0)
    for number in range(100):
        ledger.add(entry(request_id=str(number)))
    ledger.flush()
    assert written(ledger.path) == [str(number) for number in range(100)]
    ledger.add(entry(request_id="last"))
    ledger.close()
    assert written(ledger.path)[-1] == "last"
    assert (ledger.written, ledger.lost) == (101, 0)


def test_members_come_back_as_they_went(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite", days=1e6, max_bytes=0)
    full = entry(nano_aiu=2**53 + 1, cached_tokens=7, first_byte_ms=1.5, rewrites="merged é", streamed=False)
    ledger.add(full)
    ledger.add(entry())
    ledger.close()
    connection = schema.open_to_read(ledger.path)
    assert connection is not None
    assert [found for _, found in reports.recent(connection, 10)] == [entry(), full]
    assert reports.one(connection, 1) == full
    assert reports.one(connection, 3) is None
    connection.close()


def test_nothing_is_made_before_the_first_entry(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "data" / "ledger.sqlite", days=1, max_bytes=0)
    ledger.flush()
    ledger.close()
    assert list(tmp_path.iterdir()) == []
    assert schema.open_to_read(ledger.path) is None


@pytest.mark.skipif(sys.platform == "win32", reason="no such modes there")
def test_r07_its_files_are_the_users_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        ledger = Ledger(tmp_path / "data" / "ledger.sqlite", days=1e6, max_bytes=0)
        ledger.add(entry())
        ledger.flush()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in ledger.path.parent.iterdir()}
        assert set(modes) >= {"ledger.sqlite", "ledger.sqlite-wal"}
        assert set(modes.values()) == {0o600}
        assert stat.S_IMODE(ledger.path.parent.stat().st_mode) == 0o700
        ledger.close()
    finally:
        os.umask(before)


def test_threads_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite", days=1e6, max_bytes=0, interval=0.001)

    def add(name: str) -> None:
        for number in range(500):
            ledger.add(entry(request_id=f"{name}{number}"))

    threads = [threading.Thread(target=add, args=(name,)) for name in "ab"]
    # One adds from the loop's thread in the program; two are harder on the hand-over to the writer.
    ledger.add(entry(request_id="first"))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.close()
    found = written(ledger.path)
    assert len(found) == len(set(found)) == 1001
    assert [each for each in found if each[0] == "a"] == [f"a{number}" for number in range(500)]


def test_an_idle_ledger_wakes_for_the_next_entry(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite", days=1e6, max_bytes=0, interval=0.001)
    for number in range(20):
        ledger.add(entry(request_id=str(number)))
        ledger.flush()
        assert len(written(ledger.path)) == number + 1
    ledger.close()


def test_r53_a_disk_that_takes_nothing_is_said_once_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "data"
    blocked.write_text("a file where the directory should be")
    ledger = Ledger(blocked / "ledger.sqlite", days=1e6, max_bytes=0, interval=0.001)
    with caplog.at_level(logging.WARNING):
        ledger.add(entry())
        ledger.add(entry())
        ledger.close()
    assert (ledger.written, ledger.lost) == (0, 2)
    assert caplog.text.count("cannot be written") == 1


def test_r53_what_could_not_be_written_is_written_when_there_is_room_again(tmp_path: Path) -> None:
    blocked = tmp_path / "data"
    blocked.write_text("a file where the directory should be")
    ledger = Ledger(blocked / "ledger.sqlite", days=1e6, max_bytes=0, interval=0.001)
    ledger.add(entry(request_id="early"))
    blocked.unlink()
    ledger.add(entry(request_id="late"))
    ledger.flush()
    assert written(ledger.path) == ["early", "late"]
    ledger.close()


def test_a_ledger_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    ledger = Ledger(path, days=1e6, max_bytes=0)
    ledger.add(entry())
    ledger.flush()
    ledger.close()
    assert ledger.lost == 1
    with pytest.raises(schema.UnknownLedger, match="version 99"):
        schema.open_to_read(path)


def test_old_entries_go_by_age_and_by_size(tmp_path: Path) -> None:
    now = 100 * DAY
    connection = schema.open_to_write(tmp_path / "ledger.sqlite")
    rows = [entry(at=now - age * DAY, request_id=str(age), rewrites="x" * 500) for age in range(40)]
    insert(connection, [row(each) for each in rows])
    assert prune(connection, now - 29.5 * DAY, 0) == 10
    kept = [row[0] for row in connection.execute("SELECT request_id FROM requests ORDER BY id")]
    assert kept == [str(age) for age in range(30)]
    pages = connection.execute("PRAGMA page_count").fetchone()[0] * 4096
    assert prune(connection, 0, pages // 2) > 10
    kept = [row[0] for row in connection.execute("SELECT request_id FROM requests ORDER BY id")]
    assert kept
    assert kept == [str(age) for age in range(len(kept))], "the newest stay"
    connection.close()


WRITER = """
import sys
from pathlib import Path
from copilot_api.ledger.store import Ledger
from tests.unit.ledger.entries import entry
ledger = Ledger(Path(sys.argv[1]), days=1e6, max_bytes=0, interval=0.001)
number = 0
while True:
    ledger.add(entry(request_id=str(number)))
    if number % 50 == 49:
        ledger.flush()
        print(number, flush=True)
    number += 1
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no kill -9 there")
def test_r56_a_killed_writer_loses_nothing_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    for after in (1, 3, 10):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(after)]
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        found = written(path)
        assert found[-1:] != []
        assert int(said[-1]) < len(found)
        path.unlink()


def of_version_1(path: Path, *entries: Entry) -> None:
    """Make a ledger as the first version did."""
    with sqlite3.connect(path) as connection:
        columns = ", ".join(f"{name} {schema.TYPES[name]}" for name in schema.COLUMNS)
        connection.execute(f"CREATE TABLE requests (id INTEGER PRIMARY KEY, {columns})")
        places = ", ".join("?" * len(schema.COLUMNS))
        rows = [row(each)[: len(schema.COLUMNS)] for each in entries]
        connection.executemany(
            f"INSERT INTO requests ({', '.join(schema.COLUMNS)}) VALUES ({places})",  # noqa: S608
            rows,
        )
        connection.execute("PRAGMA user_version = 1")
    connection.close()


def test_a_ledger_of_the_first_version_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    of_version_1(path, entry(request_id="old", nano_aiu=7))
    before = path.read_bytes()
    connection = schema.open_to_read(path)
    assert connection is not None
    assert reports.total(connection).nano_aiu == 7
    assert turns.sums(connection, 0.0, {}).turns == 0
    assert turns.turns(connection, 0.0, {}, limit=9) == ()
    assert [each.request_id for _, each in reports.recent(connection, 9)] == ["old"]
    connection.close()
    assert path.read_bytes() == before


def test_a_ledger_of_the_first_version_is_brought_up_to_date_by_who_writes(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    of_version_1(path, entry(request_id="old", nano_aiu=7))
    ledger = Ledger(path, days=1e6, max_bytes=0)
    ledger.examine = lambda entry, chain, saving: Finding("system", "system[0].text", 5, 50, 1.0)
    ledger.add(entry(request_id="new", nano_aiu=8), object(), 10.0)
    ledger.add(entry(request_id="not looked at", nano_aiu=9))
    ledger.close()
    assert written(path) == ["old", "new", "not looked at"]
    connection = schema.open_to_read(path)
    assert connection is not None
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    assert reports.total(connection).nano_aiu == 24
    found = turns.turns(connection, 0.0, {}, limit=9)
    assert [(each.cause, each.path, each.lost_tokens, each.lost_nano) for each in found] == [
        ("system", "system[0].text", 5, 50)
    ]
    connection.close()


def test_a_doctor_that_fails_costs_the_finding_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite", days=1e6, max_bytes=0)

    def examine(_entry: Entry, _chain: object, _saving: float | None) -> Finding:
        raise ZeroDivisionError

    ledger.examine = examine
    for number in range(3):
        ledger.add(entry(request_id=str(number)), object())
    ledger.close()
    assert written(ledger.path) == ["0", "1", "2"]
    assert caplog.text.count("could not be examined") == 1
