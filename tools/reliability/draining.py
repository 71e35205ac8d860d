"""Restarts under load: whoever had a stream keeps it to its end (R-50)."""

from __future__ import annotations

import signal
import socket
import tempfile
import time
from pathlib import Path

from tests.support.instrumented import ask
from tests.support.process import GatewayProcess
from tests.support.raw_http import Cut, RawConnection
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.upstream_failures import read_chat
from tests.support.upstream_steps import done, end, finish, frame, head, wait

from .row import Measured

CHAT = "/chat/completions"
STREAMS = 20
TEXTS = tuple(f"piece {number} " for number in range(20))
HALF = len(TEXTS) // 2


def drain(restarts: int = 10) -> Measured:
    """Stop a gateway with streams in flight, again and again; count those that are not whole."""
    lost, codes = 0, set()
    with tempfile.TemporaryDirectory(prefix="reliability-") as home, ScriptedUpstream() as upstream:
        for _ in range(restarts):
            upstream.forget()
            first = [frame(text) for text in TEXTS[:HALF]]
            rest = [frame(text) for text in TEXTS[HALF:]]
            upstream.always(CHAT, head(), *first, wait("signal"), *rest, finish(), done(), end())
            with GatewayProcess(Path(home), upstream.url) as gateway:
                connections = [RawConnection(("127.0.0.1", gateway.port)) for _ in range(STREAMS)]
                for connection in connections:
                    ask(connection, "chat")
                attempts = [upstream.attempt(CHAT, number) for number in range(STREAMS)]
                for attempt in attempts:
                    attempt.reached("signal")
                gateway.process.send_signal(signal.SIGTERM)
                _until_refused(gateway.port)
                for attempt in attempts:
                    attempt.release("signal")
                lost += sum(not _whole(connection) for connection in connections)
                codes.add(gateway.process.wait(60))
    text = f"{lost} of {restarts * STREAMS} streams in {restarts} restarts; exit codes {sorted(codes)}"
    return Measured(text, lost == 0 and codes == {0})


def _until_refused(port: int) -> None:
    """Wait until the gateway takes no more connections, which is the first thing that it does."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except OSError:
            return
    raise AssertionError("the gateway goes on accepting")


def _whole(connection: RawConnection) -> bool:
    try:
        with connection:
            body = connection.response().body
        return read_chat(body) == ("".join(TEXTS), True, [])
    except (Cut, AssertionError, OSError):
        return False
