"""What the terminal shows: levels, streams and decorations of compat.md 1.4."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import time
import unicodedata
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from threading import RLock
from typing import TYPE_CHECKING, Any, TextIO

from copilot_api.cli.writer import Writer, write
from copilot_api.moments import iso
from copilot_api.redaction import Secret, one_line, printable, redact, trace

if TYPE_CHECKING:
    from copilot_api.cli.log_file import LogFile
    from copilot_api.ledger.entry import Entry

ERROR, WARN, LOG, INFO, DEBUG, TRACE = range(6)

_MARKS = {"info": "\u2139", "success": "✔", "debug": "⚙"}
_FOLD_AFTER = 5
TOKENS_HIDDEN = 16
"""Copilot tokens that are masked by their value; each is good for half an hour."""
_SHORT = 100
"""Characters of a target whose printed form is remembered."""
_COLOUR = re.compile(r"\x1b\[\d+m")
_QUOTES = re.compile(r"[<(\[{'\"]")
_LEVELS = ((logging.ERROR, "error"), (logging.WARNING, "warn"), (logging.INFO, "info"))


_RequestLine = tuple[str, str, int, float, str, float, "Entry | None"]
"""Method, target, status (0: it came), seconds, request id, Unix seconds; of one that is over its entry."""


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
        self._color = _has_color(environ, self._out)
        self._quiet = _level(environ)
        self.level = TRACE if verbose else self._quiet
        self._last = ("", "")
        self._repeats = 0
        self._last_time = 0.0
        self._requests: deque[_RequestLine] = deque()
        """Request lines still to be printed; all else is printed after them."""
        self._flush_is_due = False
        # Again by the same thread: a log file that cannot be written is told of.
        self._writing = RLock()
        self._writer: Writer | None = None
        self._file: LogFile | None = None
        self._file_writer: Writer | None = None
        self.is_json = False
        """Lines are JSON objects, for programs."""
        self._hidden: tuple[Secret, ...] = ()
        self._tokens: deque[Secret] = deque(maxlen=TOKENS_HIDDEN)
        self.before_each: Callable[[], None] | None = None
        """Called before something is printed, by who keeps a line of the terminal to itself."""

    def hide(self, *secrets: Secret) -> None:
        """Mask these from now on wherever they turn up, whatever they look like."""
        self._hidden += secrets

    def hide_token(self, token: Secret) -> None:
        """Mask a token that lives for a while; the last `TOKENS_HIDDEN` are known by their value."""
        self._tokens.append(token)

    def use_json(self) -> None:
        """Write JSON objects from now on, one a line (``--log-format json``)."""
        self.is_json = True

    def also_to(self, file: LogFile) -> None:
        """Write all that is logged to a file too; what ``--show-token`` shows is not."""
        self._file = file

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
            self.flush()
            with self._writing:
                self._write(self._out, self._decorate("info", printable(message)))

    def box(self, message: str) -> None:
        """Lines in a rounded box; in a CI environment after `` > ``."""
        if self.level < INFO:
            return
        clean = self._clean(message)
        if self.is_json:
            self._print(self._out, self._record("info", "message", clean, {}))
            return
        lines = clean.split("\n")
        if self._ci:
            text = "\n".join(f" > {line}" for line in lines)
        else:
            width = max(map(_width, lines))
            body = [f" │  {line}{' ' * (width - _width(line))}  │" for line in ["", *lines, ""]]
            edge = "─" * (width + 4)
            text = "\n".join(["", f" ╭{edge}╮", *body, f" ╰{edge}╯", ""])
        self._print(self._out, text, self._filed("info", clean))

    def plain(self, text: str) -> None:
        """Print undecorated, whatever the level: output that is to be copied or parsed."""
        if self.is_json:
            self._print(self._out, self._record("info", "message", self._clean(text), {}))
            return
        self._print(self._out, printable(text), self._filed("info", self._clean(text)))

    def arrived(self, method: str, target: str, request_id: str = "") -> None:
        """Print the request line (compat.md 3.2)."""
        self._print_soon((method, target, 0, 0.0, request_id, time.time(), None))

    def answered(self, method: str, target: str, status: int, seconds: float, request_id: str = "") -> None:
        """Print the line of an answer that has begun."""
        self._print_soon((method, target, status, seconds, request_id, time.time(), None))

    def finished(self, entry: Entry) -> None:
        """Write what a request that is over took and cost; of JSON lines alone."""
        self._print_soon(("", "", 0, 0.0, entry.request_id, entry.at + entry.duration_ms / 1000, entry))

    @contextmanager
    def in_background(self) -> Iterator[None]:
        """Write from a thread while the block runs: a terminal that takes nothing stops no request."""
        writer = self._writer = Writer()
        file_writer = self._file_writer = Writer()
        try:
            yield
        finally:
            self.flush()
            self._writer = self._file_writer = None
            writer.close()
            file_writer.close()

    def flush(self) -> None:
        """Print the request lines that wait."""
        with self._writing:
            lines = self._take_lines()
            if lines:
                self._write(self._out, lines)

    def _take_lines_in_turn(self) -> str | None:
        """Return the request lines that wait; None while what was printed before them waits too."""
        with self._writing:
            if self._writer is not None and self._writer.waits:
                return None
            self._flush_is_due = False
            return self._take_lines()

    def _take_lines(self) -> str:
        lines = []
        while self._requests:
            told = self._requests.popleft()
            if self.is_json:
                line = filed = self._request_record(told)
            else:
                line = self._request_line(*told[:4])
                filed = "" if self._file is None else f"{iso(told[5])} info  {_COLOUR.sub('', line)}"
            lines.append(line)
            self._file_write(filed)
        return "\n".join(lines)

    def _request_line(self, method: str, target: str, status: int, seconds: float) -> str:
        if not status:
            return f"<-- {method} {_target(target)}"
        elapsed = f"{round(seconds * 1000)}ms" if seconds < 1 else f"{round(seconds)}s"
        color = {2: 32, 3: 36, 4: 33, 5: 31}.get(status // 100)
        shown = f"\x1b[{color}m{status}\x1b[0m" if color and self._color else str(status)
        return f"--> {method} {_target(target)} {shown} {elapsed}"

    def _request_record(self, told: _RequestLine) -> str:
        from copilot_api.cli import json_lines

        method, target, status, seconds, request_id, at, entry = told
        if entry is not None:
            event, message = "request.finished", entry.outcome
            fields = json_lines.fields_of(entry)
        else:
            event, message = "request.arrived", f"{method} {_target(target)}"
            fields = {"request_id": request_id, "method": method, "target": _target(target)}
            if status:
                event, message = "request.answered", f"{message} {status}"
                fields |= {"status": status, "duration_ms": round(seconds * 1000, 3)}
        return json_lines.line(at, "info", event, message, fields, self._clean_field)

    def _say(
        self, kind: str, message: str, event: str = "message", fields: Mapping[str, Any] | None = None
    ) -> None:
        rank = {"error": ERROR, "warn": WARN, "log": LOG, "debug": DEBUG}.get(kind, INFO)
        if rank > self.level or (not self.is_json and self._folded(kind, message)):
            return
        stream = self._err if kind in ("error", "warn") else self._out
        clean = self._clean(message)
        if self.is_json:
            self._print(stream, self._record(kind, event, clean, fields or {}))
        else:
            self._print(stream, self._decorate(kind, clean), self._filed(kind, clean))

    def record(self, kind: str, message: str, event: str, fields: Mapping[str, Any]) -> None:
        """Say something with what a program wants to know of it; to a person the message is all."""
        self._say(kind, message, event, fields)

    def _record(self, kind: str, event: str, message: str, fields: Mapping[str, Any]) -> str:
        from copilot_api.cli import json_lines

        return json_lines.line(time.time(), kind, event, message, fields, self._clean_field)

    def _filed(self, kind: str, message: str) -> str:
        return "" if self._file is None else f"{iso(time.time())} {kind:5} {message}"

    def _clean_field(self, text: str) -> str:
        return one_line(redact(text, (*self._hidden, *self._tokens)))

    def _clean(self, message: str) -> str:
        return printable(redact(message, (*self._hidden, *self._tokens)))

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
                text = self._clean(last[1])
                self._print(
                    stream, self._decorate(last[0], f"{text} (repeated {repeats - _FOLD_AFTER} times)")
                )
        self._repeats += 1
        return self._repeats > _FOLD_AFTER

    def _print(self, stream: TextIO, text: str, filed: str = "") -> None:
        self.flush()
        if self.before_each is not None:
            self.before_each()
        with self._writing:
            self._write(stream, text)
            self._file_write(text if self.is_json else filed)

    def _write(self, stream: TextIO, text: str) -> None:
        if self._writer is None:
            write(stream, text)
        else:
            self._writer.put(stream, text)

    def _file_write(self, text: str) -> None:
        """Write to the log file, by a thread of its own: a terminal that takes nothing does not stop it."""
        if self._file is None or not text:
            return
        if self._file_writer is None:
            write(self._file, text)
        else:
            self._file_writer.put(self._file, text)

    def _print_soon(self, request: _RequestLine) -> None:
        """Print a line together with those of other requests: a write costs more than a line."""
        self._requests.append(request)
        if self._writer is None:
            self.flush()
        elif not self._flush_is_due:
            self._flush_is_due = True
            self._writer.put_soon(self._out, self._take_lines_in_turn)


class ConsoleHandler(logging.Handler):
    """Prints log records through a console.

    A record of the package is one line: what others wrote in it makes none of its own (R-19). Of the
    records of other packages the first line alone is shown, since asyncio and uvicorn add what they were
    working on. A trace has places and types, no texts (R-08).
    """

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record; a trace only when everything is shown."""
        try:
            text = record.getMessage()
        except Exception:
            # logging would print the arguments.
            text = f"a record of {record.name} cannot be written"
        if not record.name.startswith("copilot_api"):
            text = text.partition("\n")[0]
            if record.name == "asyncio":
                # It shows callbacks with their arguments, and tasks with their results.
                text = _QUOTES.split(text)[0].rstrip()
            text = f"{record.name}: {text}"
        text = one_line(text)
        kind = next((kind for level, kind in _LEVELS if record.levelno >= level), "debug")
        failed = record.exc_info[1] if record.exc_info and self._console.level >= DEBUG else None
        if self._console.is_json:
            self._record(kind, text, record, failed)
        elif failed is not None:
            self._console.record(kind, f"{text}\n{trace(failed)}", "", {})
        else:
            self._console.record(kind, text, "", {})

    def _record(self, kind: str, text: str, record: logging.LogRecord, failed: BaseException | None) -> None:
        """Write a record for a program, with the id of the request that it came of."""
        from copilot_api.gateway.failures import current

        fields: dict[str, Any] = {}
        of_request = current()
        if of_request is not None:
            fields["request_id"] = of_request.id
        fields |= getattr(record, "fields", {})
        if failed is not None:
            fields["trace"] = trace(failed).split("\n")
        event = getattr(record, "event", "") or record.name.removeprefix("copilot_api.")
        self._console.record(kind, fields.pop("cause", text), event, fields)


