"""`copilot-api cache`: what broke caches, for a person and for a program."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from copilot_api.cli import cache
from copilot_api.cli.arguments import parse
from copilot_api.cli.commands import COMMANDS
from copilot_api.cli.console import Console
from copilot_api.cli.main import Invocation
from copilot_api.configuration import ConfigurationError
from copilot_api.ledger.entry import NANO_AIU_PER_CREDIT
from copilot_api.ledger.findings import Finding
from copilot_api.ledger.store import Ledger
from tests.unit.ledger.entries import entry

Run = Callable[..., str]

FINDINGS = (
    Finding("first"),
    Finding("kept", "", 0, 0, 4.0),
    Finding("tool_changed", "tools[3].description", 19_000, 2 * NANO_AIU_PER_CREDIT, 5.0),
    Finding("idle", "", 500, None, 400.0),
)


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    command = next(each for each in COMMANDS if each.name == "cache")

    def run(*words: str) -> str:
        assert cache.run(Invocation(parse(words, command.flags()), Console(verbose=False), tmp_path)) == 0
        return capsys.readouterr().out

    return run


@pytest.fixture
def kept(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / ".local/share/copilot-api/ledger.sqlite", days=90, max_bytes=0)
    ledger.examine = lambda _entry, chain, _saving: FINDINGS[int(str(chain))]
    for number in range(len(FINDINGS)):
        for session in ("one", "two"):
            facts = {"session": session, "input_tokens": 20_000, "cached_tokens": 10_000}
            ledger.add(entry(at=time.time(), **facts), number)
    ledger.add(entry(at=time.time(), session="one"))
    ledger.close()


def test_without_a_ledger_it_says_so(run: Run, tmp_path: Path) -> None:
    assert "Nothing yet" in run()
    assert json.loads(run("--json"))["total"] is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("kept")
def test_causes_with_their_words(run: Run) -> None:
    said = run().splitlines()
    assert said[0] == (
        "6 turns that go on from another: 50% of their input came from the cache."
        " 2 kept all that stood before. Lost: 39,000 tokens, 4.00 credits."
    )
    assert said[2].split() == ["CAUSE", "WHERE", "TURNS", "LOST", "CREDITS"]
    assert said[3].split() == ["tool_changed", "tools[3].description", "2", "38.0k", "4.00"]
    assert said[4].split() == ["idle", "-", "2", "1,000"]
    assert said[6].startswith("tool_changed:  the definition of a tool changed")


@pytest.mark.usefixtures("kept")
def test_a_session_turn_by_turn(run: Run) -> None:
    said = run("--session", "one").splitlines()
    assert said[2].split() == ["TIME", "MODEL", "INPUT", "CACHED", "LOST", "CAUSE", "WHERE"]
    assert [line.split()[3:] for line in said[3:7]] == [
        ["20.0k", "50%", "first"],
        ["20.0k", "50%", "0", "kept"],
        ["20.0k", "50%", "19.0k", "tool_changed", "tools[3].description"],
        ["20.0k", "50%", "500", "idle"],
    ]
    assert "Nothing yet" in run("--session", "three")


@pytest.mark.usefixtures("kept")
def test_json_has_what_is_known(run: Run) -> None:
    told = json.loads(run("--json", "--session", "two", "--since", "today"))
    assert told["total"]["turns"] == 3
    assert told["causes"][1] == {
        "cause": "idle",
        "path": "",
        "turns": 1,
        "lost_tokens": 500,
        "lost_nano": None,
    }
    assert [each["cause"] for each in told["turns"]] == ["first", "kept", "tool_changed", "idle"]
    assert "turns" not in json.loads(run("--json"))


def test_a_time_that_is_none(run: Run) -> None:
    with pytest.raises(ConfigurationError, match="--since soon"):
        run("--since", "soon")
