"""Making, hashing and judging keys."""

from __future__ import annotations

import hashlib
import re

import pytest

from copilot_api.keys.secrets import digest, make_key
from copilot_api.keys.weakness import weakness


def test_a_made_key_is_long_and_each_is_another() -> None:
    keys = {make_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch(r"cak_[A-Za-z0-9_-]{43}", key) for key in keys)
    assert [weakness(key) for key in keys] == [""] * 100


@pytest.mark.parametrize("key", ["", "k", "cak_x", "é漢🚀", "\udcff", "x" * 10_000])
def test_the_hash_is_sha_256(key: str) -> None:
    assert digest(key) == hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


@pytest.mark.parametrize(
    "key",
    [
        *("", "dummy", "sk-1234", "changeme", "fifteen-letters"),
        *("a" * 16, "x" * 64, "abababababababab", "1111222233334444"),
        *("sk-1234567890abcdef", "0123456789abcdef0123", "abcdefghijklmnop", "ABCDEFGHIJKLMNOPQRST"),
        *(
            "your-secret-api-key-here",
            "changeme-changeme-changeme",
            "my-copilot-api-password",
            "test-test-test-test",
        ),
        *("sk-dummy-dummy-dummy", "dummy_key_for_local_use", "Password1234Password"),
    ],
)
def test_r09_weak_and_default_keys_are_told(key: str) -> None:
    assert weakness(key)


@pytest.mark.parametrize(
    "key",
    [
        "f3a91c0de7b5486290b7d1e4",
        "correct horse battery staple",
        "sk-proj-8fJq2LwZx0pRtYv7",
        "9e107d9d372bb6826bd81d3542a419d6",
    ],
)
def test_r09_others_are_taken(key: str) -> None:
    assert weakness(key) == ""
