"""Nothing that is secret is in what is written; everything else is as it came (R-08)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_api.capture import masking
from copilot_api.capture.masking import credentials, mask_headers, mask_target, mask_text, whole_words
from copilot_api.redaction import MASK, Secret, redact

TOKEN = "ghu_0123456789abcdef0123456789"
PIECES = st.sampled_from(
    [
        *(
            "ghu_",
            "github_pat_",
            "tid=",
            "sk-",
            "Bearer ",
            "authorization: token ",
            "cookie: a=b; c",
            "?key=",
        ),
        *(
            "x-api-key",
            "api_key",
            '"authorization": "',
            "abcdefgh",
            "0123456789abcdef",
            "eyJabcdefghijk.abcdefghijk",
        ),
        *(" ", ",", '"', "\\", "\\n", "\\r", "\n", "\r\n", "\t", ":", "=", ";", "a=b;c=d;e=f;", "://u:p@h/"),
        *("ü", "日本語", "🙂"),
    ]
)


def test_values_of_credentials_headers_are_never_kept() -> None:
    headers = [("Authorization", "whatever"), ("X-API-Key", "dummy"), ("Cookie", "a=b"), ("accept", "*/*")]
    assert mask_headers(headers, ()) == [
        *(["Authorization", MASK], ["X-API-Key", MASK], ["Cookie", MASK], ["accept", "*/*"]),
    ]
    assert mask_headers([("x-other", f"see {TOKEN}")], ()) == [["x-other", f"see {MASK}"]]


def test_a_requests_own_key_is_masked_wherever_it_is() -> None:
    known = (*credentials([("authorization", "Bearer opaque-key-of-a-client")]),)
    assert known == (Secret("opaque-key-of-a-client"),)
    assert (
        mask_text('{"text": "my key is opaque-key-of-a-client."}', known)
        == f'{{"text": "my key is {MASK}."}}'
    )


def test_keys_in_targets() -> None:
    assert mask_target("/v1beta/models?key=abcdefghijkl&alt=sse", ()) == "/v1beta/models?key=***&alt=sse"


@pytest.mark.parametrize("cut", range(len(TOKEN)))
def test_half_a_token_at_the_end_of_what_was_cut_is_left_out(cut: int) -> None:
    assert whole_words(f'{{"text": "so {TOKEN[: cut + 1]}') == '{"text": "so '


def test_json_stays_json() -> None:
    value = {"messages": [{"content": f"line\n{TOKEN}\nAuthorization: Bearer {TOKEN}\n" * 400}], "n": 1}
    masked = mask_text(json.dumps(value))
    assert json.loads(masked)["n"] == 1
    assert TOKEN[:12] not in masked


def test_pictures_pass_and_what_is_beside_them_does_not() -> None:
    picture = "QUJD" * 50_000
    text = f'{{"url": "data:image/png;base64,{picture}", "key": "{TOKEN}"}}'
    assert mask_text(text) == text.replace(TOKEN, MASK)


@given(st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=60).map("".join), st.integers(1, 40))
def test_cut_into_pieces_the_same_is_masked(text: str, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masking, "PIECE", size)
        assert mask_text(text) == redact(text)
