"""Cancelling the task of a request whose client went: a wish of the one who serves, told in the scope."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.play import body, gate, play, send, start, tag, whole
from tests.support.served_app import ServedApp

EXTENSION = "copilot_api.cancel_on_disconnect"


@pytest.fixture(scope="module")
def cancelling(server: str) -> Iterator[ServedApp]:
    if server != "native":
        pytest.skip("an extension of the native server")
    with ServedApp(server, "tests.server.apps:app", "--options", '{"cancel_on_disconnect": true}') as process:
        yield process


def extensions(served: ServedApp) -> dict[str, object]:
    value: dict[str, object] = served.ask("/scope").json[1].get("extensions", ["dict", {}])[1]
    return value


@pytest.mark.parametrize("how", ["fin", "reset"])
@pytest.mark.parametrize("begun", [False, True], ids=["before the response", "within the response"])
def test_task_is_cancelled(cancelling: ServedApp, begun: bool, how: str) -> None:
    assert EXTENSION in extensions(cancelling)
    name = tag()
    first = send(start(), body("part", more=True)) if begun else []
    connection = cancelling.connect()
    connection.request("GET", play(name, *first, ["hang"]))
    cancelling.event("hanging", name)
    if how == "fin":
        connection.close()
    else:
        connection.abort()
    assert cancelling.event("raised", name)["error"] == "CancelledError"


def test_work_after_the_response_is_not_cancelled(cancelling: ServedApp) -> None:
    name = tag()
    with cancelling.connect() as connection:
        connection.request("GET", play(name, *whole("done"), gate(name), ["tell", "worked"]))
        assert connection.response().body == b"done"
        cancelling.event("waiting", name)
        connection.abort()
    assert cancelling.ask("/scope").status == 200
    cancelling.open(name)
    cancelling.event("worked", name)


def test_others_are_not_cancelled(cancelling: ServedApp) -> None:
    name, other = tag(), tag()
    with cancelling.connect() as staying:
        staying.request("GET", play(other, gate(other), *whole("stayed")))
        cancelling.event("waiting", other)
        connection = cancelling.connect()
        connection.request("GET", play(name, ["hang"]))
        cancelling.event("hanging", name)
        connection.abort()
        cancelling.event("raised", name)
        cancelling.open(other)
        assert staying.response().body == b"stayed"


def test_nothing_is_cancelled_unasked(served: ServedApp) -> None:
    """As frameworks expect it: the app hears of the client's going by `receive` alone."""
    assert EXTENSION not in extensions(served)
    name = tag()
    connection = served.connect()
    connection.request(
        "GET", play(name, ["read"], ["tell", "there"], ["receive"], gate(name), ["tell", "still there"])
    )
    served.event("there", name)
    connection.abort()
    served.event("waiting", name)
    served.open(name)
    served.event("still there", name)
