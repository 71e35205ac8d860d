"""A terminal that takes nothing stops no request."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from typing import TextIO

import pytest

from copilot_api.cli import writer
from copilot_api.cli.console import Console


@pytest.fixture
def full_pipe() -> Iterator[tuple[TextIO, int]]:
    """A pipe that nobody has read: a write to it waits."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, bytes(65536))
    except BlockingIOError:
        os.set_blocking(writing, True)
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        yield stream, reading
    os.close(reading)


def drain(descriptor: int, until: bytes) -> bytes:
    seen = b""
    while until not in seen:
        seen += os.read(descriptor, 65536)
    return seen.lstrip(b"\0")


def test_a_full_pipe_holds_nobody_and_gets_all_later(full_pipe: tuple[TextIO, int]) -> None:
    stream, reading = full_pipe
    console = Console({}, out=stream, err=stream)
    with console.in_background():
        console.arrived("GET", "/one")
        console.flush()
        console.info("two")
        seen = drain(reading, b"two")
    assert seen.decode().split("\n")[:2] == ["<-- GET /one", "ℹ two"]


def test_lines_beyond_the_bound_are_counted(
    full_pipe: tuple[TextIO, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST", 3)
    stream, reading = full_pipe
    made = writer.Writer()
    taken = threading.Event()
    made.put(stream, "first")
    # The thread is in the write of the first piece when the queue is empty again.
    while made._pieces.qsize():
        taken.wait(0.001)
    for number in range(10):
        made.put(stream, f"line {number}")
    drain(reading, b"line 2")
    while made._pieces.qsize():
        taken.wait(0.001)
    made.put(stream, "after")
    seen = drain(reading, b"after")
    assert b"(7 pieces of output left out" in seen
    made.close()


def test_a_stream_without_a_descriptor_is_printed_to() -> None:
    stream = io.StringIO()
    writer.write(stream, "text")
    assert stream.getvalue() == "text\n"


def test_lines_of_requests_and_of_all_else_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "LAST_WORDS", 60)
    reading, writing = os.pipe()
    with open(reading, encoding="utf-8") as lines, open(writing, "w", encoding="utf-8") as out:  # noqa: PTH123
        console = Console({"CI": "1", "NO_COLOR": "1"}, verbose=True, out=out, err=out)
        with console.in_background():
            for number in range(400):
                console.arrived("GET", f"/{number}")
                console.debug(f"at {number}")
                console.answered("GET", f"/{number}", 200, 0.0)
        out.close()
        expected = [
            line
            for number in range(400)
            for line in (f"<-- GET /{number}", f"[debug] at {number}", f"--> GET /{number} 200 0ms")
        ]
        assert lines.read().splitlines() == expected
