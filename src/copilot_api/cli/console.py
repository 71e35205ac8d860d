"""What the terminal shows: levels, streams and decorations of compat.md 1.4."""

from __future__ import annotations

import logging
import os
import sys
import time
import unicodedata
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import TextIO

from copilot_api.cli.writer import Writer, write
from copilot_api.redaction import printable, redact

ERROR, WARN, LOG, INFO, DEBUG, TRACE = range(6)

_MARKS = {"info": "\u2139", "success": "✔", "debug": "⚙"}
_FOLD_AFTER = 5
_SHORT = 100
"""Characters of a target whose printed form is remembered."""
_LEVELS = ((logging.ERROR, "error"), (logging.WARNING, "warn"), (logging.INFO, "info"))


class Console:
    """Prints messages by level, and the two request lines regardless of it."""

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        verbose: bool = False,
        out: TextIO | None = None,
        err: TextIO | None = None,
    ) -> None:
        environ = os.environ if environ is None else environ
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._ci = bool(environ.get("CI"))
        self._color = "NO_COLOR" not in environ
        self._quiet = _level(environ)
        self.level = TRACE if verbose else self._quiet
        self._last = ("", "")
        self._repeats = 0
        self._last_time = 0.0
        self._requests: deque[tuple[str, str, int, float]] = deque()
        """Request lines still to be printed, with status 0 for a request; all else is printed after them."""
        self._flush_is_due = False
        self._writing = Lock()
        self._writer: Writer | None = None

    def show_everything(self, verbose: bool) -> None:
        """Show details too, or no longer; :func:`install_logging` passes it on to the loggers."""
        self.level = TRACE if verbose else self._quiet

    def error(self, message: str) -> None:
        """An error, on stderr."""
        self._say("error", message)

    def warn(self, message: str) -> None:
        """A warning, on stderr."""
        self._say("warn", message)

    def log(self, message: str) -> None:
        """A line without a mark."""
        self._say("log", message)

    def info(self, message: str) -> None:
        """A step."""
        self._say("info", message)

    def success(self, message: str) -> None:
        """A step that went well."""
        self._say("success", message)

    def debug(self, message: str) -> None:
        """A detail, shown with ``--verbose``."""
        self._say("debug", message)

    def secret(self, message: str) -> None:
        """A line with a token in it: only what ``--show-token`` asked for comes here, unmasked."""
        if self.level >= INFO:
            self._print(self._out, self._decorate("info", message))

    def box(self, message: str) -> None:
        """Lines in a rounded box; in a CI environment after `` > ``."""
        if self.level < INFO:
            return
        lines = [printable(redact(line)) for line in message.split("\n")]
        if self._ci:
            self._print(self._out, "\n".join(f" > {line}" for line in lines))
            return
        width = max(map(_width, lines))
        body = [f" │  {line}{' ' * (width - _width(line))}  │" for line in ["", *lines, ""]]
        edge = "─" * (width + 4)
        self._print(self._out, "\n".join(["", f" ╭{edge}╮", *body, f" ╰{edge}╯", ""]))

    def plain(self, text: str) -> None:
        """Print undecorated, whatever the level: output that is to be copied or parsed."""
        self._print(self._out, text)

    def arrived(self, method: str, target: str) -> None:
        """Print the request line (compat.md 3.2)."""
        self._print_soon((method, target, 0, 0.0))

    def answered(self, method: str, target: str, status: int, seconds: float) -> None:
        """Print the line of an answer that has begun."""
        self._print_soon((method, target, status, seconds))

    @contextmanager
    def in_background(self) -> Iterator[None]:
        """Write from a thread while the block runs: a terminal that takes nothing stops no request."""
        self._writer = Writer()
        try:
            yield
        finally:
            self.flush()
            writer, self._writer = self._writer, None
            writer.close()

    def flush(self) -> None:
        """Print the request lines that wait."""
        with self._writing:
            lines = self._take_lines()
            if lines:
                self._write(self._out, lines)

    def _take_lines(self) -> str:
        self._flush_is_due = False
        lines = []
        while self._requests:
            lines.append(self._request_line(*self._requests.popleft()))
        return "\n".join(lines)

    def _request_line(self, method: str, target: str, status: int, seconds: float) -> str:
        if not status:
            return f"<-- {method} {_target(target)}"
        elapsed = f"{round(seconds * 1000)}ms" if seconds < 1 else f"{round(seconds)}s"
        color = {2: 32, 3: 36, 4: 33, 5: 31}.get(status // 100)
        shown = f"\x1b[{color}m{status}\x1b[0m" if color and self._color else str(status)
        return f"--> {method} {_target(target)} {shown} {elapsed}"

    def _say(self, kind: str, message: str) -> None:
        rank = {"error": ERROR, "warn": WARN, "log": LOG, "debug": DEBUG}.get(kind, INFO)
        if rank > self.level or self._folded(kind, message):
            return
        stream = self._err if kind in ("error", "warn") else self._out
        self._print(stream, self._decorate(kind, printable(redact(message))))

    def _decorate(self, kind: str, message: str) -> str:
        if self._ci:
            return f"[{kind}] {message}"
        if kind in ("error", "warn"):
            return f"\n {kind.upper()}  {message}\n"
        return f"{_MARKS[kind]} {message}" if kind in _MARKS else message

    def _folded(self, kind: str, message: str) -> bool:
        """Fold more than five identical lines within a second into one."""
        now = time.monotonic()
        if (kind, message) != self._last or now - self._last_time > 1:
            repeats, last = self._repeats, self._last
            self._last, self._repeats, self._last_time = (kind, message), 0, now
            if repeats > _FOLD_AFTER:
                stream = self._err if last[0] in ("error", "warn") else self._out
                text = printable(redact(last[1]))
                self._print(
                    stream, self._decorate(last[0], f"{text} (repeated {repeats - _FOLD_AFTER} times)")
                )
        self._repeats += 1
        return self._repeats > _FOLD_AFTER

    def _print(self, stream: TextIO, text: str) -> None:
        self.flush()
        with self._writing:
            self._write(stream, text)

    def _write(self, stream: TextIO, text: str) -> None:
        if self._writer is None:
            write(stream, text)
        else:
            self._writer.put(stream, text)

    def _print_soon(self, request: tuple[str, str, int, float]) -> None:
        """Print a line together with those of other requests: a write costs more than a line."""
        self._requests.append(request)
        if self._writer is None:
            self.flush()
        elif not self._flush_is_due:
            self._flush_is_due = True
            self._writer.put_soon(self._out, self._take_lines)


class ConsoleHandler(logging.Handler):
    """Prints the package's log records through a console."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record; a trace only when everything is shown."""
        text = record.getMessage()
        if record.exc_info and self._console.level >= DEBUG:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        kind = next((kind for level, kind in _LEVELS if record.levelno >= level), "debug")
        getattr(self._console, kind)(text)


def install_logging(console: Console) -> None:
    """Send the records of `copilot_api` to the console."""
    logger = logging.getLogger("copilot_api")
    logger.handlers[:] = [ConsoleHandler(console)]
    logger.propagate = False
    logger.setLevel(logging.DEBUG if console.level >= DEBUG else logging.INFO)


def _level(environ: Mapping[str, str]) -> int:
    given = environ.get("CONSOLA_LEVEL", "")
    if given.lstrip("-").isdigit():
        return int(given)
    if environ.get("DEBUG"):
        return DEBUG
    if environ.get("TEST") or environ.get("NODE_ENV") == "test":
        return WARN
    return INFO


def _target(target: str) -> str:
    return _short_target(target) if len(target) <= _SHORT else _clean_target(target)


def _clean_target(target: str) -> str:
    return printable(redact(target)).replace("\n", "\\x0a")


_short_target = lru_cache(maxsize=64)(_clean_target)


def _width(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide
