"""Kept answers that one replica has and the others ask for (``--cache`` with ``--shared``)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from copilot_api.engine.cache_interfaces import CachedAnswer
from copilot_api.shared.link import PREFIX, Link, StoreAway, StoreRefused

LARGEST = 1024 * 1024
"""Bytes of an answer that is shared; a larger one is this replica's own."""
LONGEST = 30 * 86_400.0
"""Seconds that an answer is kept which would be kept for ever: the store is not only ours."""


class SharedAnswers:
    """Looks answers up, and gives them away. Nothing here ends a request."""

    def __init__(self, link: Link, lifetime: float, now: Callable[[], float] = time.time) -> None:
        self._link = link
        self._lifetime = lifetime or LONGEST
        self._now = now

    async def find(self, key: bytes, max_age: float | None) -> tuple[CachedAnswer, float] | None:
        """Return an answer and the seconds since it was given; None when there is none young enough."""
        if max_age == 0:
            return None
        try:
            kept = await self._link.ask("GET", _key(key))
        except (StoreAway, StoreRefused):
            return None
        if kept is None:
            return None
        head, _, body = kept.partition(b"\n")
        try:
            at, headers = json.loads(head)
            answer = CachedAnswer(body, tuple((str(name), str(value)) for name, value in headers))
            age = max(0.0, self._now() - float(at))
        except (ValueError, TypeError):
            return None  # another version's
        return None if max_age is not None and age > max_age else (answer, age)

    def give(self, key: bytes, answer: CachedAnswer) -> None:
        """Keep an answer for all."""
        if answer.weight <= LARGEST:
            head = json.dumps([self._now(), answer.headers]).encode()
            self._link.tell("SET", _key(key), head + b"\n" + answer.body, "PX", round(self._lifetime * 1000))


def _key(key: bytes) -> str:
    return f"{PREFIX}answer:{key.hex()}"
