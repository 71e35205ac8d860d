"""The request headers Copilot expects (compat.md 2.2, set C; upstream.md 2.3)."""

from __future__ import annotations

import random

from copilot_api.engine.interfaces import Initiator
from copilot_api.redaction import Secret

EDITOR_PLUGIN_VERSION = "copilot-chat/0.26.7"
USER_AGENT = "GitHubCopilotChat/0.26.7"
API_VERSION = "2025-04-01"
INTEGRATION_ID = "vscode-chat"
INTENT = "conversation-panel"


def request_id() -> str:
    """Return a random UUID v4, fresh for each call (`random`: it names a call, it guards nothing)."""
    bits = random.getrandbits(128)
    digits = f"{bits & ~(0xF << 76) & ~(0x3 << 62) | (0x4 << 76) | (0x2 << 62):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def copilot_headers(
    token: Secret,
    *,
    editor_version: str,
    call_id: str,
    initiator: Initiator | None = None,
    vision: bool = False,
) -> tuple[tuple[str, str], ...]:
    """Return header set C, with the initiator and vision headers where they apply.

    Nothing a client sent gets in here (R-11): every value is ours.
    """
    headers = [
        ("Authorization", f"Bearer {token.reveal()}"),
        ("content-type", "application/json"),
        ("copilot-integration-id", INTEGRATION_ID),
        ("editor-version", f"vscode/{editor_version}"),
        ("editor-plugin-version", EDITOR_PLUGIN_VERSION),
        ("user-agent", USER_AGENT),
        ("openai-intent", INTENT),
        ("x-github-api-version", API_VERSION),
        ("x-request-id", call_id),
        ("x-vscode-user-agent-library-version", "electron-fetch"),
    ]
    if initiator is not None:
        headers.append(("X-Initiator", initiator))
    if vision:
        headers.append(("copilot-vision-request", "true"))
    return tuple(headers)
