"""Making and hashing keys.

A key is kept as its plain SHA-256. A slow hash (scrypt, Argon2) is for what people choose, where a thief of
the hashes tries a few billion candidates. A key of ours has 256 random bits: there is no list to try, at any
speed. Slowness would only hurt here, since a hash is computed for each request, also for those of strangers.
"""

from __future__ import annotations

import os

from copilot_api.digests import sha256

PREFIX = "cak_"
"""``copilot-api key``: programs that look for leaked secrets, and our own redaction, know it by this."""
RANDOM_BYTES = 32


def digest(key: str) -> bytes:
    """Return the SHA-256 of a key."""
    return sha256(key.encode("utf-8", "surrogatepass"))


def make_key() -> str:
    """Return a new key with 256 random bits."""
    import base64

    return PREFIX + base64.urlsafe_b64encode(os.urandom(RANDOM_BYTES)).rstrip(b"=").decode()
