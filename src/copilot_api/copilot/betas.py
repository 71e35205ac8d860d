"""Which values of ``anthropic-beta`` Copilot takes (upstream.md 6.3); all others stay here."""

from __future__ import annotations

import re

from copilot_api.records import record

INTERLEAVED = "interleaved-thinking"
INTERLEAVED_THINKING = "interleaved-thinking-2025-05-14"
_ADVANCED_TOOLS = "advanced-tool-use-2025-11-20"
_LARGE_CONTEXT = "context-1m"

_FAMILY = re.compile(
    r"(interleaved-thinking|context-management|advanced-tool-use)-\d{4}-\d{2}-\d{2}", re.ASCII
)
_OLDER_NAMES = {
    "tool-search-tool-2025-10-19": _ADVANCED_TOOLS,
    "tool-examples-2025-10-29": _ADVANCED_TOOLS,
}


@record
class Betas:
    """What a client's ``anthropic-beta`` comes to."""

    passed: tuple[str, ...] = ()
    """The values that go upstream, one a family, in the client's order."""
    large_context: bool = False
    """It asks for a context of a million tokens: never sent, the ``-1m`` model is chosen instead."""


NONE = Betas()


def read(header: str) -> Betas:
    """Read the header's value. Nothing of it passes that is not one of the known names."""
    if not header:
        return NONE
    passed: dict[str, str] = {}
    large = False
    for name in header.split(","):
        name = name.strip().lower()
        large = large or name.startswith(_LARGE_CONTEXT)
        name = _OLDER_NAMES.get(name, name)
        found = _FAMILY.fullmatch(name)
        if found is not None:
            passed.setdefault(found.group(1), name)
    return Betas(tuple(passed.values()), large)
