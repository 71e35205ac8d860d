"""No route gives out a token, and `GET /token` only to this user's own programs (R-06)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import pytest

from copilot_api.app import open_gateway
from copilot_api.redaction import Secret
from copilot_api.settings import Settings
from tests.support.marks import (
    COPILOT,
    GITHUB,
    KEY,
    TOKENS,
    WRONG_KEY,
    found_in,
    marked,
    request_bytes,
    send,
)
from tests.support.scripted_upstream import ScriptedUpstream
from tests.trust.conftest import Side, running

pytestmark = pytest.mark.secrets

METHODS = ("GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "QUERY")
RARE = METHODS[4:]
SAME = ("/token", "/token?x", "/token?token=1", "/%74oken")
"""Spellings of the one route."""
ABSOLUTE = "http://localhost/token"
"""Another one; uvicorn's server refuses the form."""
OTHERS = (
    *("/token/", "//token", "/TOKEN", "/Token", "/v1/../token", "/./token", "/token/.", "/token;x"),
    *("/token%00", "/token%2f", "/token%20", "/tok%65n%0a", "/%2ftoken", "/..%2ftoken", "/x/..%2ftoken"),
    *("/v1/token", "/copilot_internal/v2/token", "/user", "/.env", "/github_token", "/metrics", "/debug"),
    *("/config", "/logs", "/v1beta/models/..%2ftoken", "/v1/models/token", "/static/../token"),
)
HOSTILE: dict[str, tuple[tuple[str, str], ...]] = {
    "foreign origin": (("Origin", "https://evil.example"),),
    "null origin": (("Origin", "null"),),
    "empty origin": (("Origin", ""),),
    "two origins": (("Origin", "http://localhost"), ("Origin", "https://evil.example")),
    "own origin": (("Origin", "http://localhost:{port}"),),
    "look-alike origin": (("Origin", "http://localhost.evil.example:{port}"),),
    "cross-site": (("Sec-Fetch-Site", "cross-site"),),
    "same-site": (("Sec-Fetch-Site", "same-site"),),
    "unknown site": (("Sec-Fetch-Site", "elsewhere"),),
    "foreign host": (("Host", "evil.example"),),
    "look-alike host": (("Host", "127.0.0.1.nip.io"),),
    "user in host": (("Host", "localhost@evil.example"),),
    "two hosts": (("Host", "localhost"), ("Host", "evil.example")),
    "behind a front": (("X-Forwarded-For", "203.0.113.7"),),
    "behind a front, named": (("Forwarded", "for=203.0.113.7"),),
}


@pytest.fixture(scope="module")
def targets() -> list[str]:
    """Every path that the application serves, from its own table: a new route is in here by itself."""

    async def table(url: str) -> list[str]:
        urls = {"github_url": url, "github_api_url": url, "copilot_url": url}
        async with open_gateway(Settings(engine="reference", **urls), Secret(GITHUB)) as gateway:
            router = gateway.app._router
            patterns = [f"{prefix}gpt-4.1{suffix}" for (prefix, suffix), _ in router._patterns]
            return sorted({path for _, path in router._table} | set(patterns))

    with ScriptedUpstream(marked) as upstream:
        found = asyncio.run(table(upstream.url))
    assert {"/token", "/usage", "/health", "/v1/messages", "/v1beta/models/gpt-4.1:generateContent"} <= {
        *found
    }
    return found


