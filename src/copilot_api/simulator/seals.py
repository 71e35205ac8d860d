"""Opaque reasoning carriers: what one model sealed, no other model and no other endpoint opens."""

from __future__ import annotations

import base64
import hashlib


def seal(leg: str, model: str, text: str) -> str:
    """Return a carrier for a piece of reasoning: base64, as all of Copilot's are."""
    return base64.b64encode(_digest(leg, model, text) + text.encode()).decode()


def fits(carrier: object, leg: str, model: str, text: str | None = None) -> bool:
    """Tell whether a carrier came from this model on this leg, and goes with `text` where that is given."""
    if not isinstance(carrier, str):
        return False
    try:
        opened = base64.b64decode(carrier, validate=True)
    except ValueError:
        return False
    inside = opened[32:].decode("utf-8", "replace")
    return opened[:32] == _digest(leg, model, inside) and (text is None or text == inside)


def _digest(leg: str, model: str, text: str) -> bytes:
    return hashlib.sha256(f"{leg}\n{model}\n{text}".encode()).digest()
