"""Reading upstream's error answers: every recorded envelope (upstream.md 8, fixtures/upstream/errors)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from copilot_api.copilot.errors import passed_headers, read_fault

FOLDER = Path(__file__).parents[2] / "fixtures/upstream/errors"
FILES = sorted(FOLDER.glob("*.json"))


def load(path: Path) -> dict[str, Any]:
    envelope: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return envelope


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_recorded_error_has_a_plain_message_and_keeps_its_body(path: Path) -> None:
    envelope = load(path)
    fault = read_fault(envelope["status"], envelope["body"].encode())
    assert fault.raw == envelope["body"]
    assert fault.message
    assert "<html" not in fault.message.lower()
    assert not fault.message.startswith("{")
    try:
        inner = json.loads(envelope["body"])
        inner = inner.get("error", inner)
    except ValueError:
        inner = None
    if isinstance(inner, dict) and "message" in inner:
        assert fault.message == inner["message"]
        assert fault.code == (inner.get("code") or None)


def test_only_an_expired_token_asks_for_a_new_one() -> None:
    asking = {
        path.stem
        for path in FILES
        if read_fault(load(path)["status"], load(path)["body"].encode()).token_expired
    }
    assert asking == {"401_token_expired"}


def test_d_h15_refused_max_tokens_is_recognised() -> None:
    body = (
        b'{"error":{"message":"Unsupported parameter: \'max_tokens\' is not supported with this model. '
        b'Use \'max_completion_tokens\' instead.","code":"unsupported_parameter"}}'
    )
    assert read_fault(400, body).wants_max_completion_tokens
    assert not read_fault(400, b'{"error":{"message":"max_tokens is too large"}}').wants_max_completion_tokens


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[]", b'"x"', b"null", b"[" * 5000, b'{"error":7}'])
def test_odd_bodies_never_fail(body: bytes) -> None:
    assert read_fault(500, body).message


def test_d_h4_headers_that_pass() -> None:
    headers = {"retry-after": "7", "set-cookie": "a=b", "x-ratelimit-exceeded": "k", "server": "x"}
    assert dict(passed_headers(headers)) == {"retry-after": "7", "x-ratelimit-exceeded": "k"}
