"""The Claude Code command per shell (compat.md 1.6; D-S8, D-B10)."""

from __future__ import annotations

import subprocess

import pytest

from copilot_api.cli.claude_code import claude_command
from copilot_api.cli.shell import Shell, command_with, detect

PAIR = {"A": "x", "B": "y", "C": None}


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("bash", "export A=x B=y && claude"),
        ("zsh", "export A=x B=y && claude"),
        ("sh", "export A=x B=y && claude"),
        ("fish", "set -gx A x; set -gx B y && claude"),
        ("powershell", "$env:A = 'x'; $env:B = 'y'; claude"),
        ("cmd", 'set "A=x" & set "B=y" & claude'),
    ],
)
def test_d_b10_forms(shell: Shell, line: str) -> None:
    assert command_with(PAIR, "claude", shell) == line


def test_without_variables_or_command() -> None:
    assert command_with({"A": None}, "claude", "bash") == "claude"
    assert command_with({"A": "x"}, "", "bash") == "export A=x"


@pytest.mark.parametrize("value", ["a b", "$(touch owned)", "a'b", 'a"b', "a;b", "`id`", "\\", "é"])
def test_d_s8_values_are_quoted(value: str) -> None:
    line = command_with({"A": value}, 'printf %s "$A"', "sh")
    assert subprocess.run(["sh", "-c", line], capture_output=True, check=True).stdout.decode() == value
    assert command_with({"A": "it's"}, "", "powershell") == "$env:A = 'it''s'"


def test_d_s8_what_cmd_cannot_quote_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be quoted"):
        command_with({"A": "x&calc"}, "claude", "cmd")


@pytest.mark.parametrize(
    ("path", "shell"), [("/bin/zsh", "zsh"), ("/usr/bin/fish", "fish"), ("/bin/bash", "bash"), ("", "sh")]
)
def test_detection(path: str, shell: str) -> None:
    assert detect({"SHELL": path}, "linux") == shell


def test_variables_in_the_order_of_the_contract() -> None:
    line = claude_command(4141, "big", "small", "bash")
    assert line == (
        "export ANTHROPIC_BASE_URL=http://localhost:4141 ANTHROPIC_AUTH_TOKEN=dummy ANTHROPIC_MODEL=big"
        " ANTHROPIC_DEFAULT_SONNET_MODEL=big ANTHROPIC_SMALL_FAST_MODEL=small"
        " ANTHROPIC_DEFAULT_HAIKU_MODEL=small DISABLE_NON_ESSENTIAL_MODEL_CALLS=1"
        " CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 && claude"
    )
