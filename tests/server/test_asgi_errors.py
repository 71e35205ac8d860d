"""Apps that do wrong: an error for them, a sane result for the client, nothing for anybody else."""

from __future__ import annotations

import pytest

from tests.server.play import body, gate, play, send, start, tag, whole
from tests.support.raw_http import Cut, RawResponse
from tests.support.served_app import ServedApp

SECRET = b"secret words"


def broken_off(served: ServedApp, target: str) -> Cut | RawResponse:
    """What a client sees: a whole response, or a cut. Afterwards the server serves others."""
    try:
        seen: Cut | RawResponse = served.ask(target)
    except Cut as cut:
        seen = cut
    assert served.ask("/scope").status == 200
    return seen


def plain_500(seen: Cut | RawResponse) -> None:
    assert isinstance(seen, RawResponse)
    assert seen.status == 500
    assert SECRET not in seen.body
    assert b"Traceback" not in seen.body
    assert b".py" not in seen.body


@pytest.mark.parametrize("kind", ["RuntimeError", "SystemExit", "CancelledError"])
def test_exception_before_the_start_is_a_500(served: ServedApp, kind: str) -> None:
    plain_500(broken_off(served, play(tag(), ["raise", kind])))


def test_exception_after_start_alone_is_a_500_or_a_cut(served: ServedApp) -> None:
    seen = broken_off(served, play(tag(), *send(start(200, [("x-app", "1")])), ["raise", "RuntimeError"]))
    if isinstance(seen, RawResponse):
        plain_500(seen)


@pytest.mark.parametrize("headers", [[], [("content-length", "100")]])
@pytest.mark.parametrize("kind", ["RuntimeError", "SystemExit"])
def test_exception_within_the_body_cuts_the_connection(
    served: ServedApp, headers: list[tuple[str, str]], kind: str
) -> None:
    name = tag()
    with served.connect() as connection:
        first = send(start(200, headers), body("part", more=True))
        connection.request("GET", play(name, *first, gate(name), ["raise", kind]))
        head = connection.head()
        assert (connection.chunk() if head.framing == "chunked" else connection.exactly(4)) == b"part"
        served.open(name)
        with pytest.raises(Cut):
            connection.exactly(1)
    assert served.ask("/scope").status == 200


def test_exception_after_the_response_harms_nobody(served: ServedApp) -> None:
    name = tag()
    seen = broken_off(served, play(name, *whole("all of it"), ["raise", "RuntimeError"]))
    assert isinstance(seen, RawResponse)
    assert seen.body == b"all of it"
    served.event("raised", name)


def test_return_without_a_response_is_a_500(served: ServedApp) -> None:
    plain_500(broken_off(served, play(tag(), ["read"])))


def test_return_within_the_body_is_a_cut(served: ServedApp) -> None:
    seen = broken_off(served, play(tag(), *send(start(), body("part", more=True))))
    assert isinstance(seen, Cut)
    assert seen.got in (b"part", b"")


def test_start_without_a_body_is_a_500_or_a_cut(served: ServedApp) -> None:
    seen = broken_off(served, play(tag(), *send(start())))
    if isinstance(seen, RawResponse):
        plain_500(seen)


@pytest.mark.parametrize(
    "kind",
    [
        "body first",
        "unknown type",
        "websocket",
        "no type",
        "text status",
        "status 99",
        "status 1000",
        "text header",
        "text body",
        "CR LF in a value",
        "CR LF in a name",
        "NUL in a value",
        "space in a name",
    ],
)
def test_what_is_no_message_is_an_error_in_the_app(served: ServedApp, kind: str) -> None:
    if served.server == "uvicorn" and kind in ("text status", "status 1000", "text header"):
        pytest.skip("uvicorn takes any status and header that h11 can print")
    name = tag()
    seen = broken_off(served, play(name, ["bad", kind], *send(body())))
    served.event("raised", name)
    if isinstance(seen, RawResponse):
        plain_500(seen)
        assert seen.all("set-cookie") == []
    else:
        assert seen.got == b""


def test_start_twice_is_an_error_in_the_app(served: ServedApp) -> None:
    name = tag()
    seen = broken_off(served, play(name, *send(start(200), start(201), body("x"))))
    served.event("raised", name)
    if isinstance(seen, RawResponse):
        plain_500(seen)


def test_start_after_a_body_is_an_error_in_the_app(served: ServedApp) -> None:
    name = tag()
    seen = broken_off(served, play(name, *send(start(), body("part", more=True), start(), body())))
    served.event("raised", name)
    assert isinstance(seen, Cut)


@pytest.mark.parametrize("extra", [body("more"), start(), body("more", more=True)])
def test_messages_after_the_end_never_reach_the_client(served: ServedApp, extra: dict[str, object]) -> None:
    """They are ignored or an error; the client has the response, and the next is in its right place."""
    name = tag()
    with served.connect() as connection:
        connection.request("GET", play(name, *whole("all"), ["try_send", extra]))
        assert connection.response().body == b"all"
        served.event("returned", name)
        connection.request("GET", play(tag(), *whole("next")))
        assert connection.response().body == b"next"


@pytest.mark.parametrize("before", ["start", "body"])
def test_send_to_a_client_that_is_gone(served: ServedApp, before: str) -> None:
    """Either nothing happens or an OSError is raised; from version 2.4 of ASGI on it is raised."""
    name = tag()
    first = send(start(), body("part", more=True)) if before == "body" else []
    rest = ["send_until_error"] if before == "body" else ["try_send", start()]
    with served.connect() as connection:
        connection.request(
            "GET", play(name, ["read"], *first, ["tell", "waiting for it to go"], ["receive"], rest)
        )
        if before == "body":
            connection.head()
            connection.chunk()
        served.event("waiting for it to go", name)
        connection.abort()
    assert served.event("received", name)["type"] == "http.disconnect"
    told = served.wait_for(
        lambda each: each.get("tag") == name and each["event"] in ("send failed", "sent"),
        f"the end of {name}",
    )
    version = served.ask("/scope").json[1]["asgi"][1]["spec_version"][1]
    assert told.get("os", True)
    if float(version) >= 2.4:
        assert told["event"] == "send failed"


def test_one_request_that_fails_does_not_touch_another(served: ServedApp) -> None:
    name = tag()
    with served.connect() as connection:
        steps = [*send(start(), body("before", more=True)), gate(name), *send(body("after"))]
        connection.request("GET", play(name, *steps))
        connection.head()
        assert connection.chunk() == b"before"
        for kind in ("RuntimeError", "SystemExit", "CancelledError") * 5:
            broken_off(served, play(tag(), ["raise", kind]))
            broken_off(served, play(tag(), *send(start(), body("x", more=True)), ["raise", kind]))
        served.open(name)
        assert connection.chunk() == b"after"
        assert connection.chunk() == b""
