"""Write ``docs/commands.md`` from the commands declared in ``copilot_api.cli.commands``.

``tests/unit/test_repository.py`` fails when the page is not what this writes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from copilot_api.cli.arguments import Flag
from copilot_api.cli.commands import COMMANDS, PROFILE, Command

PAGE = Path(__file__).resolve().parent.parent / "docs" / "commands.md"
HEAD = """\
# Commands

<!-- Written by `make docs` from src/copilot_api/cli/commands.py; do not edit. -->

`copilot-api COMMAND --help` says the same. Each command also takes `--profile NAME`: that profile's account,
settings, keys and ledger. What prints data has `--json`. Nothing asks a question where there is no terminal,
and there is no colour where the output is no terminal or `NO_COLOR` is set. The exit code is 0 when it went
well, 1 when not, 130 after Ctrl-C; commands that have more say so in their help. `copilot-api --version`
prints the version, with `--verbose` the engine's too.
"""


def flag_row(flag: Flag) -> str:
    """Return one line of a command's table."""
    spelling = f"`--{flag.name}{f' {flag.metavar}' if flag.metavar else ''}`"
    if flag.alias:
        spelling += f", `-{flag.alias}`"
    return f"| {spelling} | {flag.help.replace('|', chr(92) + '|')} |\n"


def section(command: Command) -> str:
    """Return what is said of one command."""
    words = f" {command.words}" if command.words else ""
    text = f"\n## {command.name}\n\n{command.description}.\n\n```sh\n"
    width = max(len(example) for example, _ in command.examples) + 2
    text += "".join(f"{example:{width}}# {what}\n" for example, what in command.examples)
    text += f"```\n\nUsage: `copilot-api {command.name}{words} [OPTIONS]`\n"
    if command.name == "start":
        return text + "\nAll its options are in [options.md](options.md).\n"
    flags = [flag for flag in command.all_flags if not flag.hidden and flag is not PROFILE]
    if flags:
        text += "\n| option | what it does |\n| --- | --- |\n" + "".join(map(flag_row, flags))
    if any(flag.hidden for flag in command.flags()):
        text += "\nIt takes the [options of `start`](options.md) too.\n"
    return text


def page() -> str:
    """Return the whole page."""
    return HEAD + "".join(map(section, COMMANDS))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
    sys.exit(0)
