"""``--log-format json``: one object a line, for programs that collect logs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from copilot_api.moments import iso

if TYPE_CHECKING:
    from copilot_api.ledger.entry import Entry

_LEVELS = {"warn": "warning", "success": "info", "log": "info"}


def line(
    at: float, kind: str, event: str, message: str, fields: Mapping[str, Any], clean: Callable[[str], str]
) -> str:
    """Return one record. `clean` masks what is secret in the texts of `fields`; `message` is clean."""
    told = {"time": iso(at), "level": _LEVELS.get(kind, kind), "event": event, "message": message}
    told |= {name: clean(value) if isinstance(value, str) else value for name, value in fields.items()}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def fields_of(entry: Entry) -> dict[str, Any]:
    """Return what is known of a request that is over; what is not known is left out."""
    from copilot_api.ledger.entry import COLUMNS

    values = {name: getattr(entry, name) for name in COLUMNS if name != "at"}
    return {name: value for name, value in values.items() if value is not None and value != ""}
