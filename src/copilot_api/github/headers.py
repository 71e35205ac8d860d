"""Header sets S and G of compat.md 2.2, for github.com and its REST API."""

from __future__ import annotations

from copilot_api.redaction import Secret

CLIENT_ID = "Iv1.b507a08c87ecfe98"
"""GitHub's OAuth app of the editor plugin, which 0.7.0 signs in with (upstream.md 1.1)."""
SCOPE = "read:user"

STANDARD = (("content-type", "application/json"), ("accept", "application/json"))


def user_headers(token: Secret) -> tuple[tuple[str, str], ...]:
    """Return the headers of ``GET /user``."""
    return (*STANDARD, ("authorization", f"token {token.reveal()}"))


def github_headers(token: Secret, editor_version: str) -> tuple[tuple[str, str], ...]:
    """Return set G, for the ``copilot_internal`` endpoints."""
    return (
        *user_headers(token),
        ("editor-version", f"vscode/{editor_version}"),
        ("editor-plugin-version", "copilot-chat/0.26.7"),
        ("user-agent", "GitHubCopilotChat/0.26.7"),
        ("x-github-api-version", "2025-04-01"),
        ("x-vscode-user-agent-library-version", "electron-fetch"),
    )
