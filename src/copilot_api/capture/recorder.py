"""Which requests are captured, and what becomes a record when one is over."""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot_api.capture.drafts import BODY_LIMIT, CURRENT, Draft, Exchange, WatchedClient
from copilot_api.capture.masking import credentials, mask_headers, mask_target, mask_text, whole_words
from copilot_api.capture.store import FORMAT, Store, place
from copilot_api.gateway.errors import StartupError
from copilot_api.gateway.failures import current
from copilot_api.http.application import Application
from copilot_api.http.asgi import Message, Receive, Request, Send
from copilot_api.ledger.entry import COLUMNS
from copilot_api.moments import iso
from copilot_api.redaction import Secret
from copilot_api.settings import Settings
from copilot_api.version import VERSION

if TYPE_CHECKING:
    from copilot_api.engine.client_interfaces import Client, RelaySummary
    from copilot_api.engine.interfaces import RequestBody
    from copilot_api.gateway.failures import Trace
    from copilot_api.ledger.entry import Entry

logger = logging.getLogger("copilot_api.capture")

MOST_OPEN = 16
"""Requests that are captured at a time: what they hold is bounded by it."""


class Recorder:
    """Takes the requests of one gateway; made once, in `app`. `known` gives secrets by their value."""

    def __init__(self, store: Store, known: Callable[[], Iterable[Secret]]) -> None:
        self._store = store
        self._known = known
        self._open = 0
        self.left_out = 0
        """Requests that came while too many others were captured."""

    def begin(self, request: Request) -> Draft | None:
        """Begin to capture a request for a model; None where it is not captured."""
        if request.method != "POST":
            return None
        if self._open >= MOST_OPEN or self._store.is_busy:
            self.left_out += 1
            return None
        self._open += 1
        draft = Draft(request)
        CURRENT.set(draft)
        return draft

    def watched(self, client: Client) -> Client:
        """Return a client that notes the calls of requests that are captured."""
        return WatchedClient(client)

    def watch(self, entry: Entry, _trace: Trace, _summary: RelaySummary | None) -> None:
        """Take what the ledger knows of the current request."""
        draft = CURRENT.get()
        if draft is not None:
            draft.entry = entry

    def end(self, draft: Draft) -> None:
        """A request is over: have it written."""
        self._open -= 1
        CURRENT.set(None)
        trace = current()
        if trace is not None:
            draft.id, draft.rewrites = trace.id, trace.rewrites
        draft.ended = time.monotonic()
        known = (*self._known(), *credentials(_texts(draft.headers)))
        for exchange in draft.exchanges:
            known += (*credentials(exchange.call.headers),)
            relay, exchange.relay = exchange.relay, None
            captured = None if relay is None else relay.captured()
            if relay is None or captured is None:
                continue
            exchange.body, went = captured
            exchange.ended = draft.ended
            summary = relay.summary
            exchange.size = len(exchange.body) if summary is None else summary.bytes_in
            if draft.handed_over:
                draft.answer[:] = went
                draft.answer_size = len(went) if summary is None else summary.bytes_out
        self._store.add(draft.at, draft.id, lambda: record_of(draft, known))

    def close(self) -> None:
        """Write what is left."""
        self._store.close()
        if self.left_out:
            logger.warning("%d requests were not captured: there were too many at once", self.left_out)


def open_recorder(
    settings: Settings, directory: Path | None, known: Callable[[], Iterable[Secret]]
) -> Recorder:
    """Return what ``--capture`` asks for; `directory` is the data directory. Raises :class:`StartupError`."""
    where = place(settings.capture, directory)
    try:
        store = Store(where, size=settings.capture_size, age=settings.capture_age)
    except OSError as error:
        raise StartupError(f"--capture {where} cannot be written: {error.strerror}") from None
    return Recorder(store, known)


class CapturingApplication(Application):
    """The app with an eye on each request for a model. Without capture the plain one runs."""

    recorder: Recorder

    async def _http(self, request: Request, receive: Receive, send: Send) -> None:
        draft = self.recorder.begin(request)
        if draft is None:
            await super()._http(request, receive, send)
            return

        def pass_on(message: Message) -> Awaitable[None]:
            draft.note(message)
            return send(message)

        try:
            await super()._http(request, receive, pass_on)
        finally:
            self.recorder.end(draft)

    async def _body(self, request: Request) -> RequestBody:
        body = await super()._body(request)
        draft = CURRENT.get()
        if draft is not None:
            draft.body = body
        return body


def record_of(draft: Draft, known: tuple[Secret, ...]) -> dict[str, Any]:
    """Return what is written, masked. Called by the writer's thread."""
    body = bytes(draft.body)
    entry = draft.entry
    return {
        "format": FORMAT,
        "id": draft.id,
        "time": iso(draft.at),
        "gateway": VERSION,
        "request": {
            "method": draft.method,
            "target": mask_target(draft.target, known),
            "http_version": draft.version,
            "headers": mask_headers(_texts(draft.headers), known),
            "body": _body_of(body[:BODY_LIMIT], len(body), known),
        },
        "exchanges": [_exchange_of(each, draft.began, known) for each in draft.exchanges],
        "response": {
            "status": draft.status,
            "headers": mask_headers(_texts(draft.answer_headers), known),
            "body": _body_of(bytes(draft.answer), draft.answer_size, known),
        },
        "rewrites": mask_text(draft.rewrites, known),
        "first_byte_ms": _since(draft.began, draft.first_byte),
        "duration_ms": _since(draft.began, draft.ended),
        "entry": None if entry is None else {name: _masked(getattr(entry, name), known) for name in COLUMNS},
    }


def _masked(value: Any, known: tuple[Secret, ...]) -> Any:
    return mask_text(value, known) if isinstance(value, str) else value


def _exchange_of(exchange: Exchange, began: float, known: tuple[Secret, ...]) -> dict[str, Any]:
    call = exchange.call
    sent = b"" if call.body is None else bytes(call.body)
    return {
        "request": {
            "method": call.method,
            "url": mask_target(call.url, known),
            "headers": mask_headers((*call.headers, *call.own), known),
            "body": _body_of(sent[:BODY_LIMIT], len(sent), known),
        },
        "response": {
            "status": exchange.status,
            "headers": mask_headers(tuple(exchange.headers.items()), known),
            "body": _body_of(exchange.body, exchange.size, known),
        },
        "error": exchange.error,
        "began_ms": _since(began, exchange.began),
        "head_ms": _since(began, exchange.head),
        "ended_ms": _since(began, exchange.ended),
    }


def _body_of(kept: bytes, size: int, known: tuple[Secret, ...]) -> dict[str, Any]:
    """Return a body: `size` is what it had, `text` what is kept, or `base64` of what is no UTF-8."""
    cut = size > len(kept)
    told: dict[str, Any] = {"size": size, "cut": cut}
    try:
        text = kept.decode("utf-8", "strict" if not cut else "ignore")
    except UnicodeDecodeError:
        text = mask_text(kept.decode("latin-1"), known)
        text = whole_words(text) if cut else text
        return told | {"base64": base64.b64encode(text.encode("latin-1")).decode()}
    return told | {"text": mask_text(whole_words(text) if cut else text, known)}


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _since(began: float, then: float) -> float | None:
    return round((then - began) * 1000, 3) if then else None
