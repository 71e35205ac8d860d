"""What wrong keys are counted by."""

from __future__ import annotations

from typing import Any

import pytest

from copilot_api.http.asgi import Request
from copilot_api.http.identity import Door, networks, source_of
from copilot_api.keys.ring import KeyRing


def request(client: str | None, *forwarded: str) -> Request:
    async def receive() -> Any:
        raise AssertionError

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/models",
        "client": None if client is None else (client, 1),
        "headers": [(b"x-forwarded-for", value.encode()) for value in forwarded],
    }
    return Request(scope, receive)


FRONTS = ("127.0.0.1", "10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize(
    ("trusted", "client", "forwarded", "source"),
    [
        ((), "192.0.2.1", (), "192.0.2.1"),
        ((), "192.0.2.1", ("198.51.100.1",), "192.0.2.1"),
        (FRONTS, "192.0.2.1", ("198.51.100.1",), "192.0.2.1"),
        (FRONTS, "10.1.2.3", ("198.51.100.1",), "198.51.100.1"),
        (FRONTS, "127.0.0.1", ("made-up, 203.0.113.9, 198.51.100.1",), "198.51.100.1"),
        (FRONTS, "127.0.0.1", ("made-up", "198.51.100.1"), "198.51.100.1"),
        (FRONTS, "127.0.0.1", (), "127.0.0.1"),
        (FRONTS, "::ffff:10.1.2.3", ("198.51.100.1",), "198.51.100.1"),
        (FRONTS, "fd00::1", ("2001:db8:1:2:3:4:5:6",), "2001:db8:1:2::/64"),
        ((), "2001:db8:1:2:ffff::1", (), "2001:db8:1:2::/64"),
        ((), "::ffff:192.0.2.1", (), "192.0.2.1"),
        ((), None, ("198.51.100.1",), "unix"),
        (("unix",), None, ("198.51.100.1",), "198.51.100.1"),
        (("unix",), "192.0.2.1", ("198.51.100.1",), "192.0.2.1"),
        (FRONTS, "127.0.0.1", ("x" * 1000,), "x" * 64),
    ],
)
def test_r09_the_source_of_a_request(
    trusted: tuple[str, ...], client: str | None, forwarded: tuple[str, ...], source: str
) -> None:
    assert source_of(request(client, *forwarded), Door.of(KeyRing(), trusted)) == source


def test_what_is_no_address_is_refused() -> None:
    assert networks(("unix",)) == ()
    with pytest.raises(ValueError, match="nowhere"):
        networks(("nowhere",))
