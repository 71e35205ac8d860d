"""Points in time as text."""

from __future__ import annotations

import time


def iso(at: float) -> str:
    """Return Unix seconds as ISO 8601 in UTC, with milliseconds."""
    whole = int(at)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{int((at - whole) * 1000):03}Z"
