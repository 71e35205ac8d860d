"""Stopping: drain, deadline, the second signal, and what the clients see of it."""

from __future__ import annotations

import contextlib
import signal
import time

import pytest

from tests.server.play import body, gate, play, send, start, tag, whole
from tests.support.raw_http import PATIENCE, Cut, RawConnection
from tests.support.serve_app import CANCEL_STREAMS
from tests.support.served_app import ServedApp

LONG = "60"
SIGNALS = [signal.SIGTERM, signal.SIGINT]


def wait_until_refused(served: ServedApp) -> None:
    """The signal has been taken once nobody new is let in."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            with RawConnection(served.address) as connection:
                connection.request("GET", "/scope")
                connection.response()
        except ConnectionError:
            return
    raise AssertionError("new connections are still served")


@pytest.mark.parametrize("number", SIGNALS)
def test_idle_server_stops(server: str, number: signal.Signals) -> None:
    with ServedApp(server, "tests.server.apps:app", "--drain", LONG) as served:
        served.signal(number)
        assert served.wait() == 0
    assert served.events[-1]["event"] == "stopped"


def test_idle_connections_do_not_hold_the_server(server: str) -> None:
    with ServedApp(server, "tests.server.apps:app", "--drain", LONG) as served:
        untouched = [served.connect() for _ in range(5)]
        used = [served.connect() for _ in range(5)]
        for connection in used:
            connection.request("GET", "/scope")
            assert connection.response().status == 200
        served.signal()
        assert served.wait() == 0
        for connection in used + untouched:
            connection.ended()
            connection.close()


@pytest.mark.parametrize("number", SIGNALS)
def test_requests_in_flight_finish(server: str, number: signal.Signals) -> None:
    with ServedApp(server, "tests.server.apps:app", "--drain", LONG) as served:
        name = tag()
        opened = [
            *send(start(), body("first ", more=True)),
            gate(name),
            *send(body("second ", more=True), body("end")),
        ]
        with served.connect() as waiting, served.connect() as streaming:
            waiting.request("GET", play(f"{name}-1", gate(name), *whole("answer")))
            streaming.request("GET", play(f"{name}-2", *opened))
            served.event("waiting", f"{name}-1")
            streaming.head()
            assert streaming.chunk() == b"first "
            served.signal(number)
            wait_until_refused(served)
            served.open(name)
            assert streaming.chunk() == b"second "
            assert streaming.chunk() == b"end"
            assert streaming.chunk() == b""
            assert waiting.response().body == b"answer"
            streaming.ended()
            waiting.ended()
        assert served.wait() == 0
    assert "cancel_streams" not in [told["event"] for told in served.events]


def test_kept_connections_are_closed_after_their_last_response(server: str) -> None:
    with ServedApp(server, "tests.server.apps:app", "--drain", LONG) as served:
        name = tag()
        with served.connect() as connection:
            connection.request("GET", "/scope")
            assert connection.response().status == 200
            connection.request("GET", play(name, gate(name), *whole("last")))
            served.event("waiting", name)
            served.signal()
            wait_until_refused(served)
            served.open(name)
            assert connection.response().body == b"last"
            connection.ended()
        assert served.wait() == 0


def test_deadline_cuts_what_does_not_end(server: str) -> None:
    with ServedApp(server, "tests.server.apps:app", "--drain", "0.2") as served:
        name = tag()
        with served.connect() as connection:
            connection.request("GET", play(name, *send(start(), body("part", more=True)), ["hang"]))
            connection.head()
            assert connection.chunk() == b"part"
            served.signal()
            served.event("cancel_streams")
            with pytest.raises(Cut):
                connection.chunk()
        assert served.wait() == 0
    assert "raised" in served.told(name)  # the task was cancelled, not forgotten


def test_streams_told_to_end_at_the_deadline_end_properly(server: str) -> None:
    """What `cancel_streams` makes an app send still reaches the client."""
    with ServedApp(server, "tests.server.apps:app", "--drain", "0.2") as served:
        name = tag()
        steps = [*send(start(), body("part", more=True)), gate(CANCEL_STREAMS), *send(body("sorry"))]
        with served.connect() as connection:
            connection.request("GET", play(name, *steps))
            connection.head()
            assert connection.chunk() == b"part"
            served.signal()
            assert connection.chunk() == b"sorry"
            assert connection.chunk() == b""
        assert served.wait() == 0
    assert "cancel_streams" in [told["event"] for told in served.events]


@pytest.mark.parametrize("second", SIGNALS)
def test_second_signal_ends_at_once(server: str, second: signal.Signals) -> None:
    with ServedApp(server, "tests.server.apps:app", "--drain", LONG) as served:
        name = tag()
        with served.connect() as connection:
            connection.request("GET", play(name, ["hang"]))
            served.event("hanging", name)
            served.signal()
            wait_until_refused(served)
            served.signal(second)
            served.wait(10)  # far less than the drain time
            with contextlib.suppress(Cut):
                assert connection.response().status >= 500


def test_client_that_does_not_read_cannot_hold_the_server(server: str) -> None:
    with ServedApp(server, "tests.server.apps:app", "--drain", "0.2") as served:
        name = tag()
        with served.connect(receive_buffer=65536) as connection:
            connection.request("GET", play(name, *send(start()), ["hose", 65536, 1 << 30]))
            served.event("stalled", name)
            served.signal()
            assert served.wait(10) == 0


def test_port_taken_names_port_and_remedy(server: str) -> None:
    with ServedApp(server) as served:
        port = str(served.port)
        second = ServedApp(server, "tests.server.apps:app", "--port", port, "--host", "127.0.0.1")
        second.spawn()
        assert second.wait() == 1
        assert f"port {port} is in use" in second.errors.text
        assert "--port" in second.errors.text
        assert "Traceback" not in second.errors.text
        assert served.ask("/scope").status == 200
