"""The names of conversations as the ledger keeps them: what a program made up, and hashes of all others."""

from __future__ import annotations

import re

from copilot_api.digests import sha256

_MADE_UP = re.compile(
    r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}|[a-z]{1,8}_[A-Za-z0-9]{16,64}",
)
"""A UUID, or a short word and letters and digits (``ses_dfa029eafffevAYuU1N4uh8N9X``)."""
_DIGITS = 16


def shown(name: str) -> str:
    """Return a name as it is kept: others than those that programs make up may be a person's."""
    if not name or _MADE_UP.fullmatch(name):
        return name
    return "#" + sha256(name.encode("utf-8", "replace")).hex()[:_DIGITS]
