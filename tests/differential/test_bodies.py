"""A body that stays outside Python is to every component what its bytes are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_api.engine.interfaces import Dialect, RequestBody, RequestPlan, TranslatedRequest
from copilot_api.engine.reference.cache_key import cache_key
from copilot_api.engine.reference.translation import ReferenceTranslation
from copilot_api.engine.reference.validation import ReferenceValidation
from tests.differential import strategies
from tests.differential.comparing import examples, no_time_limit, outcome, recorded_bodies, same

pytest.importorskip("copilot_api._native", reason="the native module is not built: run `make dev`")

from copilot_api import _native
from copilot_api.engine.native import NativeTokenizer, NativeTranslation, NativeValidation

DIALECTS: tuple[Dialect, ...] = ("chat", "messages", "embeddings")
FILLER = "x\\n" * 10_000
"""Makes a body so large that what stays of it is not copied."""

pytestmark = no_time_limit


def plan(dialect: Dialect, model: str | None = "gpt-\u00e9") -> RequestPlan:
    leg = "embeddings" if dialect == "embeddings" else "chat"
    return RequestPlan(dialect, leg, model, 4096, "max_completion_tokens")


def translated(translation: NativeTranslation, body: RequestBody, wanted: RequestPlan) -> TranslatedRequest:
    made = translation.request(body, wanted)
    assert type(made.body) is type(body)
    assert len(made.body) == len(bytes(made.body))
    return TranslatedRequest(bytes(made.body), made.rewrites)


def compare(content: bytes) -> None:
    validation, translation, tokenizer = NativeValidation(), NativeTranslation(), NativeTokenizer()
    for dialect in DIALECTS:
        body = _native.Body(content)
        for _ in range(2):
            expected = outcome(validation.inspect, content, dialect)
            same(expected, outcome(validation.inspect, body, dialect), f"inspect {dialect}", content)
        if expected[0] != "returned":
            continue
        for wanted in (plan(dialect), plan(dialect, None)):
            expected = outcome(translated, translation, content, wanted)
            same(expected, outcome(translated, translation, body, wanted), f"request {wanted}", content)
        scope = ("a",)
        expected = outcome(_native.cache_key, content, dialect, [*scope])
        same(expected, outcome(_native.cache_key, body, dialect, [*scope]), "key", content)
    body = _native.Body(content)
    expected = outcome(tokenizer.count_chat, content, "o200k_base", "gpt-4.1")
    same(expected, outcome(tokenizer.count_chat, body, "o200k_base", "gpt-4.1"), "count", content)


@given(body=st.one_of(*map(strategies.bodies, DIALECTS), st.binary(max_size=40)))
@examples(60)
def test_generated_bodies(body: bytes) -> None:
    compare(body)


def test_recorded_bodies() -> None:
    for _, body in recorded_bodies():
        compare(body)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "with a mark"])
@pytest.mark.parametrize("cap", ["", ',"max_tokens":null', ',"max_tokens":7', ',"max_completion_tokens":7'])
def test_large_bodies_are_changed_in_parts(cap: str, mark: bytes) -> None:
    messages = f'[{{"role":"user","content":"{FILLER}\u00e9"}}]'
    compare(mark + f' {{"model":"a" , "messages":{messages}{cap} }} '.encode())
    compare(mark + f'{{"model":"a","input":"{FILLER}"}}'.encode())


def test_the_reference_takes_them_too() -> None:
    content = b'{"model":"a","messages":[{"role":"user","content":"x"}],"temperature":0}'
    body = _native.Body(content)
    inspect = ReferenceValidation().inspect
    same(inspect(content, "chat"), inspect(body, "chat"), "inspect", content)
    request = ReferenceTranslation().request
    same(request(content, plan("chat")), request(body, plan("chat")), "request", content)
    assert cache_key(content, "chat", ()) == cache_key(bytes(body), "chat", ())


def test_a_body_equals_its_bytes_and_shows_nothing_of_them() -> None:
    body = _native.Body(b"secret")
    assert body == b"secret"
    assert body == _native.Body(b"secret")
    assert body != b"other"
    assert body != "secret"
    assert "secret" not in repr(TranslatedRequest(body))
