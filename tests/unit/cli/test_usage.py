"""`copilot-api usage`: what the ledger holds, for a person, a program and a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from copilot_api.cli import usage
from copilot_api.cli.arguments import parse
from copilot_api.cli.commands import COMMANDS
from copilot_api.cli.console import Console
from copilot_api.cli.main import Invocation
from copilot_api.configuration import ConfigurationError
from copilot_api.ledger.entry import NANO_AIU_PER_CREDIT
from copilot_api.ledger.store import Ledger
from tests.unit.ledger.entries import entry

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    command = next(each for each in COMMANDS if each.name == "usage")

    def run(*words: str) -> tuple[int, str]:
        code = usage.run(Invocation(parse(words, command.flags()), Console(verbose=False), tmp_path))
        return code, capsys.readouterr().out

    return run


@pytest.fixture
def spent(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / ".local/share/copilot-api/ledger.sqlite", days=90, max_bytes=0)
    now = time.time()
    credit = NANO_AIU_PER_CREDIT
    ledger.add(
        entry(at=now, model="big", key="ann", input_tokens=20_000, cached_tokens=10_000, nano_aiu=credit)
    )
    ledger.add(entry(at=now, model="big", key="bob", input_tokens=5, output_tokens=7, nano_aiu=credit // 2))
    ledger.add(entry(at=now, model="small", key="bob", outcome="upstream_failed"))
    ledger.add(entry(at=now - 3 * 86_400, model="old", nano_aiu=9 * credit))
    ledger.close()


def test_without_a_ledger_it_says_so(run: Run, tmp_path: Path) -> None:
    code, said = run()
    assert code == 0
    assert "Nothing yet" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("spent")
def test_a_table_by_model_with_its_sum(run: Run) -> None:
    code, said = run("--by", "model", "--since", "12h")
    assert code == 0
    rows = [line.split() for line in said.strip().splitlines()]
    assert rows[0][:3] == ["MODEL", "REQUESTS", "FAILED"]
    assert "1.50" in rows[1]
    assert [row[0] for row in rows[1:]] == ["big", "small", "total"]


@pytest.mark.usefixtures("spent")
def test_json_has_the_exact_amounts(run: Run) -> None:
    _, said = run("--by", "key", "--since", "12h", "--json")
    told = json.loads(said)
    assert {group["group"]: group["nano_aiu"] for group in told["groups"]} == {
        "ann": NANO_AIU_PER_CREDIT,
        "bob": NANO_AIU_PER_CREDIT // 2,
    }
    assert told["total"]["requests"] == 3
    assert told["total"]["failed"] == 1


@pytest.mark.usefixtures("spent")
def test_csv_leaves_empty_what_nobody_said(run: Run) -> None:
    _, said = run("--by", "model", "--since", "all", "--csv")
    rows = list(csv.DictReader(io.StringIO(said)))
    assert [row["model"] for row in rows] == ["old", "big", "small"]
    assert rows[2]["nano_aiu"] == ""


@pytest.mark.usefixtures("spent")
def test_filters(run: Run) -> None:
    _, said = run("--since", "all", "--model", "old", "--json")
    assert json.loads(said)["total"]["requests"] == 1


@pytest.mark.parametrize("words", [("--by", "mood"), ("--since", "yesterday")])
def test_what_is_not_understood_is_explained(run: Run, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match=words[1]):
        run(*words)
