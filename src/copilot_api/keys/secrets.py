"""Making and hashing keys.

A key is kept as its plain SHA-256. A slow hash (scrypt, Argon2) is for what people choose, where a thief of
the hashes tries a few billion candidates. A key of ours has 256 random bits: there is no list to try, at any
speed. Slowness would only hurt here, since a hash is computed for each request, also for those of strangers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

PREFIX = "cak_"
"""``copilot-api key``: programs that look for leaked secrets, and our own redaction, know it by this."""
RANDOM_BYTES = 32


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
