"""The line that says what is waited for: on a terminal only, and out of the way of what is printed."""

from __future__ import annotations

import io
import threading

import pytest

from copilot_api.cli import progress
from copilot_api.cli.console import Console

WORDS = "Asking somebody …"


class Terminal(io.StringIO):
    """A terminal that tells when the words have come."""

    def __init__(self) -> None:
        super().__init__()
        self.came = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        written = super().write(text)
        if WORDS in text:
            self.came.set()
        return written


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


def visible(text: str) -> str:
    """What a terminal of one line shows in the end."""
    line = ""
    for piece in text.replace("\r", "\n\r").split("\n"):
        line = piece.removeprefix("\r").replace("\x1b[K", "") if piece.startswith("\r") else line + piece
    return line


def test_it_comes_after_a_moment_and_goes_at_the_end(terminal: Terminal) -> None:
    with progress.waiting(Console({}, out=io.StringIO()), WORDS, {}, terminal):
        assert terminal.came.wait(30)
        assert WORDS in visible(terminal.getvalue())
    assert visible(terminal.getvalue()) == ""


def test_what_is_over_at_once_shows_nothing(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 60.0)
    with progress.waiting(Console({}, out=io.StringIO()), WORDS, {}, terminal):
        pass
    assert terminal.getvalue() == ""


def test_what_is_printed_has_a_line_of_its_own(terminal: Terminal) -> None:
    console = Console({}, out=terminal)
    with progress.waiting(console, WORDS, {}, terminal):
        assert terminal.came.wait(30)
        console.info("a step")
    text = terminal.getvalue()
    before = text[: text.index("ℹ a step")]
    assert visible(before) == ""
    console.info("afterwards")
    assert terminal.getvalue().endswith("ℹ afterwards\n")


@pytest.mark.parametrize("environ", [{"CI": "1"}, {"TERM": "dumb"}])
def test_where_nobody_looks_it_says_nothing(terminal: Terminal, environ: dict[str, str]) -> None:
    before = threading.active_count()
    with progress.waiting(Console({}, out=io.StringIO()), WORDS, environ, terminal):
        assert threading.active_count() == before
    assert terminal.getvalue() == ""


def test_a_pipe_gets_nothing() -> None:
    pipe = io.StringIO()
    with progress.waiting(Console({}, out=io.StringIO()), WORDS, {}, pipe):
        pass
    assert pipe.getvalue() == ""


def test_an_error_leaves_no_line_behind(terminal: Terminal) -> None:
    with (
        pytest.raises(ValueError, match="x"),
        progress.waiting(Console({}, out=io.StringIO()), WORDS, {}, terminal),
    ):
        assert terminal.came.wait(30)
        raise ValueError("x")
    assert visible(terminal.getvalue()) == ""
