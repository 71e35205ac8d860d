"""The connection scope: each key, its type and its value (ASGI 3, HTTP)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.play import play, tag, whole
from tests.support.raw_http import RawConnection
from tests.support.served_app import ServedApp

Shown = dict[str, Any]


def scope_of(connection: RawConnection, method: str = "GET") -> Shown:
    kind, shown = connection.response(method).json
    assert kind == "dict"
    return dict(shown)


def ask(served: ServedApp, payload: bytes) -> Shown:
    with served.connect() as connection:
        connection.send(payload)
        return scope_of(connection)


def get(target: str, *lines: str, method: str = "GET", version: str = "1.1") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/{version}", "Host: localhost", *lines, "", ""]).encode(
        "latin-1"
    )


def test_every_key_and_type(served: ServedApp) -> None:
    with served.connect() as connection:
        connection.send(get("/scope/a%20b?x=%20y", "X-One: 1"))
        shown = scope_of(connection)
        mine = connection.socket.getsockname()
    assert shown["type"] == ["str", "http"]
    assert shown["http_version"] == ["str", "1.1"]
    assert shown["method"] == ["str", "GET"]
    assert shown["scheme"] == ["str", "http"]
    assert shown["path"] == ["str", "/scope/a b"]
    assert shown["raw_path"] == ["bytes", "/scope/a%20b"]
    assert shown["query_string"] == ["bytes", "x=%20y"]
    assert shown["root_path"] == ["str", ""]
    assert shown["client"][0] in ("tuple", "list")
    assert shown["client"][1] == [["str", mine[0]], ["int", mine[1]]]
    assert shown["server"][0] in ("tuple", "list")
    assert shown["server"][1] == [["str", "127.0.0.1"], ["int", served.port]]
    assert shown["headers"][0] == "list"
    for kind, pair in shown["headers"][1]:
        assert kind in ("tuple", "list")
        assert [each[0] for each in pair] == ["bytes", "bytes"]


def test_asgi_versions(served: ServedApp) -> None:
    kind, versions = ask(served, get("/scope"))["asgi"]
    assert kind == "dict"
    assert versions["version"] == ["str", "3.0"]
    assert versions["spec_version"][1] in ("2.0", "2.1", "2.2", "2.3", "2.4", "2.5")


def test_extensions_are_a_dict_of_dicts(served: ServedApp) -> None:
    kind, extensions = ask(served, get("/scope")).get("extensions", ["dict", {}])
    assert kind == "dict"
    assert all(value[0] == "dict" for value in extensions.values())


def test_relay_extension_has_its_version(served: ServedApp) -> None:
    if served.server != "native":
        pytest.skip("the relay is an extension of the native server")
    extensions = ask(served, get("/scope"))["extensions"][1]
    assert extensions["copilot_api.response.relay"][1]["version"] == ["int", 1]


def test_no_lifespan_no_state_of_others(served: ServedApp) -> None:
    assert ask(served, get("/scope")).get("state", ["dict", {}]) == ["dict", {}]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE", "M-SEARCH"])
def test_methods(served: ServedApp, method: str) -> None:
    with served.connect() as connection:
        connection.request(method, "/scope", body=b"" if method in ("POST", "PUT", "PATCH") else None)
        assert scope_of(connection, method)["method"] == ["str", method]


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/scope/%C3%A9%E2%80%A8", "/scope/é\u2028"),
        ("/scope/%F0%9F%9A%80", "/scope/🚀"),
        ("/scope/a%2Fb", "/scope/a/b"),
        ("/scope/a+b", "/scope/a+b"),
        ("/scope/%2561", "/scope/%61"),
        ("/scope//double//", "/scope//double//"),
        ("/scope/../dots", "/scope/../dots"),
        ("/scope;p=1/x,y:@!$&'()*=~", "/scope;p=1/x,y:@!$&'()*=~"),
        ("/scope/%7b%7D", "/scope/{}"),
    ],
)
def test_path_is_decoded_and_raw_path_is_not(served: ServedApp, target: str, path: str) -> None:
    shown = ask(served, get(target))
    assert shown["path"] == ["str", path]
    assert shown["raw_path"] == ["bytes", target]


@pytest.mark.parametrize("target", ["/scope/%FF", "/scope/%C3", "/scope/%ED%A0%80", "/scope/%", "/scope/%zz"])
def test_path_that_is_no_utf_8_harms_nobody(served: ServedApp, target: str) -> None:
    with served.connect() as connection:
        connection.send(get(target))
        response = connection.response()
    assert response.status in (200, 400)
    if response.status == 200:
        assert response.json[1]["raw_path"] == ["bytes", target]
        assert response.json[1]["path"][0] == "str"


@pytest.mark.parametrize(
    ("target", "query"),
    [
        ("/scope", ""),
        ("/scope?", ""),
        ("/scope?a=%C3%A9+b&a=2&", "a=%C3%A9+b&a=2&"),
        ("/scope?x?y=/", "x?y=/"),
    ],
)
def test_query_string_is_raw(served: ServedApp, target: str, query: str) -> None:
    shown = ask(served, get(target))
    assert shown["query_string"] == ["bytes", query]
    assert shown["path"] == ["str", "/scope"]


def test_absolute_target(served: ServedApp) -> None:
    if served.server == "uvicorn":
        pytest.skip("uvicorn takes the whole target for the path")
    shown = ask(served, get("http://localhost/scope/x?y=1"))
    assert (shown["path"], shown["query_string"]) == (["str", "/scope/x"], ["bytes", "y=1"])
    assert shown["raw_path"] == ["bytes", "/scope/x"]


def test_asterisk_target(served: ServedApp) -> None:
    with served.connect() as connection:
        connection.send(get("*", method="OPTIONS"))
        assert connection.response("OPTIONS").status in (200, 400)


def test_headers_keep_order_duplicates_and_bytes(served: ServedApp) -> None:
    shown = ask(
        served,
        get(
            "/scope",
            "X-B: 2",
            "x-a: first",
            "X-A:second",
            "X-Empty:",
            "X-Pad: \t in the \t middle \t",
            "X-L: \xe9\xff",
        ),
    )
    pairs = [tuple(each[1] for each in pair) for _, pair in shown["headers"][1]]
    assert pairs == [
        ("host", "localhost"),
        ("x-b", "2"),
        ("x-a", "first"),
        ("x-a", "second"),
        ("x-empty", ""),
        ("x-pad", "in the \t middle"),
        ("x-l", "\xe9\xff"),
    ]


def test_many_headers(served: ServedApp) -> None:
    shown = ask(served, get("/scope", *(f"X-{number}: {'v' * 500}" for number in range(60))))
    assert len(shown["headers"][1]) == 61


def test_http_1_0(served: ServedApp) -> None:
    assert ask(served, get("/scope", version="1.0"))["http_version"] == ["str", "1.0"]


def test_scope_belongs_to_one_request(served: ServedApp) -> None:
    with served.connect() as connection:
        connection.request("GET", play(tag(), ["spoil_scope"], *whole()))
        assert connection.response().status == 200
        connection.request("GET", "/scope")
        shown = scope_of(connection)
    assert "spoil" not in repr(shown).lower()


def test_connection_on_ipv6(served: ServedApp) -> None:
    try:
        connection = RawConnection(("::1", served.port))
    except OSError:
        pytest.skip("no IPv6 here")
    with connection:
        connection.request("GET", "/scope")
        shown = scope_of(connection)
        mine = connection.socket.getsockname()
    assert shown["client"][1] == [["str", "::1"], ["int", mine[1]]]
    assert shown["server"][1] == [["str", "::1"], ["int", served.port]]
