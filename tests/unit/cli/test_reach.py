"""Who can reach the gateway, in one line."""

from __future__ import annotations

from typing import Any

import pytest

from copilot_api.cli.reach import sentence
from copilot_api.keys.ring import GivenKey, KeyRing
from copilot_api.redaction import Secret
from copilot_api.settings import Settings


def keys(count: int) -> KeyRing:
    return KeyRing([GivenKey("option", Secret(f"key-{number}")) for number in range(count)])


@pytest.mark.parametrize(
    ("settings", "count", "more", "line"),
    [
        ({}, 0, {}, "this machine only, no key needed"),
        ({}, 0, {"same_user": True}, "this machine only, this user only, no key needed"),
        ({"host": "localhost"}, 1, {"same_user": True}, "this machine only, by whoever has the key"),
        ({"host": "::1"}, 3, {}, "this machine only, by whoever has one of 3 keys"),
        ({}, 0, {"on_unix_socket": True}, "this user's programs only, by the socket, no key needed"),
        (
            {"host": "0.0.0.0"},
            3,
            {},
            "everyone on the network who has one of 3 keys; plain HTTP, put TLS in front",
        ),
        ({"host": "::", "tls_certificate": "c"}, 1, {}, "everyone on the network who has the key; over TLS"),
        (
            {"host": "0.0.0.0", "no_auth": True},
            0,
            {},
            "ANYONE on the network, without a key (--no-auth), at your expense; plain HTTP, put TLS in front",
        ),
        (
            {"host": "0.0.0.0", "no_auth": True},
            2,
            {},
            "everyone on the network who has one of 2 keys; plain HTTP, put TLS in front",
        ),
    ],
)
def test_the_line(settings: dict[str, Any], count: int, more: dict[str, bool], line: str) -> None:
    given = {"on_unix_socket": False} | more
    assert sentence(Settings(**settings), keys(count), **given) == f"Reachable: {line}"
