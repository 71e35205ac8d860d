"""SHA-256 without OpenSSL: `hashlib` loads it, which is 3.6 MB that nothing else needs that serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def _hash() -> Callable[[bytes], Any]:
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


def sha256(data: bytes) -> bytes:
    """Return the digest of bytes."""
    result: bytes = _SHA256(data).digest()
    return result
