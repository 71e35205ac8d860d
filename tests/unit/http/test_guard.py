"""Host, Origin, key and body type, before any work (R-02 to R-04, R-09, architecture.md 8)."""

from __future__ import annotations

from typing import Any

import pytest

from copilot_api.engine.server_interfaces import GUARD_EXTENSION
from copilot_api.gateway.errors import GatewayError, NotAllowed
from copilot_api.http.asgi import Message, Request
from copilot_api.http.guard import (
    MOST_SEEN,
    Access,
    Refused,
    allowed_origin,
    check,
    check_json,
    may_read_token,
    origin_is_valid,
)
from copilot_api.keys.ring import GivenKey, KeyRing
from copilot_api.redaction import Secret
from copilot_api.settings import Settings


class Everybody:
    """Finds that all connections are this user's, or none."""

    def __init__(self, ours: bool) -> None:
        self.ours = ours
        self.asked: list[tuple[tuple[str, int], tuple[str, int]]] = []

    def is_ours(self, client: tuple[str, int], server: tuple[str, int]) -> bool:
        self.asked.append((client, server))
        return self.ours


LOCAL = Access.of(Settings(), KeyRing(), Everybody(True))
OPEN = Access.of(Settings(host="0.0.0.0"), KeyRing(), Everybody(True))


def request(
    path: str = "/v1/models", client: str = "127.0.0.1", method: str = "GET", **headers: str | list[str]
) -> Request:
    raw: list[tuple[bytes, bytes]] = []
    headers.setdefault("host", "localhost:4141")
    for name, value in headers.items():
        values = [value] if isinstance(value, str) else value
        raw.extend((name.replace("_", "-").encode(), each.encode("latin-1")) for each in values)
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": raw,
        "server": ("127.0.0.1", 4141),
        "client": (client, 5000),
    }

    async def receive() -> Message:
        raise AssertionError("the guard must not read the body")

    return Request(scope, receive)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:4141", "127.0.0.1", "127.0.0.1:4141", "[::1]", "[::1]:4141", "LocalHost"],
)
def test_r02_legal_spellings_pass(host: str) -> None:
    check(request(host=host), LOCAL)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example@127.0.0.1:4141",
        "localhost:\xb2",
        "\xa0localhost",
        "localhost.",
        "evil.example:4141",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "127.0.0.1@evil.example",
        "localhost:1",
        "localhost:",
        "192.168.1.2:4141",
        "[::2]",
        "localhost, evil.example",
    ],
)
def test_r02_foreign_hosts_are_refused(host: str) -> None:
    with pytest.raises(NotAllowed) as caught:
        check(request(host=host), LOCAL)
    assert caught.value.status == 421


@pytest.mark.parametrize("host", [["localhost", "localhost"], ["localhost", "evil.example"], [""], []])
def test_r02_missing_or_double_host(host: list[str]) -> None:
    with pytest.raises(Refused) as caught:
        check(request(host=host), LOCAL)
    assert caught.value.status == 400


def test_r02_a_host_that_passed_is_remembered_as_it_came() -> None:
    access = Access.of(Settings(), KeyRing())
    check(request(host="localhost:4141"), access)
    check(request(host="localhost:4141"), access)
    assert access.seen == {(b"localhost:4141", 4141)}
    with pytest.raises(Refused):
        check(request(host=["localhost:4141", "evil.example"]), access)
    with pytest.raises(Refused):
        check(request(host=["localhost:4141", "localhost:4141"]), access)
    elsewhere = request(host="localhost:4141")
    elsewhere.scope["server"] = ("127.0.0.1", 4142)
    with pytest.raises(NotAllowed):
        check(elsewhere, access)


def test_r02_hosts_that_clients_make_up_take_no_memory() -> None:
    access = Access.of(Settings(host="0.0.0.0"), KeyRing())
    for number in range(2 * MOST_SEEN):
        check(request(host=f"10.0.0.1:{number}"), access)
    assert len(access.seen) == MOST_SEEN
    with pytest.raises(NotAllowed):
        check(request(host="evil.example"), access)
    assert len(access.seen) == MOST_SEEN


def test_r02_absolute_target_is_refused() -> None:
    with pytest.raises(Refused):
        check(request(path="http://evil.example/v1/models"), LOCAL)


