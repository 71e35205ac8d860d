"""Another program in this one's place at the terminal: its streams, its signals, its exit code."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType

_FROM_TERMINAL = ("SIGINT", "SIGQUIT")
_PASSED_ON = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
NOT_FOUND, NOT_RUNNABLE = 127, 126


def run_in_foreground(program: str, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program to its end and return its exit code, 128 and the number where a signal ended it.

    It is of this process's group and has its streams: what is typed, Ctrl-C among it, reaches it directly.
    Raises OSError when it cannot be started.
    """
    passed: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if _is_from_terminal(number):
            return
        if passed:
            with contextlib.suppress(OSError):
                passed[0].send_signal(number)
        else:
            early.append(number)

    with _handled(pass_on):
        process = subprocess.Popen([program, *arguments], env=environment)  # noqa: S603 - the user's own wish
        passed.append(process)
        for number in early:
            process.send_signal(number)
        code = process.wait()
    return 128 - code if code < 0 else code


def _is_from_terminal(number: int) -> bool:
    """Tell whether the client got the signal itself, since the terminal sends it to the whole group."""
    if sys.platform == "win32":
        return True
    if signal.Signals(number).name not in _FROM_TERMINAL:
        return False
    try:
        with open("/dev/tty", "rb", buffering=0) as terminal:  # noqa: PTH123 - a device, not a path
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


@contextlib.contextmanager
def _handled(handler: object) -> Iterator[None]:
    """Handle the signals in the block. A handler of ours is not inherited; being ignored would be."""
    before = {}
    for name in (*_FROM_TERMINAL, *_PASSED_ON):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, handler)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
