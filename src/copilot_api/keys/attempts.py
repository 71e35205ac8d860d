"""Wrong keys cost their source: after some of them it is not heard for a while (R-09).

Then nothing from that source is looked at, a good key no more than a wrong one. If good ones passed, a
guesser could go on at full speed and read the answer off the status: refusing all is what makes guesses rare.
Those who share the address with a guesser wait too, a minute at a time; behind a front that is everybody, so
there the address that counts is the one that the front names (``--trusted-proxy``). A key that was good once
and no key at all are no guesses: a tool whose key was revoked does not shut out its neighbours.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

MOST = 20
"""Wrong keys in `WINDOW` that a source may show."""
WINDOW = 60.0
"""Seconds in which wrong keys are counted together."""
PAUSE = 60.0
"""Seconds for which a source is not heard."""
SOURCES = 1024
"""Sources that are remembered; the one that was wrong the longest ago is forgotten first."""


class _Source:
    __slots__ = ("blocked_until", "count", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.count = 0
        self.blocked_until = 0.0


class Attempts:
    """Counts wrong keys by source. The clock is monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sources: OrderedDict[str, _Source] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sources)

    def pause(self, source: str) -> int:
        """Return the whole seconds for which a source is not heard; 0 when it is."""
        known = self._sources.get(source)
        if known is None:
            return 0
        return max(0, math.ceil(known.blocked_until - self._clock()))

    def failed(self, source: str) -> bool:
        """Count a wrong key; tell whether the source is not heard from now on."""
        now = self._clock()
        known = self._sources.get(source)
        if known is None or now - known.since >= WINDOW:
            known = self._sources[source] = _Source(now)
        self._sources.move_to_end(source)
        if len(self._sources) > SOURCES:
            self._sources.popitem(last=False)
        known.count += 1
        if known.count < MOST:
            return False
        known.blocked_until = now + PAUSE
        # The next window begins when the pause ends.
        known.since, known.count = known.blocked_until, 0
        return True
