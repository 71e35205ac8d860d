"""By what a client calls its conversation, where its body says so (clients.md)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import Dialect, InvalidRequest
from copilot_api.engine.reference import jsontext
from copilot_api.ledger.sessions import shown

_MARK = "_session_"
"""What stands before the session in a `user_id` of older Claude Codes."""


def session_of(value: Any, dialect: Dialect) -> str:
    """Return the name of the conversation; empty when the body tells none."""
    if not isinstance(value, dict):
        return ""
    if dialect == "messages":
        return _of_user_id(_member(value.get("metadata"), "user_id"))
    if dialect in ("chat", "responses", "completions"):
        key = _member(value, "prompt_cache_key")
        return shown(key or _member(value.get("client_metadata"), "session_id"))
    return ""


def _member(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return jsontext.well_formed(found) if isinstance(found, str) else ""


def _of_user_id(text: str) -> str:
    if text.startswith("{"):
        try:
            return shown(_member(jsontext.loads(text.encode()), "session_id"))
        except InvalidRequest:
            return ""
    return shown(text.rpartition(_MARK)[2]) if _MARK in text else ""
