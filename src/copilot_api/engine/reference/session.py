"""By what a client calls its conversation, where its body says so (clients.md)."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from copilot_api.engine.interfaces import Dialect, InvalidRequest
from copilot_api.engine.reference import jsontext

_MARK = "_session_"
"""What stands before the session in a `user_id` of older Claude Codes."""
_MADE_UP = re.compile(
    r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}|[a-z]{1,8}_[A-Za-z0-9]{16,64}",
)
"""A UUID, or a short word and letters and digits (``ses_dfa029eafffevAYuU1N4uh8N9X``)."""
_DIGITS = 16


def session_of(value: Any, dialect: Dialect) -> str:
    """Return the name of the conversation; empty when the body tells none."""
    if not isinstance(value, dict):
        return ""
    if dialect == "messages":
        return _of_user_id(_member(value.get("metadata"), "user_id"))
    if dialect in ("chat", "responses", "completions"):
        key = _member(value, "prompt_cache_key")
        return _shown(key or _member(value.get("client_metadata"), "session_id"))
    return ""


def _member(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return jsontext.well_formed(found) if isinstance(found, str) else ""


def _of_user_id(text: str) -> str:
    if text.startswith("{"):
        try:
            return _shown(_member(jsontext.loads(text.encode()), "session_id"))
        except InvalidRequest:
            return ""
    return _shown(text.rpartition(_MARK)[2]) if _MARK in text else ""


def _shown(name: str) -> str:
    """Return a name that a program made up, of any other a hash."""
    if not name or _MADE_UP.fullmatch(name):
        return name
    return "#" + hashlib.sha256(name.encode()).hexdigest()[:_DIGITS]
