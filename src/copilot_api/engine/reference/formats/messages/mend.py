"""Making a request in Anthropic's form one that Copilot takes (upstream.md 6.2, 6.3).

Both ways to the leg end here: a relayed request, and one that was translated from another dialect.
"""

from __future__ import annotations

from typing import Any

from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.formats.messages import (
    cache_marks,
    mend_members,
    mend_system,
    mend_thinking,
    mend_tools,
    mend_turns,
)
from copilot_api.engine.reference.formats.messages.draft import Draft


def mend(draft: Draft) -> None:
    """Change what upstream would refuse, and say so."""
    mend_members.mend(draft)
    mend_thinking.mend(draft)
    mend_tools.mend(draft)
    mend_system.mend(draft)
    mend_turns.mend(draft)
    cache_marks.mend(draft)
    for path in draft.plan.dropped:
        member, _, rest = path.partition(".")
        if member in draft.request and _without(draft.request, path.split(".")):
            draft.touch(member, f"dropped {jsontext.well_formed(path)}, which the model refuses")
            if rest and draft.request.get(member) == {}:
                del draft.request[member]


def _without(value: Any, path: list[str]) -> bool:
    """Remove a member below, in all items of the lists on the way to it."""
    if isinstance(value, list):
        rest = path[1:] if path[0].isdigit() and len(path) > 1 else path
        return sum(_without(item, rest) for item in value) > 0
    if not isinstance(value, dict) or path[0] not in value:
        return False
    if len(path) == 1:
        del value[path[0]]
        return True
    return _without(value[path[0]], path[1:])
