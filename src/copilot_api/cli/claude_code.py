"""``start --claude-code``: two models, then the command that starts Claude Code (compat.md 1.6)."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Sequence

from copilot_api.cli import prompts
from copilot_api.cli.console import Console
from copilot_api.cli.shell import Shell, command_with, detect

_CLIPBOARDS = (
    ("pbcopy",),
    ("clip",),
    ("wl-copy",),
    ("xclip", "-selection", "clipboard"),
    ("xsel", "--clipboard", "--input"),
)


async def offer_command(console: Console, port: int, models: Sequence[str]) -> int:
    """Ask for the models and hand over the command. Return 130 when the user gave up, else 0."""
    try:
        large = await asyncio.to_thread(prompts.select, "Select a model to use with Claude Code", models)
        small = await asyncio.to_thread(
            prompts.select, "Select a small model to use with Claude Code", models
        )
    except (prompts.Dismissed, KeyboardInterrupt):
        return 130
    command = claude_command(port, large, small, detect())
    if await asyncio.to_thread(copy_to_clipboard, command):
        console.success("Copied Claude Code command to clipboard!")
    else:
        console.warn("Failed to copy to clipboard. Here is the Claude Code command:")
        console.plain(command)
    return 0


def claude_command(port: int, large: str | None, small: str | None, shell: Shell) -> str:
    """Return the command; a model that was not chosen leaves its variables out."""
    return command_with(
        {
            "ANTHROPIC_BASE_URL": f"http://localhost:{port}",
            "ANTHROPIC_AUTH_TOKEN": "dummy",
            "ANTHROPIC_MODEL": large,
            "ANTHROPIC_DEFAULT_SONNET_MODEL": large,
            "ANTHROPIC_SMALL_FAST_MODEL": small,
            "ANTHROPIC_DEFAULT_HAIKU_MODEL": small,
            "DISABLE_NON_ESSENTIAL_MODEL_CALLS": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        },
        "claude",
        shell,
    )


def copy_to_clipboard(text: str) -> bool:
    """Put text on the clipboard with whichever program is there; tell whether it worked."""
    for words in _CLIPBOARDS:
        program = shutil.which(words[0])
        if program is None:
            continue
        try:
            done = subprocess.run(  # noqa: S603 - a fixed list of programs
                [program, *words[1:]], input=text.encode(), timeout=5, check=False, capture_output=True
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return True
    return False