def install_logging(console: Console) -> None:
    """Send the records of `copilot_api` to the console."""
    logger = logging.getLogger("copilot_api")
    logger.handlers[:] = [ConsoleHandler(console)]
    logger.propagate = False
    logger.setLevel(logging.DEBUG if console.level >= DEBUG else logging.INFO)


def install_last_resorts(console: Console) -> None:
    """Let what nobody handles come out by the console too: other packages' records, uncaught errors."""
    root = logging.getLogger()
    root.handlers[:] = [ConsoleHandler(console)]
    logging.captureWarnings(True)

    def told(what: str, error: BaseException | None) -> None:
        if isinstance(error, SystemExit):
            return
        console.error(f"{what}: {type(error).__name__}")
        if error is not None:
            console.debug(trace(error))

    sys.excepthook = lambda _kind, error, _places: told("uncaught", error)
    sys.unraisablehook = lambda unraisable: told("could not be raised", unraisable.exc_value)
    threading.excepthook = lambda thread: told("a thread failed", thread.exc_value)


def _has_color(environ: Mapping[str, str], out: TextIO) -> bool:
    if "NO_COLOR" in environ:
        return False
    return environ.get("FORCE_COLOR", "0") not in ("0", "false", "") or out.isatty()


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
    return one_line(redact(target))


_short_target = lru_cache(maxsize=64)(_clean_target)


def _width(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide
