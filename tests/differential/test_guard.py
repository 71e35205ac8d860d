"""Access by our own server and by `copilot_api.http.guard`: the same bytes for the same head (R-02 to R-04).

One app is hosted twice by our own server. Once the server judges before the app is called, once the app does.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot_api.engine.server_interfaces import ServerOptions
from copilot_api.http.application import Application
from copilot_api.http.asgi import Request, text
from copilot_api.http.guard import Access
from copilot_api.http.routing import Respond, Route
from copilot_api.keys.ring import KeyRing
from copilot_api.settings import Settings
from tests.support.raw_http import PATIENCE
from tests.support.servers import need_native

CONFIGURATIONS = {
    "local": Settings(),
    "named": Settings(
        public_host=("Gateway.example", "other.example:8443"),
        cors_origin=("https://ui.example", "http://ui.example:8080"),
    ),
    "open": Settings(host="0.0.0.0", no_auth=True, public_host=("gateway.example",)),
}
PATHS = (
    "/",
    "/usage",
    "/%75sage",
    "/usage?x=1",
    "/usage/",
    "/v1/messages",
    "/v1/%6dessages",
    "/v1beta/models",
    "/v1alpha/x",
    "/v1/models/a:generateContent",
    "/v1/models/a/b:countTokens",
    "/v1/models/:countTokens",
    "/v1/models/a?b:countTokens",
    "/api/chat",
    "/api",
    "/models",
    "*",
)
HOSTS = (
    "localhost",
    "localhost:PORT",
    "LOCALHOST:PORT",
    "localhost:1",
    "localhost:0PORT",
    "localhost:",
    "localhost.",
    "127.0.0.1",
    "127.0.0.1:PORT",
    "127.0.0.1:80",
    "[::1]",
    "[::1]:PORT",
    "::1",
    "::1:PORT",
    "[::1",
    "::1]",
    "]::1[",
    "[[::1]]",
    "[0:0::1]:PORT",
    "0.0.0.0",
    "192.168.1.2:8080",
    "192.168.01.2",
    "192.168.1",
    "3232235778",
    "0xc0a80102",
    "[fe80::1%25eth0]",
    "[fe80::1%eth0]",
    "[::ffff:192.168.1.2]:9",
    "[192.168.1.2]",
    "fe80::1",
    "gateway.example",
    "GATEWAY.example:443",
    "gateway.example:443:443",
    "other.example",
    "other.example:8443",
    "OTHER.example:8443",
    "evil.example",
    "evil.example:PORT",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "127.0.0.1@evil.example",
    "evil.example@127.0.0.1:PORT",
    "localhost, evil.example",
    "localhost evil.example",
    "localhost:PORT:PORT",
    "localhost:\xb2",
    "\xa0localhost",
    "localhost\x85",
    "l\xf6calhost",
    "",
    ":",
    ":PORT",
)
ORIGINS = (
    "null",
    "",
    "http://localhost:PORT",
    "http://127.0.0.1:PORT",
    "http://[::1]:PORT",
    "http://localhost",
    "http://localhost:1",
    "https://localhost:PORT",
    "HTTP://localhost:PORT",
    "http://LOCALHOST:PORT",
    "http://localhost.evil.example:PORT",
    "http://localhost:PORT.evil.example",
    "http://localhost:PORT/",
    "http://evil.example@localhost:PORT",
    "https://evil.example",
    "https://ericc-ch.github.io",
    "https://ericc-ch.github.io:443",
    "https://gateway.example",
    "http://gateway.example:PORT",
    "http://gateway.example",
    "https://other.example:8443",
    "http://other.example:8443:PORT",
    "https://ui.example",
    "http://ui.example:8080",
    "https://ui.example.evil.example",
    "\xa0https://ui.example",
)
SITES = ("cross-site", "same-site", "same-origin", "none", "Cross-Site", "", "cross-site,none")


class Hosted:
    """The app under our own server, in a thread of its own; `guarded` says who judges."""

    def __init__(self, configuration: Settings, *, guarded: bool) -> None:
        access = Access.of(configuration, KeyRing())
        routes = (
            Route("GET", ("/", "/usage", "/models"), serve),
            Route("POST", ("/v1/messages",), serve, "messages"),
            *(
                Route("POST", (f"/v1/models/{{}}:{method}",), serve, "gemini")
                for method in ("generateContent", "countTokens")
            ),
        )
        self._app = Application(routes, access, configuration)
        self._options = ServerOptions(guard=access.native() if guarded else None)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    async def _serve(self) -> None:
        from copilot_api.engine.native.server import NativeServer

        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self.server = NativeServer(self._app, [self._listener], self._options)
        self._ready.set()
        await self._over.wait()
        await self.server.aclose()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(PATIENCE)
        self._listener.close()

    def ask(self, head: str) -> bytes:
        """All that comes back; what differs by the server alone is made alike."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as client:
            client.sendall(head.replace("PORT", str(self.port)).encode("latin-1"))
            came = b""
            while piece := client.recv(65536):
                came += piece
        # A number for the log, which only what reached the app has.
        came = re.sub(rb"\r\n(date|x-request-id): [^\r]*", b"", came)
        return came.replace(str(self.port).encode(), b"PORT")


async def serve(_request: Request, _body: Any, respond: Respond) -> None:
    await respond(text(200, "served"))


Pair = tuple[Hosted, Hosted]


