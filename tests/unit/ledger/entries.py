"""Entries as tests want them."""

from __future__ import annotations

from typing import Any

from copilot_api.ledger.entry import Entry


def entry(**given: Any) -> Entry:
    """Make an entry of which only the given members matter."""
    facts: dict[str, Any] = {
        "at": 1_790_000_000.0,
        "request_id": "r-1",
        "dialect": "chat",
        "leg": "chat",
        "asked": "gpt",
        "model": "gpt-4.1",
        "client": "curl",
        "key": "",
        "session": "",
        "initiator": "user",
        "reason": "last message is the user's",
        "streamed": True,
        "status": 200,
        "outcome": "complete",
        "attempts": 1,
    }
    return Entry(**(facts | given))