@pytest.fixture(scope="module")
def keyed(combination: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """A gateway that wants a key."""
    with running(combination, tmp_path_factory, "--api-key", KEY) as side:
        yield side


@pytest.fixture(scope="module")
def guessed(combination: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """Another one, for wrong keys: who sends many of them is served no more for a while (R-09)."""
    with running(combination, tmp_path_factory, "--api-key", KEY) as side:
        yield side


def fetch(side: Side, method: str, target: str, *headers: tuple[str, str]) -> bytes:
    """All bytes of the answer."""
    body = b"{}" if method in ("POST", "PUT", "PATCH", "QUERY") else None
    typed = (("Content-Type", "application/json"),) if body else ()
    named = [(name, value.replace("{port}", str(side.port))) for name, value in headers]
    # The dashboard's live line goes on for ever.
    enough = b'"streams":' if target == "/dashboard/api/live" else None
    return send(side.port, request_bytes(method, target, *typed, *named, body=body), enough=enough)


def test_r06_no_route_and_no_method_gives_a_token_out(side: Side, targets: list[str]) -> None:
    leaked = []
    for number, target in enumerate([*targets, *SAME, *OTHERS]):
        for method in (*METHODS[:4], RARE[number % len(RARE)]):
            if method == "GET" and target in SAME:
                continue
            got = fetch(side, method, target)
            assert got.startswith(b"HTTP/1.1 "), (method, target)
            leaked += [(method, target, mark) for mark in found_in(got, TOKENS)]
    assert not leaked


def test_r06_nor_with_keys_on(guessed: Side, targets: list[str]) -> None:
    given: tuple[tuple[tuple[str, str], ...], ...] = (
        (("x-api-key", KEY),),
        (),
        (("x-api-key", WRONG_KEY),),
    )
    leaked = []
    for number, (headers, target) in enumerate(itertools.product(given, [*targets, *SAME, *OTHERS])):
        method = "GET" if target in (*SAME, "/usage") else METHODS[number % len(METHODS)]
        if target in SAME and headers == given[0]:
            continue
        got = fetch(guessed, method, target, *headers)
        assert got.startswith(b"HTTP/1.1 "), (method, target)
        leaked += [(method, target, headers, mark) for mark in found_in(got, (*TOKENS, KEY))]
    assert not leaked
    for headers in given[1:]:
        assert fetch(guessed, "GET", "/token", *headers).partition(b" ")[2][:3] in (b"401", b"429")


@pytest.mark.parametrize("who", HOSTILE)
def test_r06_the_token_is_for_no_page_and_no_stranger(side: Side, keyed: Side, who: str) -> None:
    for target in (*SAME, ABSOLUTE):
        for each, extra in ((side, ()), (keyed, (("x-api-key", KEY),))):
            got = fetch(each, "GET", target, *HOSTILE[who], *extra)
            assert got.partition(b" ")[2][:3] in (b"400", b"403", b"421"), (who, target)
            assert not found_in(got, TOKENS)
            assert b"access-control-allow-origin" not in got.lower() or who == "own origin"


@pytest.mark.parametrize("target", SAME)
def test_r06_the_token_is_for_this_users_programs(side: Side, keyed: Side, target: str) -> None:
    for each, headers in (
        (side, ()),
        (side, (("Sec-Fetch-Site", "none"),)),
        (side, (("Host", "127.0.0.1:{port}"),)),
        (keyed, (("Authorization", f"Bearer {KEY}"),)),
    ):
        head, _, body = fetch(each, "GET", target, *headers).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), (target, headers)
        assert body == b'{"token":"' + COPILOT.encode() + b'"}'
        assert b"cache-control: no-store" in head.lower()
        assert b"access-control" not in head.lower()
        assert not found_in(body, ("MarkOfGitHubToken",))


STRONG = "q8Zr2LwXv7Tn4KcYp1Hd6Bs9"


@pytest.mark.parametrize(
    "arguments",
    [("--no-token-endpoint",), ("--host", "0.0.0.0", "--api-key", STRONG)],
    ids=["turned off", "beyond loopback"],
)
def test_r06_the_token_can_be_kept_altogether(
    combination: tuple[str, str], tmp_path_factory: pytest.TempPathFactory, arguments: tuple[str, ...]
) -> None:
    with running(combination, tmp_path_factory, *arguments) as side:
        for target, extra in itertools.product(SAME, ((), (("x-api-key", STRONG),))):
            got = fetch(side, "GET", target, *extra)
            assert got.partition(b" ")[2][:3] in (b"401", b"403"), target
            assert not found_in(got, TOKENS)
