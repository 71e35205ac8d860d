"""Reference and native read the same facts out of a body, or find the same member at fault."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_api.engine.interfaces import Dialect, Validation
from copilot_api.engine.native import NativeValidation
from copilot_api.engine.reference.validation import ReferenceValidation
from tests.differential import strategies
from tests.differential.comparing import examples, no_time_limit, outcome, recorded_bodies, same
from tests.differential.pairs import DIALECTS

REFERENCE: Validation = ReferenceValidation()
NATIVE: Validation = NativeValidation()

pytestmark = no_time_limit


def compare(body: bytes, dialect: Dialect, where: str = "inspect") -> None:
    """Texts count where a member is named; how a JSON parser words its complaint is its own."""
    same(
        outcome(REFERENCE.inspect, body, dialect, texts=True),
        outcome(NATIVE.inspect, body, dialect, texts=True),
        f"{where} ({dialect})",
        body,
    )


@pytest.mark.parametrize("dialect", DIALECTS)
@examples(400)
@given(data=st.data())
def test_requests(dialect: Dialect, data: st.DataObject) -> None:
    compare(data.draw(strategies.bodies(dialect), label="body"), dialect)


@examples(500)
@given(body=strategies.documents, dialect=st.sampled_from(DIALECTS))
def test_any_json(body: bytes, dialect: Dialect) -> None:
    compare(body, dialect)


@examples(200)
@given(data=st.data(), dialects=st.permutations(DIALECTS))
def test_requests_of_another_dialect(data: st.DataObject, dialects: list[Dialect]) -> None:
    compare(data.draw(strategies.bodies(dialects[0]), label="body"), dialects[1])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_recorded_bodies(dialect: Dialect) -> None:
    for name, body in recorded_bodies():
        compare(body, dialect, name)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("depth", [127, 128, 129, 130, 990, 5000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting(dialect: Dialect, depth: int, opening: str, closing: str) -> None:
    inner = opening * (depth - 1) + closing * (depth - 1) if opening == "[" else ""
    inner = inner or opening * (depth - 1) + "1" + closing * (depth - 1)
    compare(f'{{"model":"m","messages":[],"x":{inner}}}'.encode(), dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_bodies_cut_off_anywhere(dialect: Dialect) -> None:
    body = '\ufeff {"model":"m\\u00e9é😀\\ud83d","messages":[{"role":"user"}],"n":-1.5e+3,"s":"\\n"}'.encode()
    for end in range(len(body) + 1):
        compare(body[:end], dialect)


UUID = "efbc8ab2-637e-4f23-909b-0869128c4eac"
names = st.one_of(
    st.sampled_from(
        [
            *(UUID, UUID.upper(), UUID[:-1], f"{UUID}0", UUID.replace("-", ""), f"{UUID}-", f"_{UUID}"),
            *("ses_dfa02530fffeAWKt2502ySDhMX", "ses_short", "Ses_dfa02530fffeAWKt25", "a_" + "0" * 16),
            *("a_" + "0" * 64, "a_" + "0" * 65, "a_" + "0" * 15, "abcdefghi_" + "0" * 16, "_" + "0" * 16),
            *("ann@example.org", "", " ", "é", "\ud800", "\ud83d\ude00", "ses_0123456789abcdéf0"),
        ]
    ),
    st.text(max_size=12),
)
user_ids = st.one_of(
    names.map(lambda name: f"user_ab_account__session_{name}"),
    names.map(lambda name: json.dumps({"device_id": "d", "session_id": name})),
    st.sampled_from(
        ["{", "{}", '{"session_id":7}', '{"session_id":"a","session_id":"b"}', "_session_", "ann"]
    ),
    names,
)


@examples(150)
@given(
    user_id=user_ids,
    key=st.none() | names | st.just(7),
    told=st.none() | names,
    dialect=st.sampled_from(DIALECTS),
    seed=strategies.seeds,
)
def test_sessions(user_id: str, key: object, told: str | None, dialect: Dialect, seed: int) -> None:
    body: dict[str, object] = {
        "model": "m",
        "messages": [{"role": "user", "content": "hello"}],
        "input": "hello",
        "prompt": "hello" if dialect == "completions" else None,
        "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
        "metadata": {"user_id": user_id},
        "prompt_cache_key": key,
        "client_metadata": {"session_id": told},
    }
    compare(strategies.spell(body, seed), dialect)
    facts = REFERENCE.inspect(strategies.spell(body), dialect)
    assert "ann" not in facts.session
    assert facts.session == "" or dialect in ("messages", "chat", "responses", "completions")
