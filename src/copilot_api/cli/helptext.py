"""Help that teaches: usage, options in groups with their defaults, examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from copilot_api.version import VERSION

if TYPE_CHECKING:
    from copilot_api.cli.commands import Command

_GROUPS = (
    ("Options", "port"),
    ("Who can reach the gateway", "host"),
    ("Upstream", "github_host"),
    ("Times and sizes", "connect_timeout"),
    ("Engine", "engine"),
)
"""Heading and the first option under it, in the order of `settings`."""


def of_program(commands: Sequence[Command]) -> str:
    """Return the usage text of the program."""
    names = "|".join(command.name for command in commands)
    lines = [
        f"GitHub Copilot as an OpenAI- and Anthropic-compatible server (copilot-api v{VERSION})",
        "",
        f"USAGE copilot-api {names}",
        "",
        "COMMANDS",
        "",
        *(f"  {command.name:12} {command.description}" for command in commands),
        "",
        "Use copilot-api <command> --help for more about a command.",
        "No account yet? copilot-api start --simulate shows everything without one.",
    ]
    return "\n".join(lines)


def of_command(command: Command) -> str:
    """Return the usage text of a command."""
    lines = [
        f"{command.description} (copilot-api {command.name} v{VERSION})",
        "",
        f"USAGE copilot-api {command.name} {command.words + ' ' if command.words else ''}[OPTIONS]",
    ]
    lines += _start_options() if command.name == "start" else _plain_options(command)
    lines += ["", "EXAMPLES", ""]
    width = max(len(example) for example, _ in command.examples) + 2
    lines += [f"  {example:{width}}{what}" for example, what in command.examples]
    return "\n".join(lines)


def _plain_options(command: Command) -> list[str]:
    flags = [flag for flag in command.all_flags if not flag.hidden]
    spellings = [f"-{flag.alias}, --{flag.name}" if flag.alias else f"    --{flag.name}" for flag in flags]
    width = max(map(len, spellings)) + 2
    rows = [f"  {spelling:{width}}{flag.help}" for spelling, flag in zip(spellings, flags, strict=True)]
    return ["", "OPTIONS", "", *rows]


def _start_options() -> list[str]:
    from copilot_api.settings import option_fields

    headings = {first: title for title, first in _GROUPS}
    lines: list[str] = []
    for option in option_fields():
        if option.name in headings:
            lines += ["", headings[option.name].upper(), ""]
        alias = option.metadata["alias"]
        short = f"-{alias}, " if alias else "    "
        value = f"={option.metadata['metavar']}" if option.metadata["metavar"] else ""
        flag = f"--{option.name.replace('_', '-')}{value}"
        lines.append(f"  {short}{flag:32} {option.metadata['help']}{_default(option.default)}")
    lines += ["", "Each option is also an environment variable: COPILOT_API_PORT, COPILOT_API_RATE_LIMIT, …"]
    return lines


def _default(value: Any) -> str:
    if value is None or value is False or value is True or value == ():
        return ""
    return f" (default {value:g})" if isinstance(value, float) else f" (default {value})"
