"""Help teaches: each command has examples of itself, each flag says what it does."""

from __future__ import annotations

import pytest

from copilot_api.cli import helptext
from copilot_api.cli.arguments import parse
from copilot_api.cli.commands import COMMANDS, Command


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_every_command_teaches_by_example(command: Command) -> None:
    assert command.examples
    shown = helptext.of_command(command)
    for example, what in command.examples:
        assert example.startswith(f"copilot-api {command.name}")
        assert what
        assert example in shown
        assert not parse(example.split()[2:], command.all_flags).unknown


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_every_flag_says_what_it_does(command: Command) -> None:
    assert all(flag.help for flag in command.all_flags)
