"""Server-sent events, read and written: the WHATWG grammar over bytes, scanned once (R-22 to R-24)."""

from __future__ import annotations

from dataclasses import dataclass

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One event; a field that did not come is None. `data` lines are joined with LF."""

    data: bytes | None = None
    event: bytes | None = None
    id: bytes | None = None
    retry: bytes | None = None


class FrameTooLarge(Exception):
    """One event is over the frame limit; `events` came before it in the same bytes."""

    def __init__(self, events: list[Event]) -> None:
        super().__init__("the frame is too large")
        self.events = events


class Parser:
    """Takes bytes in any pieces, gives events. Line ends are LF, CRLF and CR, nothing else."""

    def __init__(self, frame_limit: int = 16 * 1024 * 1024) -> None:
        self._limit = frame_limit
        self._parts: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._start = True
        self._fields: dict[bytes, bytes] = {}
        self._data: list[bytes] = []
        self._has_data = False

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that these bytes complete. Raises :class:`FrameTooLarge`."""
        events: list[Event] = []
        at, end = 0, len(data)
        if self._after_cr and data:
            self._after_cr = False
            if data[:1] == b"\n":
                at = 1
        # One search for each kind of line end, moved on only when passed: linear, whatever is in the data.
        line_feed, carriage = data.find(b"\n", at), data.find(b"\r", at)
        while True:
            if line_feed != -1 and line_feed < at:
                line_feed = data.find(b"\n", at)
            if carriage != -1 and carriage < at:
                carriage = data.find(b"\r", at)
            found = [place for place in (line_feed, carriage) if place != -1]
            if not found:
                break
            stop = min(found)
            self._parts.append(data[at:stop])
            at = stop + 1
            if stop == carriage:
                if at == end:
                    self._after_cr = True
                elif data[at : at + 1] == b"\n":
                    at += 1
            try:
                event = self._line()
            except FrameTooLarge:
                raise FrameTooLarge(events) from None
            if event is not None:
                events.append(event)
        rest = data[at:]
        if rest:
            self._parts.append(rest)
            self._size += len(rest)
        if self._size > self._limit:
            raise FrameTooLarge(events)
        return events

    def finish(self) -> list[Event]:
        """Return the last event, if it came without its empty line (D-H11)."""
        events = []
        if self._parts and (event := self._line()) is not None:
            events.append(event)
        if (event := self._dispatch()) is not None:
            events.append(event)
        return events

    def _line(self) -> Event | None:
        line = b"".join(self._parts)
        self._parts.clear()
        if self._start:
            self._start = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        self._size += len(line)
        if self._size > 2 * self._limit:
            raise FrameTooLarge([])
        name, colon, value = line.partition(b":")
        if not colon or name not in (b"data", b"event", b"id", b"retry"):
            return None
        value = value.lstrip()
        if name == b"data":
            self._data.append(value)
            self._has_data = True
        else:
            self._fields[name] = value
        return None

    def _dispatch(self) -> Event | None:
        self._size = 0
        if not self._has_data and not self._fields:
            return None
        event = Event(
            data=b"\n".join(self._data) if self._has_data else None,
            event=self._fields.get(b"event"),
            id=self._fields.get(b"id"),
            retry=self._fields.get(b"retry"),
        )
        self._data.clear()
        self._fields.clear()
        self._has_data = False
        return event


def write(data: bytes, *, event: bytes = b"", event_id: bytes = b"", retry: bytes = b"") -> bytes:
    """Write one event in the form of compat.md 3.4: event, data, id, retry, each only if not empty."""
    lines = [b"event: " + event] if event else []
    lines += [b"data: " + line for line in data.split(b"\n")]
    if event_id:
        lines.append(b"id: " + event_id)
    if retry:
        lines.append(b"retry: " + retry)
    return b"\n".join(lines) + b"\n\n"
