"""The system prompt, without the client's billing line and blank blocks (upstream.md 6.2)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.messages.draft import Draft

BILLING_LINE = "x-anthropic-billing-header:"
"""Claude Code's first system block; its text changes with each call, which spoils prompt caches."""
BILLING_REWRITE = "removed the client's billing line from the system prompt"


def mend(draft: Draft) -> None:
    """Mend ``system``."""
    system = draft.request.get("system")
    if isinstance(system, str) and not system.strip():
        draft.drop("system", "removed an empty system prompt")
    if not isinstance(system, list):
        return
    kept = [block for block in system if not _is_blank(block)]
    if len(kept) < len(system):
        draft.touch("system", "removed blank text")
    if kept and frames.text(frames.mapping(kept[0]).get("text")).startswith(BILLING_LINE):
        del kept[0]
        draft.touch("system", BILLING_REWRITE)
    if kept:
        draft.request["system"] = kept
    else:
        draft.drop("system", "removed an empty system prompt")


def _is_blank(block: Any) -> bool:
    text = frames.mapping(block).get("text")
    return isinstance(text, str) and not text.strip()
