"""What is a secret by its type or its shape, and what a terminal must not be told (R-08, R-19)."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_api import redaction
from copilot_api.engine.client_interfaces import UpstreamCall
from copilot_api.engine.interfaces import TokenGrant
from copilot_api.redaction import (
    MASK,
    Secret,
    one_line,
    printable,
    redact,
    redact_query,
    redact_tokens,
    trace,
    without,
)

TOKENS = (
    "ghu_abcdefghijkl",
    "gho_abcdefghijkl",
    "ghp_abcdefghijkl",
    "ghs_abcdefghijkl",
    "ghs_12345_abc.def-ghi",
    "ghr_abcdefghijkl",
    "github_pat_abcdefgh",
    "0123456789abcdef0123456789abcdef01234567",
    "tid=abc;exp=1900000000;sku=x;proxy-ep=p.example;8kp=1:mac",
    "cak_AbCdEf-GhIj_0123456789",
    "sk-abcdefgh",
)
SHOWN = (
    "{}",
    "a token {} in a line",
    '{{"token":"{}"}}',
    "Authorization: Bearer {}",
    "authorization: token {}",
    "x-api-key: {}",
    "https://h/p?key={}",
    "'{}'",
    "\\n{}",
)

pytestmark = pytest.mark.secrets


@pytest.mark.parametrize("token", TOKENS)
def test_r08_every_shape_of_a_token_is_masked(token: str) -> None:
    for form in SHOWN:
        text = form.format(token)
        assert token not in redact(text), text
        assert redact(text).replace(MASK, "") == form.format(""), text
        assert token not in redact_tokens(text), text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x-api-key: hunter2hunter2", "x-api-key: [redacted]"),
        ("X-Goog-Api-Key=hunter2hunter2", "X-Goog-Api-Key=[redacted]"),
        ('{"authorization":"Basic aHVudGVyMg=="}', '{"authorization":"Basic [redacted]"}'),
        ('{\\"Authorization\\": \\"hunter2hunter2\\"}', '{\\"Authorization\\": \\"[redacted]\\"}'),
        ("Cookie: a=b; session=xyz", "Cookie: [redacted]"),
        ("http://user:hunter2@host:1/p", "http://[redacted]@host:1/p"),
        ("/v1/models?key=hunter2 refused", "/v1/models?key=[redacted] refused"),
        ("exp=1;sku=2;st=dotcom;8kp=1:mac", "[redacted]"),
        ("eyJhbGciOiJIUzI1.eyJzdWIiOiIx.c2ln", "[redacted]"),
    ],
)
def test_r08_secrets_are_known_by_what_stands_before_them(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a valid key is needed: send it as Authorization: Bearer KEY or x-api-key: KEY",
        "messages[0].content: must be a string; text/html; charset=utf-8",
        "model gpt-4.1, 12 events, 4711 bytes, 35 ms",
        "http://localhost:4141/v1/models?limit=5",
        "commit 0123456789abcdef0123456789abcdef0123456",
        "the API key is missing: set --api-key or --api-key-file",
    ],
)
def test_r08_ordinary_texts_stay(text: str) -> None:
    assert redact(text) == text


def test_r08_known_secrets_are_masked_whatever_they_look_like() -> None:
    known = (Secret("correct horse battery"), Secret("short"))
    assert redact("a correct horse battery, in short", known) == "a [redacted], in short"
    assert without(b"correct horse battery", known[0]) == b"[redacted]"
    assert without(b"in short", known[1]) == b"in short"
    assert without(b"text", Secret("")) == b"text"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("key=a&x=1", "key=***&x=1"),
        ("k%65y=a&x=key", "k%65y=***&x=key"),
        ("KEY=a&API_KEY=b&apikey=c&access_token=d&x-goog-api-key=e", None),
        ("alt=sse&pageToken=3&monkey=4", "alt=sse&pageToken=3&monkey=4"),
        ("key", "key"),
        ("", ""),
    ],
)
def test_r08_keys_in_a_query_are_masked(query: str, expected: str | None) -> None:
    expected = (
        "&".join(f"{part.partition('=')[0]}=***" for part in query.split("&"))
        if expected is None
        else expected
    )
    assert redact_query(query) == expected


def test_r08_secrets_show_themselves_in_no_way() -> None:
    secret = Secret("ghu_abcdefghijkl")
    grant = TokenGrant(token=secret, refresh_in=1.0, expires_at=None, api_url=None)
    call = UpstreamCall("POST", "https://h/p", (("authorization", "Bearer ghu_abcdefghijkl"),), b"prompt")
    shown = f"{secret} {secret!r} {secret!s} {secret:>20} {[secret]} {grant!r} {call!r} {copy.copy(grant)!r}"
    assert "ghu_" not in shown
    assert "prompt" not in shown
    assert "ghu_" not in str(vars(type(secret)))
    for serialise in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            serialise(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_r08_a_trace_has_places_and_types_and_no_texts() -> None:
    def inner() -> None:
        secret = "ghu_abcdefghijkl"
        raise ValueError(f"prompt {secret}")

    try:
        try:
            inner()
        except ValueError as error:
            raise KeyError("answer") from error
    except KeyError as error:
        told = trace(error)
    assert "builtins.KeyError" in told
    assert "builtins.ValueError" in told
    assert "in inner" in told
    assert "ghu_abc" not in told.replace('secret = "ghu_abcdefghijkl"', "")
    assert "prompt ghu" not in told


def test_r08_a_trace_of_a_circle_ends() -> None:
    first, second = ValueError("a"), KeyError("b")
    first.__context__, second.__context__ = second, first
    assert trace(first).count("Error") == 2


CONTROLS = [*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), 0x061C, 0x200E, 0x200F]
CONTROLS += [*range(0x2028, 0x202F), *range(0x2066, 0x206A)]


@pytest.mark.parametrize("code", CONTROLS, ids=hex)
def test_r19_what_moves_a_cursor_or_turns_a_text_is_escaped(code: int) -> None:
    assert chr(code) not in printable(f"a{chr(code)}b")
    assert f"{code:02x}" in printable(f"a{chr(code)}b")


def test_r19_a_line_stays_one() -> None:
    assert one_line("\x1b[2J\r\n[info] forged\t\u202egnp") == (
        "\\x1b[2J\\x0d\\x0a[info] forged\\x09\\u202egnp"
    )
    assert printable("a\n\tü ½ 日本 🙂") == "a\n\tü ½ 日本 🙂"


@given(
    st.text("aA0_-=.: \\ntghoiudskp", max_size=45)
    | st.sampled_from(
        ["ghu_", "github_pat_", "cak_", "tid=", "Bearer ", "sk-", "", "a" * 39, "a" * 40]
    ).flatmap(lambda begin: st.text("abcdef0123456789_-.=", max_size=45).map(lambda rest: begin + rest))
)
def test_what_is_not_looked_at_has_nothing_to_mask(text: str) -> None:
    assert redact_tokens(text) == redaction._TOKENS.sub(redaction.MASK, text)
