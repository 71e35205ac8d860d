"""Reasoning items: their text, and what ``encrypted_content`` carries through this dialect."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.reference import carriers
from copilot_api.engine.reference.formats.chat.frames import mapping, text


def is_foreign(value: str, leg: str, model: str) -> bool:
    """Tell whether another leg or model made it; untagged values came natively."""
    found = carriers.read(value)
    return found is not None and (found.leg, found.model) != (leg, model)


def thought(item: dict[str, Any]) -> str:
    """Return the text of a reasoning item: its summary, else its content."""
    for member in ("summary", "content"):
        parts = item.get(member)
        texts = [text(mapping(part).get("text")) for part in (parts if isinstance(parts, list) else ())]
        if any(texts):
            return "\n\n".join(texts)
    return ""
