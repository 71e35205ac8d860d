"""Reference and native write the same bytes for requests and whole answers, or refuse alike."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from copilot_api.engine.interfaces import (
    AnswerPlan,
    Dialect,
    InvalidRequest,
    Leg,
    RequestPlan,
    StreamPlan,
    Translation,
)
from copilot_api.engine.native import NativeTranslation
from copilot_api.engine.reference.translation import ReferenceTranslation
from copilot_api.engine.reference.validation import ReferenceValidation
from tests.differential import answer_strategies, strategies
from tests.differential.comparing import examples, no_time_limit, outcome, recorded_bodies, same
from tests.differential.pairs import PAIRS, STREAMED, answer_plans, request_plans, stream_plans

REFERENCE: Translation = ReferenceTranslation()
NATIVE: Translation = NativeTranslation()
VALIDATION = ReferenceValidation()

pytestmark = no_time_limit


def accepted(body: bytes, dialect: Dialect) -> bool:
    """Only such bodies reach a translation."""
    try:
        VALIDATION.inspect(body, dialect)
    except InvalidRequest:
        return False
    return True


def compare_request(body: bytes, plan: RequestPlan, where: str = "request") -> None:
    same(
        outcome(REFERENCE.request, body, plan),
        outcome(NATIVE.request, body, plan),
        f"{where} ({plan})",
        body,
    )


def compare_answer(body: bytes, plan: AnswerPlan, where: str = "answer") -> None:
    same(outcome(REFERENCE.answer, body, plan), outcome(NATIVE.answer, body, plan), f"{where} ({plan})", body)


def compare_whole_stream(body: bytes, plan: StreamPlan, where: str = "answer_as_stream") -> None:
    same(
        outcome(REFERENCE.answer_as_stream, body, plan),
        outcome(NATIVE.answer_as_stream, body, plan),
        f"{where} ({plan})",
        body,
    )


@pytest.mark.parametrize(("dialect", "leg"), PAIRS)
@examples(400)
@given(data=st.data())
def test_requests(dialect: Dialect, leg: Leg, data: st.DataObject) -> None:
    body = data.draw(strategies.likely_bodies(dialect), label="body")
    assume(accepted(body, dialect))
    compare_request(body, data.draw(request_plans(dialect, leg), label="plan"))


# The outermost object of a chat or embeddings request is edited as text: its spelling is what counts here.
members = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *(
                    '"max_tokens"',
                    '"max\\u005ftokens"',
                    '"max_completion_tokens"',
                    '"model"',
                    '"\\u006dodel"',
                ),
                *('"input"', '"inp\\u0075t"', '"x"', '"\\"max_tokens\\""', '"\\ud800"'),
            ]
        ),
        st.sampled_from(
            ["null", "5", "1E2", '"s"', '"\\""', "[1,{}]", '{"model":"m","max_tokens":null}', '"}"']
        ),
    ),
    max_size=5,
)
whitespace = st.sampled_from(["", " ", "\n\t", "\r\n"])


@pytest.mark.parametrize(("dialect", "leg"), [pair for pair in PAIRS if pair[0] == pair[1]])
@examples(250)
@given(data=st.data())
def test_edits_of_the_outermost_members(dialect: Dialect, leg: Leg, data: st.DataObject) -> None:
    fixed = [] if dialect == "embeddings" else [('"model"', '"m"'), ('"messages"', "[]")]
    listed = data.draw(st.permutations(data.draw(members) + fixed))
    space = data.draw(whitespace)
    inner = f"{space},{space}".join(f"{name}{space}:{space}{value}" for name, value in listed)
    start = data.draw(st.sampled_from(["", "", "\ufeff"]))
    body = f"{start}{space}{{{space}{inner}{space}}}{space}".encode()
    assume(accepted(body, dialect))
    compare_request(body, data.draw(request_plans(dialect, leg), label="plan"))


@pytest.mark.parametrize(("dialect", "leg"), PAIRS)
def test_recorded_requests(dialect: Dialect, leg: Leg) -> None:
    compared = 0
    for name, body in recorded_bodies():
        if accepted(body, dialect):
            compared += 1
            compare_request(body, RequestPlan(dialect, leg), name)
            plan = RequestPlan(dialect, leg, "gpt-4o", 4096, "max_completion_tokens", "gpt-4o", stream=True)
            compare_request(body, plan, name)
    # Nothing was recorded that still speaks completions.
    assert compared or dialect == "completions"


@pytest.mark.parametrize(("dialect", "leg"), PAIRS)
@examples(500)
@given(data=st.data())
def test_answers(dialect: Dialect, leg: Leg, data: st.DataObject) -> None:
    body = data.draw(answer_strategies.answers[leg], label="body")
    compare_answer(body, data.draw(answer_plans(dialect, leg), label="plan"))


@pytest.mark.parametrize(("dialect", "leg"), STREAMED)
@examples(500)
@given(data=st.data())
def test_answers_as_streams(dialect: Dialect, leg: Leg, data: st.DataObject) -> None:
    body = data.draw(answer_strategies.answers[leg], label="body")
    compare_whole_stream(body, data.draw(stream_plans(dialect, leg, [150, 400]), label="plan"))


@pytest.mark.parametrize(("dialect", "leg"), PAIRS)
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null"])
def test_answers_that_are_none(dialect: Dialect, leg: Leg, body: bytes) -> None:
    compare_answer(body, AnswerPlan(dialect, leg))


@pytest.mark.parametrize(("dialect", "leg"), PAIRS)
def test_recorded_answers(dialect: Dialect, leg: Leg) -> None:
    for name, body in recorded_bodies():
        compare_answer(body, AnswerPlan(dialect, leg), name)
        compare_answer(body, AnswerPlan(dialect, leg, reasoning=True, model="gpt-4.1"), name)
        if (dialect, leg) in STREAMED:
            compare_whole_stream(body, StreamPlan(dialect, leg, 7, reasoning=True), name)
