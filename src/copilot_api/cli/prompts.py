"""A list to choose from and a yes-or-no, on the raw terminal, which is always left as it was."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence

from copilot_api.redaction import one_line

_UP, _DOWN, _ENTER, _ESCAPE, _INTERRUPT = "up", "down", "enter", "escape", "interrupt"
_VISIBLE = 10


class Dismissed(Exception):
    """Escape was pressed."""


def select(question: str, choices: Sequence[str]) -> str:
    """Let the user choose with the arrow keys and Enter.

    Raises :class:`Dismissed` on Escape and KeyboardInterrupt on Ctrl-C (D-B11).
    """
    at = 0
    with _raw_terminal():
        while True:
            lines = _menu(question, choices, at)
            _write("\r\n".join(lines))
            key = _key()
            if key == _UP:
                at = (at - 1) % len(choices)
            elif key == _DOWN:
                at = (at + 1) % len(choices)
            _write(f"\x1b[{len(lines) - 1}A\r\x1b[J")
            if key == _ENTER:
                _write(f"{question} {one_line(choices[at])}\r\n")
                return choices[at]
            if key == _ESCAPE:
                raise Dismissed
            if key == _INTERRUPT:
                raise KeyboardInterrupt


def _menu(question: str, choices: Sequence[str], at: int) -> list[str]:
    first = min(max(0, at - _VISIBLE // 2), max(0, len(choices) - _VISIBLE))
    shown = range(first, min(first + _VISIBLE, len(choices)))
    return [question, *(f"{'>' if number == at else ' '} {one_line(choices[number])}" for number in shown)]


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if sys.platform == "win32":
    import msvcrt

    @contextlib.contextmanager
    def _raw_terminal() -> Iterator[None]:
        yield

    def _key() -> str:
        first = msvcrt.getwch()
        if first in ("\x00", "\xe0"):
            return {"H": _UP, "P": _DOWN}.get(msvcrt.getwch(), "")
        return {"\r": _ENTER, "\x1b": _ESCAPE, "\x03": _INTERRUPT}.get(first, first)

else:
    import select as ready
    import termios
    import tty

    @contextlib.contextmanager
    def _raw_terminal() -> Iterator[None]:
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        tty.setraw(descriptor)
        try:
            yield
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    def _key() -> str:
        descriptor = sys.stdin.fileno()
        first = os.read(descriptor, 1)
        if first == b"\x1b" and ready.select([descriptor], [], [], 0.05)[0]:
            return {b"[A": _UP, b"[B": _DOWN, b"OA": _UP, b"OB": _DOWN}.get(os.read(descriptor, 2), "")
        keys = {b"\r": _ENTER, b"\n": _ENTER, b"\x1b": _ESCAPE, b"\x03": _INTERRUPT, b"": _INTERRUPT}
        return keys.get(first, first.decode("ascii", "replace"))