@pytest.fixture(scope="module")
def pairs() -> Iterator[dict[str, Pair]]:
    need_native("Server")
    made = {
        name: (Hosted(each, guarded=True), Hosted(each, guarded=False))
        for name, each in CONFIGURATIONS.items()
    }
    for pair in made.values():
        for hosted in pair:
            hosted.__enter__()
    yield made
    for pair in made.values():
        for hosted in pair:
            hosted.__exit__(None, None, None)


def head_of(
    hosts: tuple[str, ...] = ("localhost",),
    origins: tuple[str, ...] = (),
    sites: tuple[str, ...] = (),
    path: str = "/",
    method: str = "GET",
    version: str = "1.1",
) -> str:
    lines = [f"{method} {path} HTTP/{version}", "Connection: close"]
    lines += [f"Host: {host}" for host in hosts]
    lines += [f"Origin: {origin}" for origin in origins]
    lines += [f"Sec-Fetch-Site: {site}" for site in sites]
    if method == "POST":
        lines += ["Content-Type: application/json", "Content-Length: 2", "", "{}"]
        return "\r\n".join(lines)
    return "\r\n".join([*lines, "", ""])


def check(pair: Pair, head: str) -> bytes:
    by_server, by_app = (hosted.ask(head) for hosted in pair)
    assert by_server == by_app, head
    return by_server


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_r02_hosts_are_judged_alike(pairs: dict[str, Pair], configuration: str) -> None:
    statuses = {host: check(pairs[configuration], head_of((host,)))[9:12] for host in HOSTS}
    assert {b"200", b"421"} <= set(statuses.values())
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "127.0.0.1@evil.example"):
        assert statuses[host] == b"421"
    for hosts in ((), ("",), ("localhost", "localhost"), ("localhost", "evil.example")):
        for version in ("1.0", "1.1"):
            answer = check(pairs[configuration], head_of(hosts, version=version))
            assert answer[9:12] == b"400"


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_r04_pages_are_judged_alike(pairs: dict[str, Pair], configuration: str) -> None:
    pair = pairs[configuration]
    for path in PATHS[:5]:
        for origin in ORIGINS:
            check(pair, head_of(origins=(origin,), path=path))
        for site in SITES:
            check(pair, head_of(sites=(site,), path=path))
    evil = check(pair, head_of(origins=("https://evil.example",)))
    assert evil.startswith(b"HTTP/1.1 403 ")
    assert b"access-control" not in evil
    assert b"\r\nconnection: close\r\n" in evil
    assert check(pair, head_of(origins=("http://localhost:PORT",))).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("path", PATHS)
def test_r02_r04_refusals_are_written_alike_in_the_dialect_of_the_path(
    pairs: dict[str, Pair], path: str
) -> None:
    pair = pairs["local"]
    for method in ("GET", "HEAD", "POST", "OPTIONS", "DELETE"):
        for more in (
            {"hosts": ("evil.example",)},
            {"hosts": (), "version": "1.0"},
            {"origins": ("null",)},
            {"sites": ("cross-site",)},
        ):
            answer = check(pair, head_of(path=path, method=method, **more))  # type: ignore[arg-type]
            assert answer[9:12] in (b"400", b"403", b"421")


@pytest.mark.parametrize(
    "target", ["http://evil.example/", "http://localhost@evil.example/", "http://localhost:PORT/", "evil"]
)
def test_r02_absolute_targets_are_judged_alike(pairs: dict[str, Pair], target: str) -> None:
    for pair in pairs.values():
        answers = {check(pair, head_of((host,), path=target)) for host in ("localhost:PORT", "evil.example")}
        assert all(answer[9:12] in (b"200", b"400", b"421") for answer in answers)


def test_r02_what_the_server_refused_the_app_did_not_see(pairs: dict[str, Pair]) -> None:
    guarded, judging = pairs["local"]
    requests = [hosted.server._native.stats[2] for hosted in (guarded, judging)]
    for _ in range(3):
        check((guarded, judging), head_of(("evil.example",)))
    assert [hosted.server._native.stats[2] for hosted in (guarded, judging)] == [
        requests[0],
        requests[1] + 3,
    ]


def spelled(samples: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Samples, pieces of them, and single characters that mean something to somebody."""
    pieces = st.sampled_from([*samples, *"[]:@.,%/\\ \t", "PORT", "0", "\xa0", "\xff", "xn--"])
    made = st.lists(pieces, max_size=4).map("".join)
    return (st.sampled_from(samples) | made).map(lambda value: value.strip(" \t"))


@settings(max_examples=300)
@given(
    configuration=st.sampled_from([*CONFIGURATIONS]),
    hosts=st.lists(spelled(HOSTS), min_size=1, max_size=1) | st.lists(spelled(HOSTS), max_size=3),
    origins=st.lists(spelled(ORIGINS), max_size=2),
    sites=st.lists(spelled(SITES), max_size=2),
    path=st.sampled_from(PATHS),
    method=st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "PUT"]),
    version=st.sampled_from(["1.1", "1.1", "1.0"]),
)
def test_r02_r04_any_head_is_judged_alike(
    pairs: dict[str, Pair],
    configuration: str,
    hosts: list[str],
    origins: list[str],
    sites: list[str],
    path: str,
    method: str,
    version: str,
) -> None:
    check(pairs[configuration], head_of((*hosts,), (*origins,), (*sites,), path, method, version))
