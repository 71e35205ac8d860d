"""Changes to what a client sent, told: in the log, in a response header, and refused by ``--strict``."""

from __future__ import annotations

import logging
import re

logger = logging.getLogger("copilot_api.gateway")

HEADER = "x-copilot-api-rewrites"
LONGEST_HEADER = 1024
"""Bytes of the header's value."""

_LOSSY = ("dropped ", "left out ")
_UNSAFE = re.compile(r"[^\x20-\x7e]")


def lossy(rewrites: tuple[str, ...]) -> tuple[str, ...]:
    """Return the rewrites that lost something."""
    return tuple(each for each in rewrites if each.startswith(_LOSSY))


def header_value(rewrites: tuple[str, ...]) -> str:
    """Return the rewrites as a header's value: ASCII, bounded, the rest counted."""
    value = ""
    for number, rewrite in enumerate(rewrites):
        text = _UNSAFE.sub("?", rewrite)[:200].replace(";", ",")
        joined = f"{value}; {text}" if value else text
        left = len(rewrites) - number
        if len(joined) > LONGEST_HEADER - 16:
            return f"{value}; {left} more"
        value = joined
    return value


def log(rewrites: tuple[str, ...]) -> None:
    """Write a line each. One that loses something changes what the model can do: the user should see it."""
    for rewrite in rewrites:
        level = logging.WARNING if rewrite.startswith("left out") else logging.DEBUG
        logger.log(level, "rewrite: %s", rewrite)