def test_beyond_loopback_addresses_and_configured_names_pass_but_no_other_name() -> None:
    check(request(host="192.168.1.2:8080"), OPEN)
    named = Access.of(Settings(host="0.0.0.0", public_host=("Gateway.example",)), KeyRing())
    check(request(host="gateway.example"), named)
    check(request(host="gateway.example:8443"), named)
    with pytest.raises(NotAllowed):
        check(request(host="rebound.example"), OPEN)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost.evil.example"},
        {"origin": "http://localhost:4142"},
        {"origin": "https://ericc-ch.github.io"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_r04_d_s2_other_pages_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(NotAllowed) as caught:
        check(request(**headers), LOCAL)
    assert caught.value.status == 403
    assert allowed_origin(request(**headers), LOCAL) is None


def test_own_page_listed_page_and_usage_viewer_pass() -> None:
    check(request(origin="http://localhost:4141"), LOCAL)
    listed = Access.of(Settings(cors_origin=("https://ui.example",)), KeyRing())
    page = request(origin="https://ui.example", sec_fetch_site="cross-site")
    check(page, listed)
    assert allowed_origin(page, listed) == "https://ui.example"
    viewer = request(path="/usage", origin="https://ericc-ch.github.io", sec_fetch_site="cross-site")
    check(viewer, LOCAL)
    assert allowed_origin(viewer, LOCAL) == "https://ericc-ch.github.io"


KEYED = Access.of(
    Settings(), KeyRing([GivenKey("option", Secret("k-one")), GivenKey("option", Secret("k-two"))])
)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer k-one"},
        {"authorization": "bearer k-two"},
        {"x_api_key": "k-one"},
        {"x_goog_api_key": "k-two"},
    ],
)
def test_r09_each_header_form_carries_a_key(headers: dict[str, str]) -> None:
    check(request(**headers), KEYED)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer "},
        {"authorization": "k-one"},
        {"authorization": "Basic k-one"},
        {"authorization": "Bearer K-ONE"},
        {"x_api_key": "k-on"},
        {"x_api_key": "k-one2"},
        {"cookie": "k-one"},
    ],
)
def test_r09_wrong_or_missing_keys(headers: dict[str, str]) -> None:
    with pytest.raises(NotAllowed) as caught:
        check(request(**headers), KEYED)
    assert caught.value.status == 401
    assert "k-one" not in str(caught.value)
    check(request(path="/", **headers), KEYED)


def test_without_keys_any_dummy_passes() -> None:
    check(request(authorization="Bearer dummy"), LOCAL)


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"content_type": "application/json"}, True),
        ({"content_type": "Application/JSON; charset=utf-8"}, True),
        ({"content_type": "application/x-www-form-urlencoded"}, True),
        ({"content_type": "application/x-www-form-urlencoded", "origin": "http://localhost:4141"}, False),
        ({"content_type": "application/x-www-form-urlencoded", "sec_fetch_mode": "cors"}, False),
        ({"content_type": "text/plain"}, False),
        ({"content_type": "multipart/form-data"}, False),
        ({}, False),
    ],
)
def test_r04_body_types(headers: dict[str, str], passes: bool) -> None:
    if passes:
        check_json(request(method="POST", **headers))
        return
    with pytest.raises(GatewayError) as caught:
        check_json(request(method="POST", **headers))
    assert caught.value.status == 415


@pytest.mark.parametrize(
    ("asking", "access", "given"),
    [
        (request(path="/token"), LOCAL, True),
        (request(path="/token", client="::1"), LOCAL, True),
        (request(path="/token", client="192.168.1.9"), LOCAL, False),
        (request(path="/token", origin="http://localhost:4141"), LOCAL, False),
        (request(path="/token", sec_fetch_site="cross-site"), LOCAL, False),
        (request(path="/token"), OPEN, False),
        (request(path="/token"), Access.of(Settings(), KeyRing(), Everybody(False)), False),
        (request(path="/token"), Access.of(Settings(), KeyRing()), False),
        (request(path="/token"), Access.of(Settings(no_auth=True), KeyRing(), Everybody(False)), False),
        (request(path="/token"), Access.of(Settings(no_auth=True), KeyRing(), Everybody(True)), True),
        (request(path="/token"), Access.of(Settings(), KeyRing((GivenKey("option", Secret("k")),))), True),
    ],
)
def test_d_s1_token_only_to_this_machine(asking: Request, access: Access, given: bool) -> None:
    assert may_read_token(asking, access) is given


@pytest.mark.parametrize(
    ("origin", "valid"),
    [
        ("https://ui.example", True),
        ("http://localhost:3000", True),
        ("*", False),
        ("null", False),
        ("https://ui.example/", False),
        ("ui.example", False),
        ("https://a@ui.example", False),
        ("https://[", False),
    ],
)
def test_configured_origins_are_exact(origin: str, valid: bool) -> None:
    assert origin_is_valid(origin) is valid


def test_r05_a_connection_of_another_user_is_refused_while_there_is_no_key() -> None:
    owners = Everybody(False)
    with pytest.raises(Refused) as caught:
        check(request(), Access.of(Settings(), KeyRing(), owners))
    assert (caught.value.status, caught.value.code) == (403, "foreign_user")
    assert owners.asked == [(("127.0.0.1", 5000), ("127.0.0.1", 4141))]
    # Somebody else says who may: a key, the user aloud, the mode of a Unix socket.
    check(request(x_api_key="k"), Access.of(Settings(), KeyRing((GivenKey("option", Secret("k")),)), owners))
    check(request(), Access.of(Settings(no_auth=True), KeyRing(), owners))
    check(request(), Access.of(Settings(host="0.0.0.0", no_auth=True), KeyRing(), owners))
    unix = request()
    unix.scope["client"] = None
    check(unix, Access.of(Settings(), KeyRing(), owners))
    assert len(owners.asked) == 1


def test_r01_r05_without_a_key_who_comes_from_elsewhere_is_refused() -> None:
    """Another ASGI server may listen where it likes."""
    with pytest.raises(Refused) as caught:
        check(request(client="192.168.1.9"), LOCAL)
    assert caught.value.code == "foreign_user"


def test_what_our_own_server_has_judged_is_not_judged_again() -> None:
    owners = Everybody(False)
    asked = request(host="evil.example", origin="null")
    asked.scope["extensions"] = {GUARD_EXTENSION: {"same_user": True}}
    check(asked, Access.of(Settings(), KeyRing(), owners))
    with pytest.raises(NotAllowed):
        check(asked, Access.of(Settings(), KeyRing((GivenKey("option", Secret("k")),)), owners))
    assert not owners.asked
