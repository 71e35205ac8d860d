"""The request headers Copilot expects (compat.md 2.2, set C; upstream.md 2.3)."""

from __future__ import annotations

import os

from copilot_api.engine.interfaces import Initiator, Leg
from copilot_api.redaction import Secret

Headers = tuple[tuple[str, str], ...]

EDITOR_PLUGIN_VERSION = "copilot-chat/0.26.7"
USER_AGENT = "GitHubCopilotChat/0.26.7"
API_VERSION = "2025-04-01"
INTEGRATION_ID = "vscode-chat"
INTENT = "conversation-panel"
INTENTS: dict[Leg, str] = {"messages": "messages-proxy", "responses": "responses-proxy"}
"""Intents of the legs that 0.7.0 did not have (upstream.md 2.4); the others have its constant."""
ANTHROPIC_VERSION = "2023-06-01"


def request_id() -> str:
    """Return a random UUID v4, fresh for each call."""
    drawn = os.urandom(16)
    digits = drawn.hex()
    variant = "89ab"[drawn[8] & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def copilot_headers(
    token: Secret,
    *,
    editor_version: str,
    initiator: Initiator | None = None,
    vision: bool = False,
    leg: Leg = "chat",
) -> Headers:
    """Return header set C without the request id, with the initiator and vision headers where they apply.

    They are the same for all calls of one kind. Nothing a client sent gets in here (R-11).
    """
    headers = [
        ("Authorization", f"Bearer {token.reveal()}"),
        ("content-type", "application/json"),
        ("copilot-integration-id", INTEGRATION_ID),
        ("editor-version", f"vscode/{editor_version}"),
        ("editor-plugin-version", EDITOR_PLUGIN_VERSION),
        ("user-agent", USER_AGENT),
        ("openai-intent", INTENTS.get(leg, INTENT)),
        ("x-github-api-version", API_VERSION),
        ("x-vscode-user-agent-library-version", "electron-fetch"),
    ]
    if initiator is not None:
        headers.append(("X-Initiator", initiator))
    if vision:
        headers.append(("copilot-vision-request", "true"))
    if leg == "messages":
        headers.append(("anthropic-version", ANTHROPIC_VERSION))
    return tuple(headers)
