"""How a request did with upstream's prompt cache, as the ledger keeps it."""

from __future__ import annotations

from copilot_api.records import fields, record


@record
class Finding:
    """What the cache doctor found of one request. None is "not known", never 0."""

    cache_cause: str = ""
    """``first`` of a conversation, ``kept``, or why less was read than could have been; empty where it was
    not looked at."""
    cache_path: str = ""
    """The first place in the request that is not as in the one before, as ``tools[3].description``."""
    cache_lost: int | None = None
    """Input tokens that would have come from the cache."""
    cache_lost_nano: int | None = None
    """What they cost more, in nano-AIU."""
    cache_gap: float | None = None
    """Seconds since the request before."""


NOTHING = Finding()
FINDING_COLUMNS = tuple(each.name for each in fields(Finding))
