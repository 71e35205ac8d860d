"""Making, hashing and judging keys.

A key is kept as its plain SHA-256. A slow hash (scrypt, Argon2) is for what people choose, where a thief of
the hashes tries a few billion candidates. A key of ours has 256 random bits: there is no list to try, at any
speed. Slowness would only hurt here, since a hash is computed for each request, also for those of strangers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

PREFIX = "cak_"
"""``copilot-api key``: programs that look for leaked secrets, and our own redaction, know it by this."""
RANDOM_BYTES = 32
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


def _hash() -> Callable[[bytes], Any]:
    """Return SHA-256 without OpenSSL: `hashlib` loads it, which is 3.6 MB that nothing else here needs."""
    try:
        from _sha2 import sha256  # type: ignore[import-not-found]  # CPython 3.12 and newer
    except ImportError:
        try:
            from _sha256 import sha256  # type: ignore[import-not-found]  # CPython 3.11
        except ImportError:
            from hashlib import sha256
    made: Callable[[bytes], Any] = sha256
    return made


_SHA256 = _hash()


def digest(key: str) -> bytes:
    """Return the SHA-256 of a key."""
    result: bytes = _SHA256(key.encode("utf-8", "surrogatepass")).digest()
    return result


def make_key() -> str:
    """Return a new key with 256 random bits."""
    import base64

    return PREFIX + base64.urlsafe_b64encode(os.urandom(RANDOM_BYTES)).rstrip(b"=").decode()


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
