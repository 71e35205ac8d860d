"""Days and months of the local calendar, as Unix seconds."""

from __future__ import annotations

import time
from typing import Literal

from copilot_api.records import record

Period = Literal["day", "month"]
PERIODS: tuple[Period, ...] = ("day", "month")


@record
class Span:
    """From `start`, which belongs to it, to `end`, which does not."""

    start: float
    end: float


def span(period: Period, now: float) -> Span:
    """Return the day or the month that `now` lies in, by the local clock."""
    at = time.localtime(now)
    if period == "day":
        # mktime sets right what is beyond the month, and knows when the clock is changed.
        return Span(
            _midnight(at.tm_year, at.tm_mon, at.tm_mday), _midnight(at.tm_year, at.tm_mon, at.tm_mday + 1)
        )
    return Span(_midnight(at.tm_year, at.tm_mon, 1), _midnight(at.tm_year, at.tm_mon + 1, 1))


def month_until(reset: str) -> Span | None:
    """Return the month that ends on a date as GitHub writes it; None when it is no date."""
    try:
        year, month, day = (int(part) for part in reset[:10].split("-"))
        # mktime takes the month before January too.
        return Span(_midnight(year, month - 1, day), _midnight(year, month, day))
    except (ValueError, OverflowError):
        return None


def projected(spent: float, within: Span, now: float) -> float | None:
    """Return what will be spent at the end if it goes on like this; None while it is too early to say."""
    share = (now - within.start) / (within.end - within.start)
    return spent / share if share >= 0.01 else None


def _midnight(year: int, month: int, day: int) -> float:
    return time.mktime((year, month, day, 0, 0, 0, 0, 0, -1))
