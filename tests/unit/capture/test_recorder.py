"""Which requests are captured, and what of them: bounds and masks."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import pytest

from copilot_api.capture import drafts
from copilot_api.capture import recorder as module
from copilot_api.capture.drafts import CURRENT, Draft, WatchedClient
from copilot_api.capture.recorder import Recorder, record_of
from copilot_api.engine.client_interfaces import UpstreamCall
from copilot_api.engine.interfaces import ConnectFailed
from copilot_api.http.asgi import Message, Request
from copilot_api.redaction import MASK, Secret

CALL = UpstreamCall("POST", "http://upstream/chat/completions", (("authorization", "Bearer opaque-token"),))


class Store:
    """Makes the records at once."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.is_busy = False

    def add(self, _at: float, _name: str, make: Callable[[], dict[str, Any]]) -> None:
        self.records.append(make())

    def close(self) -> None:
        """Nothing is left."""


def asked(method: str = "POST") -> Request:
    headers = [(b"authorization", b"Bearer opaque-key"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": method, "path": "/v1/x", "query_string": b"key=opaque-key"}

    async def receive() -> Message:
        raise AssertionError

    return Request(scope | {"headers": headers}, receive)


def recorder(known: tuple[Secret, ...] = ()) -> tuple[Recorder, Store]:
    store = Store()
    return Recorder(store, lambda: known), store  # type: ignore[arg-type]


def begun(subject: Recorder) -> Draft:
    draft = subject.begin(asked())
    assert draft is not None
    return draft


def test_only_so_many_at_a_time() -> None:
    subject, store = recorder()
    open_ones = [begun(subject) for _ in range(module.MOST_OPEN)]
    assert subject.begin(asked()) is None
    subject.end(open_ones.pop())
    assert subject.begin(asked()) is not None
    store.is_busy = True
    subject.end(open_ones.pop())
    assert subject.begin(asked()) is None
    assert subject.left_out == 2


def test_what_is_not_sent_to_models_is_not_captured() -> None:
    subject, _ = recorder()
    assert subject.begin(asked("GET")) is None
    assert subject.left_out == 0


def test_bodies_are_cut_at_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in (drafts, module):
        monkeypatch.setattr(each, "BODY_LIMIT", 20)
    subject, store = recorder()
    draft = begun(subject)
    draft.body = b'{"text": "some words and more"}'
    draft.note({"type": "http.response.start", "status": 200, "headers": []})
    for piece in (b"an answer in ", b"two pieces", b" and a third"):
        draft.note({"type": "http.response.body", "body": piece})
    subject.end(draft)
    (record,) = store.records
    assert record["request"]["body"] == {"size": 31, "cut": True, "text": '{"text": "some '}
    assert record["response"]["body"] == {"size": 35, "cut": True, "text": "an answer in two "}
    assert record["first_byte_ms"] <= record["duration_ms"]


def test_what_is_no_text_is_kept_as_it_is() -> None:
    subject, store = recorder()
    draft = begun(subject)
    draft.body = b"\xff\x00 opaque-key \xfe"
    subject.end(draft)
    kept = store.records[0]["request"]["body"]
    assert base64.b64decode(kept["base64"]) == b"\xff\x00 [redacted] \xfe"


def test_r08_credentials_are_masked_by_value_on_both_sides() -> None:
    async def call(draft: Draft) -> None:
        class Client:
            async def request(self, _call: UpstreamCall) -> Any:
                raise ConnectFailed("opaque-token is bad")

        with pytest.raises(ConnectFailed):
            await WatchedClient(Client()).request(CALL)  # type: ignore[arg-type]
        draft.body = b"opaque-key opaque-token opaque-known"

    subject, store = recorder((Secret("opaque-known"),))
    draft = begun(subject)
    asyncio.run(call(draft))
    subject.end(draft)
    (record,) = store.records
    assert record["request"]["body"]["text"] == " ".join([MASK] * 3)
    assert record["request"]["target"] == "/v1/x?key=***"
    (exchange,) = record["exchanges"]
    assert exchange["error"] == "ConnectFailed"
    assert exchange["request"]["headers"] == [["authorization", MASK]]
    assert exchange["response"]["status"] == 0
    assert "opaque" not in repr(record)


def test_what_the_gateway_asks_for_itself_is_no_part_of_a_request() -> None:
    async def call() -> None:
        class Client:
            async def request(self, _call: UpstreamCall) -> Any:
                return None

        await WatchedClient(Client()).request(UpstreamCall("GET", "http://upstream/models", ()))  # type: ignore[arg-type]

    subject, _ = recorder()
    draft = begun(subject)
    asyncio.run(call())
    assert draft.exchanges == []
    subject.end(draft)
    assert CURRENT.get() is None


def test_a_record_of_nothing() -> None:
    record = record_of(Draft(asked()), ())
    assert (record["exchanges"], record["entry"], record["response"]["status"]) == ([], None, 0)
