"""`copilot-api config`: values with their origins, and a config file that is changed or left alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from copilot_api.cli.arguments import parse
from copilot_api.cli.commands import COMMANDS
from copilot_api.cli.config import run as run_command
from copilot_api.cli.console import Console
from copilot_api.cli.main import Invocation
from copilot_api.configuration import ConfigurationError, load
from copilot_api.settings import option_fields

Run = Callable[..., tuple[int, str, str]]
SECRET = "a-client-key-of-forty-characters-0123456789"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / ".local/share/copilot-api/config.toml"
    path.parent.mkdir(parents=True, mode=0o700)
    return path


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    command = next(each for each in COMMANDS if each.name == "config")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*words: str) -> tuple[int, str, str]:
        code = run_command(Invocation(parse(words, command.flags()), Console(verbose=False), tmp_path))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def facts(run: Run, *words: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in json.loads(run("--json", *words)[1])["values"]}


def test_each_option_has_its_value_and_its_origin(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('# mine\nrate-limit = 3\n[aliases]\nfast = "x"\n', encoding="utf-8")
    monkeypatch.setenv("COPILOT_API_MAX_QUEUE", "7")
    found = facts(run, "--port", "8080")
    assert len(found) == len(option_fields())
    assert (found["port"]["value"], found["port"]["origin"]) == (8080, "--port")
    assert (found["max-queue"]["value"], found["max-queue"]["origin"]) == (7, "$COPILOT_API_MAX_QUEUE")
    assert found["rate-limit"]["origin"] == "config.toml line 2: rate-limit"
    assert (found["alias"]["value"], found["alias"]["origin"]) == (["fast=x"], "config.toml line 3: alias")
    assert found["server"] == {"name": "server", "value": None, "origin": "default", "problem": None}


def test_a_person_gets_a_table(run: Run, file: Path) -> None:
    file.write_text("wait = true\n", encoding="utf-8")
    code, out, err = run("--changed")
    assert (code, err) == (0, "")
    assert out == "OPTION  VALUE  ORIGIN\nwait    on     config.toml line 1: wait\n"


def test_secrets_are_masked_everywhere(run: Run, file: Path) -> None:
    shown = run("set", "api-key", SECRET)
    assert SECRET in file.read_text(encoding="utf-8")
    shown += run() + run("--json") + run("get", "api-key") + run("get", "api-key", "--json")
    assert SECRET not in str(shown)
    assert "api-key" in str(shown)


def test_all_faults_are_shown_and_the_exit_code_tells(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('port = "x"\nprot = 1\nengine = "steam"\n', encoding="utf-8")
    monkeypatch.setenv("COPILOT_API_PROT", "1")
    code, out, err = run()
    assert code == 1
    assert "(cannot be used)" in out
    for words in (
        "line 2: there is no option 'prot'",
        "line 1: port: 'x' is not a number",
        "line 3: engine: 'steam' is none of native, reference",
        "$COPILOT_API_PROT is set, and there is no option of that name",
    ):
        assert words in err


def test_what_is_valid_alone_and_not_together_is_a_fault_too(run: Run, file: Path) -> None:
    file.write_text("port = 70000\n", encoding="utf-8")
    code, _, err = run()
    assert code == 1
    assert "70000 is not a port" in err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["port", "8080"], "port = 8080"),
        (["--port", "8080"], "port = 8080"),
        (["rate_limit", "10"], "rate-limit = 10"),
        (["wait", "yes"], "wait = true"),
        (["queue-timeout", "2.5"], "queue-timeout = 2.5"),
        (["cache", "64M"], 'cache = "64M"'),
        (["cache", "67108864"], "cache = 67108864"),
        (["engine", "reference"], 'engine = "reference"'),
        (
            ["budget", "20 credits/day", "key=ann: $5/month"],
            'budget = ["20 credits/day", "key=ann: $5/month"]',
        ),
    ],
)
def test_set_writes_what_load_reads(
    run: Run, file: Path, tmp_path: Path, words: list[str], line: str
) -> None:
    code, out, _ = run("set", "--", *words)
    assert code == 0
    assert str(file) in out
    assert file.read_text(encoding="utf-8") == f"{line}\n"
    assert load({}, {}, file.parent).origins[words[0].lstrip("-").replace("-", "_")].startswith("config.toml")
    if sys.platform != "win32":
        assert file.stat().st_mode & 0o777 == 0o600


def test_set_makes_the_directory(run: Run, tmp_path: Path) -> None:
    assert run("set", "port", "8080")[0] == 0
    assert (tmp_path / ".local/share/copilot-api/config.toml").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["set", "prot", "1"], "did you mean port"),
        (["set", "port", "abc"], "'abc' is not a number"),
        (["set", "port", "70000"], "70000 is not a port"),
        (["set", "port", "1", "2"], "takes one value"),
        (["set", "engine", "steam"], "none of native, reference"),
        (["set", "budget", "much"], "budget"),
        (["set", "port"], "write `copilot-api config`"),
        (["unset", "wait"], "does not set wait"),
        (["get", "nothing-like-it"], "copilot-api config lists all"),
        (["frobnicate"], "write `copilot-api config`"),
        (["set", "port", "1", "--jsonn"], "nothing was changed"),
    ],
)
def test_what_cannot_be_is_refused_and_the_file_stays(
    run: Run, file: Path, words: list[str], why: str
) -> None:
    file.write_text("port = 1 # mine\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=why):
        run(*words)
    assert file.read_text(encoding="utf-8") == "port = 1 # mine\n"


def test_a_broken_file_is_left_to_a_person(run: Run, file: Path) -> None:
    file.write_text("port = \n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        run("set", "port", "1")
    assert file.read_text(encoding="utf-8") == "port = \n"


def test_one_fault_can_be_mended_while_there_is_another(run: Run, file: Path) -> None:
    file.write_text('\nport = "x"\nprot = 1\n', encoding="utf-8")
    assert run("unset", "prot")[0] == 0
    assert run("set", "port", "8080")[0] == 0
    assert file.read_text(encoding="utf-8") == "\nport = 8080\n"
    assert run()[0] == 0


def test_a_linked_file_stays_a_link(run: Run, file: Path, tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles.toml"
    kept.write_text("port = 1\n", encoding="utf-8")
    file.symlink_to(kept)
    run("set", "port", "2")
    assert file.is_symlink()
    assert kept.read_text(encoding="utf-8") == "port = 2\n"


def test_it_says_when_the_change_holds(run: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "at its next start" in run("set", "port", "8080")[1]
    assert "SIGHUP" in run("set", "strict", "on")[1]
    monkeypatch.setenv("COPILOT_API_PORT", "1")
    assert "$COPILOT_API_PORT is set in this environment" in run("set", "port", "8081")[2]


def test_path_says_where(run: Run, file: Path) -> None:
    assert run("path")[1] == f"{file}\n"
    assert json.loads(run("path", "--json")[1]) == {"path": str(file), "exists": False}
