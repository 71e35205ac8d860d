"""Which keys must not guard a gateway that others can reach (R-09)."""

from __future__ import annotations

import re
from itertools import pairwise

SHORTEST = 16
"""Characters of a key that may be used beyond loopback."""
_LEAST = 8
"""Characters of it that are neither marks nor words that everybody writes into a key."""
_FEWEST = 6
"""Different ones among them."""

_WORDS = re.compile(
    r"changeme|change|password|passwort|passwd|dummy|secret|example|default|placeholder|insert|copilot|github"
    r"|openai|anthropic|gateway|proxy|master|client|access|bearer|token|apikey|admin|letmein|qwertz|qwerty"
    r"|welcome|foobar|local|test|demo|your|here|none|null|user|pass|api|key|sk|my|me"
)
_MARKS = re.compile(r"[\W_]+")


def weakness(key: str) -> str:
    """Return why a key must not guard a gateway that others can reach; empty when it may.

    It finds what is known to be typed in, not all that can be guessed.
    """
    if len(key) < SHORTEST:
        return f"has fewer than {SHORTEST} characters"
    left = _MARKS.sub("", _WORDS.sub("", key.lower()))
    if len(left) < _LEAST or len(set(left)) < _FEWEST:
        return "can be guessed"
    steps = sum(abs(ord(one) - ord(next_one)) <= 1 for one, next_one in pairwise(left))
    return "can be guessed" if 2 * steps >= len(left) - 1 else ""
