"""Changes to configuration files of others: small, checked, and taken back piece by piece."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class CannotEdit(Exception):
    """The file is left alone; the text says why, and what to write by hand."""


class Edit(Protocol):
    """A change to the text of one file."""

    def apply(self, text: str) -> tuple[str, Mapping[str, Any]]:
        """Return the changed text, and what is needed to take the change back from any later text.

        Raises :class:`CannotEdit`.
        """


def withdraw(text: str, memo: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return the text without what `apply` put in, and what was changed since and is left as it is.

    Raises :class:`CannotEdit`.
    """
    if memo["kind"] == "json":
        from copilot_api.clients.edits.json_edit import withdraw_json

        return withdraw_json(text, memo)
    from copilot_api.clients.edits.marked import take_out

    return take_out(text), ()
