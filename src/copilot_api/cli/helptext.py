"""Help that teaches: usage, options in groups with their defaults, examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from copilot_api.version import VERSION

if TYPE_CHECKING:
    from copilot_api.cli.main import Command

_GROUPS = (
    ("Options", "port"),
    ("Who can reach the gateway", "host"),
    ("Upstream", "github_url"),
    ("Times and sizes", "connect_timeout"),
    ("Engine", "engine"),
)
"""Heading and the first option under it, in the order of `settings`."""

_EXAMPLES = {
    "start": (
        ("copilot-api start", "sign in if needed and serve at http://localhost:4141"),
        ("copilot-api start --simulate", "try it without an account"),
        ("copilot-api start -p 8080 --rate-limit 10 --wait", "another port, ten seconds between requests"),
        ("copilot-api start --claude-code", "choose models and get the command for Claude Code"),
    ),
    "auth": (
        ("copilot-api auth", "sign in to GitHub and store the token"),
        ("copilot-api auth logout", "erase the stored token"),
    ),
    "check-usage": (("copilot-api check-usage", "what is left of this month's quota"),),
    "usage": (
        ("copilot-api usage", "this month, day by day"),
        ("copilot-api usage --by model --since 7d", "the dearest models of a week"),
        ("copilot-api usage --by key --since today", "who spends how much today"),
        ("copilot-api usage --client 'Claude Code' --csv", "one program's days, for a spreadsheet"),
    ),
    "models": (
        ("copilot-api models", "what the account may use, with limits and endpoints"),
        ("copilot-api models resolve sonnet", "which model a name means, step by step"),
    ),
    "keys": (
        ("copilot-api keys add ann", "a key for everything; it is shown once"),
        ("copilot-api keys add ci --model sonnet --expires 30d", "for Claude Sonnet, and for a month"),
        (
            "copilot-api keys add bot --model 'gpt-*' --rate 30/min",
            "models by pattern, not too often",
        ),
        ("copilot-api keys add old-laptop --concurrency 2", "two requests at once"),
        ("copilot-api keys list", "who has a key, and what for"),
        ("copilot-api keys revoke ann", "its streams end, its next request gets 401"),
    ),
    "debug": (("copilot-api debug --json", "the same facts for a program"),),
}


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
        f"USAGE copilot-api {command.name} [OPTIONS]",
    ]
    lines += _start_options() if command.name == "start" else _plain_options(command)
    lines += ["", "EXAMPLES", ""]
    lines += [f"  {example:50} {what}" for example, what in _EXAMPLES[command.name]]
    return "\n".join(lines)


_KEYS = {
    "model": "MODEL that the new key is good for: a name, a family or a pattern; give several",
    "rate": "N/min: requests a minute with the new key; after a pause as many at once",
    "concurrency": "N: requests in flight with the new key",
    "expires": "TIME until the new key expires: 45m, 12h, 30d, 8w or 1y",
}
"""What the options of `keys` mean, some of which mean something else elsewhere."""


def _plain_options(command: Command) -> list[str]:
    flags = command.flags()
    if not flags:
        return []
    helps = {
        "verbose": "Log every step",
        "show-token": "Print the GitHub token",
        "json": "Print JSON",
        "alias": "NAME=MODEL",
        "keyring": "Keep the token in the system's keyring",
        "csv": "Print comma-separated values",
        "by": "Group by day, hour, model, client, key, session, outcome or dialect",
        "since": "today, month (default), all, an age as 7d or 12h, or a date as 2026-11-30",
        "model": "Only this model",
        "client": "Only this program",
        "key": "Only this client key",
        "session": "Only this conversation",
    }
    if command.name == "keys":
        helps |= _KEYS
    rows = [
        f"  {f'-{flag.alias}, ' if flag.alias else ''}--{flag.name:16} {helps[flag.name]}" for flag in flags
    ]
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
