"""Secrets that cannot print themselves, and the filter every log line passes."""

from __future__ import annotations

import re

MASK = "[redacted]"

# Shapes of GitHub tokens (docs.github.com, "token prefixes"), Copilot tokens (upstream.md 1.3) and
# authorization values. The Copilot token is a list `tid=…;exp=…;…:<mac>`.
_SHAPES = re.compile(
    r"gh[opusr]_[A-Za-z0-9_]{8,}"
    r"|github_pat_[A-Za-z0-9_]{8,}"
    r"|\btid=[^\s\"']+"
    r"|(?i:(?<=bearer )|(?<=authorization: token ))[^\s\"',]{6,}"
    r"|\bsk-[A-Za-z0-9_-]{8,}"
    r"|\bcak_[A-Za-z0-9_-]{8,}"
)

# Terminal control characters; a model name must not be able to clear a screen or forge a log line.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Secret:
    """A string whose repr, str and format show a mask; :meth:`reveal` is the one way to the value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value. Every call is a place to review."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not serialised")


def redact(text: str) -> str:
    """Return `text` with everything that looks like a token or key replaced by a mask."""
    return _SHAPES.sub(MASK, text)


def printable(text: str) -> str:
    """Return `text` with control characters escaped, line feeds and tabs kept."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text)
