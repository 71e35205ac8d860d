"""Reference and native mask the same in what a stream's failure says (R-08)."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from copilot_api.engine.interfaces import StreamPlan
from copilot_api.engine.native import NativeTranslation
from copilot_api.engine.reference.translation import ReferenceTranslation
from copilot_api.redaction import redact_tokens
from tests.differential.comparing import examples, no_time_limit

pytestmark = no_time_limit

PLAN = StreamPlan("chat", "chat")
PIECES = st.sampled_from(
    [
        *("ghu_", "gho_", "ghX_", "github_pat_", "cak_", "tid=", "tid", "sk-"),
        *("Bearer ", "bearer  ", "BEARER "),
        *("authorization: token ", "Authorization: Basic ", "authorization:token "),
        *("abcdefgh", "0123456789abcdef0123456789abcdef01234567", "0123456789abcdef", "abcde", "a.b-c_d"),
        *(" ", ",", '"', "'", "\\", "\\n", "\n", "\t", "_", "-", ".", ";", "=", ":"),
        *("ü", "日本語", "🙂", "\u2028"),
    ]
)


def said(text: str, translation: ReferenceTranslation | NativeTranslation) -> tuple[str, str | None]:
    """What the client reads, and what the facts hold, when upstream fails in mid-stream with `text`."""
    translator = translation.stream(PLAN)
    begun = {"choices": [{"index": 0, "delta": {"content": "hello"}}]}
    failed = {"error": {"message": text}}
    out = b"".join(translator.feed(f"data: {json.dumps(frame)}\n\n".encode()) for frame in (begun, failed))
    last = next(line for line in reversed(out.decode().split("\n")) if line.startswith("data: {"))
    return json.loads(last[6:])["error"]["message"], translator.facts.error


@examples(300)
@given(st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=12).map("".join))
def test_r08_both_engines_mask_the_same(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    if not text.strip():
        return
    expected = redact_tokens(text)
    assert said(text, ReferenceTranslation()) == (expected, expected)
    assert said(text, NativeTranslation()) == (expected, expected)
