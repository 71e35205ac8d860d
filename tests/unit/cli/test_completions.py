"""Completions, asked of the shells themselves."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from copilot_api.cli import completions
from copilot_api.cli.commands import COMMANDS, Command
from copilot_api.settings import PLAN_NAMES, option_fields
from tests.support.terminal import Terminal

NAMES = {command.name for command in COMMANDS}
OPTIONS = {option.name.replace("_", "-") for option in option_fields()}


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"there is no {shell} here")


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scripts")
    for name, make in completions.SHELLS.items():
        (folder / ("_copilot-api" if name == "zsh" else name)).write_text(f"{make()}\n", encoding="utf-8")
    (folder / "some file.pem").touch()
    return folder


def bash(scripts: Path, *words: str) -> set[str]:
    """What bash offers for the last of the words; `=` is a word of its own there."""
    program = f"""
        source {shlex.quote(str(scripts / "bash"))}
        COMP_WORDS=(copilot-api {shlex.join(words)})
        COMP_CWORD={len(words)}
        _copilot_api
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=scripts,
    )
    assert done.stderr == ""
    return set(done.stdout.split("\n")) - {""}


def fish(scripts: Path, *words: str) -> set[str]:
    line = " ".join(["copilot-api", *words])
    program = f"source {scripts / 'fish'}; complete -C {shlex.quote(line)}"
    done = subprocess.run(
        ["fish", "--no-config", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=scripts,
        env={"HOME": str(scripts), "PATH": os.environ["PATH"]},
    )
    assert done.stderr == ""
    return {line.partition("\t")[0] for line in done.stdout.split("\n")} - {""}


def zsh(scripts: Path, line: str, *, sourced: bool = False) -> str:
    """Return what zsh shows at a terminal when Tab is pressed after a line."""
    environment = {"HOME": str(scripts), "PATH": os.environ["PATH"], "TERM": "dumb"}
    with Terminal(["zsh", "-f", "-i"], environment, cwd=scripts, columns=200) as terminal:
        folder, load = shlex.quote(str(scripts)), "autoload -Uz compinit; compinit -u -D"
        load = f"{load}; source {folder}/_copilot-api" if sourced else f"fpath=({folder} $fpath); {load}"
        quiet = "unsetopt prompt_sp; unset zle_bracketed_paste; LISTMAX=9999; PS1='REA''DY> '"
        terminal.press(f"{quiet}; {load}\n")
        terminal.wait_for("READY> ")
        # The line is thrown away after Tab; a word tells that all before it was done.
        terminal.press(f"{line}\t\x05\x15print -r -- do''ne\n")
        return terminal.wait_for(r"\ndone\r")


@pytest.mark.parametrize("shell", list(completions.SHELLS))
def test_the_shell_takes_its_script(scripts: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    file = scripts / ("_copilot-api" if shell == "zsh" else shell)
    done = subprocess.run([shell, "-n", str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@needs("bash")
def test_bash_completes_commands(scripts: Path) -> None:
    assert bash(scripts, "") == NAMES | {"--help", "--version"}
    assert bash(scripts, "check") == {"check-usage"}


@needs("bash")
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_bash_completes_flags_and_actions(scripts: Path, command: Command) -> None:
    visible = {f"--{flag.name}" for flag in command.all_flags if not flag.hidden} | {"--help"}
    assert bash(scripts, command.name, "--") == visible
    assert bash(scripts, command.name, "") == set(completions.actions(command))


@needs("bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["start", "--account-type", ""], set(PLAN_NAMES)),
        (["start", "--account-type", "=", "b"], {"business"}),
        (["start", "-a", "="], set(PLAN_NAMES)),
        (["start", "--wait", "--engine", "nat"], {"native"}),
        (["start", "--port", ""], set()),
        (["start", "--tls-key", "some"], {"some file.pem"}),
        (["config", "get", ""], OPTIONS),
        (["config", "set", "rate-l"], {"rate-limit"}),
        (["config", "set", "port", ""], set()),
        (["keys", "re"], {"revoke"}),
        (["keys", "add", ""], set()),
        (["start", "--", "some"], {"some file.pem"}),
    ],
)
def test_bash_completes_values(scripts: Path, words: list[str], offered: set[str]) -> None:
    assert bash(scripts, *words) == offered


@needs("fish")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ch"], {"check-usage"}),
        (["start", "--eng"], {"--engine"}),
        (["start", "--account-type", ""], set(PLAN_NAMES)),
        (["keys", ""], {"add", "list", "revoke"}),
        (["config", "set", "rate-l"], {"rate-limit"}),
        (["start", "--tls-key", "some"], {"some file.pem"}),
        (["start", "--port", ""], set()),
        (["completions", ""], set(completions.SHELLS)),
    ],
)
def test_fish_completes(scripts: Path, words: list[str], offered: set[str]) -> None:
    assert fish(scripts, *words) == offered


@needs("fish")
def test_fish_completes_all_commands(scripts: Path) -> None:
    assert fish(scripts, "") == NAMES


@needs("zsh")
@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("copilot-api ", sorted(NAMES)),
        ("copilot-api che", ["copilot-api check-usage "]),
        ("copilot-api start --eng", ["copilot-api start --engine="]),
        ("copilot-api start --engine ref", ["copilot-api start --engine reference "]),
        ("copilot-api start -a ", list(PLAN_NAMES)),
        ("copilot-api keys ", ["add", "list", "revoke"]),
        ("copilot-api config set rate-l", ["copilot-api config set rate-limit "]),
        ("copilot-api start --tls-key som", ["copilot-api start --tls-key some\\ file.pem"]),
        ("copilot-api start --rate-", ["Seconds between two chat requests; earlier ones get 429"]),
    ],
)
def test_zsh_completes(scripts: Path, line: str, shown: list[str]) -> None:
    text = zsh(scripts, line).partition(line[:12])[2]
    text = line[:12] + text
    assert [words for words in shown if words not in text] == [], text


@needs("zsh")
def test_zsh_can_source_it_too(scripts: Path) -> None:
    assert "copilot-api check-usage " in zsh(scripts, "copilot-api che", sourced=True)


def test_actions_are_those_of_the_usage_line() -> None:
    by_name = {command.name: command for command in COMMANDS}
    assert completions.actions(by_name["keys"]) == ("add", "list", "revoke")
    assert completions.actions(by_name["auth"])[0] in ("logout", "status")
    assert completions.actions(by_name["start"]) == ()
