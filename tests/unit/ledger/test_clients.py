"""Families of programs, by the words they send (recorded: tests/fixtures)."""

from __future__ import annotations

import pytest

from copilot_api.ledger.clients import MOST_SEEN, Clients, family


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("claude-cli/2.1.330 (external, sdk-cli)", "Claude Code"),
        ("OpenAI/Python 3.54.0", "OpenAI SDK"),
        ("Anthropic/Python 2.12.0", "Anthropic SDK"),
        ("codex_exec/0.169.0 (Debian 12.0.0; x86_64) dumb (codex_exec; 0.169.0)", "Codex"),
        ("opencode/1.18.33 ai-sdk/provider-utils/4.0.23 runtime/bun/1.3.14", "opencode"),
        ("GeminiCLI-tui/0.61.0/gemini-2.5-pro (linux; x64; terminal)", "Gemini CLI"),
        ("GitHubCopilotChat/0.42.0", "VS Code"),
        ("curl/8.5.0", "curl"),
        ("my-tool/1.0", "my-tool"),
        ("\x1b[2J<b>x", "2jbx"),
        ("", "unknown"),
        ("///", "unknown"),
    ],
)
def test_family(user_agent: str, name: str) -> None:
    assert family(user_agent) == name


def test_what_is_remembered_is_bounded() -> None:
    clients = Clients()
    assert clients.name(None) == "unknown"
    for number in range(MOST_SEEN * 2):
        assert clients.name(f"tool{number}/1".encode()) == f"tool{number}"
    assert len(clients._seen) == MOST_SEEN
