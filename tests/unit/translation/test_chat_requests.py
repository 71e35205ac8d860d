"""Chat and embeddings requests pass byte for byte, but for what the plan names (D-H15, D-H17)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_api.engine.interfaces import AnswerPlan, RequestPlan, StreamPlan, UnusableAnswer
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.validation import ReferenceValidation
from tests.support.chat import TRANSLATION, outline, to_chat

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.mark.parametrize(
    ("body", "plan", "made"),
    [
        ('{ "a":1.0 , "model":"m"}', {}, '{ "a":1.0 , "model":"m"}'),
        ('{"model":"m","z":1}', {"model": "n"}, '{"model":"n","z":1}'),
        ('{"model":"m","model":"m"}', {"model": "n"}, '{"model":"n","model":"n"}'),
        ('{"model":"m"}', {"output_cap": 5}, '{"model":"m","max_tokens":5}'),
        ('{"max_tokens":null,"z":1}', {"output_cap": 5}, '{"max_tokens":5,"z":1}'),
        ('{"a":1,"max_tokens":null}', {}, '{"a":1}'),
        ('{"max_tokens":null}', {}, "{}"),
        ('{"max_tokens":0}', {"output_cap": 5}, '{"max_tokens":0}'),
        ('{"max_completion_tokens":3}', {"output_cap": 5}, '{"max_completion_tokens":3}'),
        ('{"max_tokens":7}', {"cap_field": "max_completion_tokens"}, '{"max_completion_tokens":7}'),
        ('{"x":{"model":"in"},"model":"m"}', {"model": "n"}, '{"x":{"model":"in"},"model":"n"}'),
        ('{"l":"\\ud800","model":"m"}', {"model": "n"}, '{"l":"\\ud800","model":"n"}'),
    ],
)
def test_surgical_edits(body: str, plan: dict[str, Any], made: str) -> None:
    result = TRANSLATION.request(body.encode(), RequestPlan("chat", "chat", **plan))
    assert result.body.decode() == made


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ('{"input":"a"}', '{"input":["a"]}'),
        ('{"input": ["a"]}', '{"input": ["a"]}'),
        ("[1,2]", "[1,2]"),
        ('"x"', '"x"'),
    ],
)
def test_embeddings_requests(body: str, made: str) -> None:
    assert TRANSLATION.request(body.encode(), RequestPlan("embeddings", "embeddings")).body.decode() == made


MEMBERS = st.dictionaries(
    st.text(max_size=5).filter(lambda key: key != "model"),
    st.none() | st.integers() | st.text() | st.lists(st.floats(allow_nan=False, allow_infinity=False)),
    max_size=5,
)


@given(MEMBERS, st.sampled_from([None, 2]))
def test_edits_leave_all_other_members_alone(members: dict[str, Any], indent: int | None) -> None:
    body = json.dumps({**members, "model": "m", "tail": 1}, indent=indent).encode()
    made = TRANSLATION.request(body, RequestPlan("chat", "chat", model="other")).body
    assert json.loads(made) == {**members, "model": "other", "tail": 1}
    assert made.replace(b'"other"', b'"m"') == body


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=20))
def test_json_is_written_back_equal(value: Any) -> None:
    assert json.loads(jsontext.dumps(jsontext.loads(json.dumps(value).encode()))) == value


BLOCKS = st.lists(
    st.one_of(
        st.builds(lambda text: {"type": "text", "text": text}, st.text(min_size=1)),
        st.builds(
            lambda data: {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": data},
            },
            st.text("ABCD", min_size=4),
        ),
        st.builds(
            lambda number, text: {"type": "tool_result", "tool_use_id": f"t{number}", "content": text},
            st.integers(0, 99),
            st.text(),
        ),
    ),
    max_size=6,
)
CALLS = st.lists(
    st.builds(
        lambda number, value: {"type": "tool_use", "id": f"t{number}", "name": "n", "input": {"v": value}},
        st.integers(0, 99),
        st.text(),
    ),
    max_size=3,
)


@given(BLOCKS, CALLS)
def test_no_text_tool_call_or_picture_is_lost(blocks: list[Any], calls: list[Any]) -> None:
    # Each call has its result and each result its call: what else there is, is mended (test_orphans).
    ids = dict.fromkeys(call["id"] for call in calls)
    calls = [{**calls[0], "id": call_id} for call_id in ids]
    blocks = [block for block in blocks if block["type"] != "tool_result"]
    results = [{"type": "tool_result", "tool_use_id": call_id, "content": f"of {call_id}"} for call_id in ids]
    blocks = [*results, *blocks]
    request = {
        "model": "m",
        "messages": [{"role": "assistant", "content": calls}, {"role": "user", "content": blocks}],
    }
    made = to_chat(request)
    assert [
        (call["id"], json.loads(call["function"]["arguments"]))
        for message in made["messages"]
        for call in message.get("tool_calls") or []
    ] == [(call["id"], call["input"]) for call in calls]
    sent = [(m["tool_call_id"], m["content"]) for m in made["messages"] if m["role"] == "tool"]
    assert sent == [(b["tool_use_id"], b["content"]) for b in blocks if b["type"] == "tool_result"]
    written = json.dumps([m["content"] for m in made["messages"] if m["role"] == "user"])
    for block in blocks:
        if block["type"] == "text":
            assert json.dumps(block["text"])[1:-1] in written
        if block["type"] == "image":
            assert f"base64,{block['source']['data']}" in written


def recordings() -> list[Any]:
    found = []
    for path in sorted((FIXTURES / "clients").glob("*/*.json")):
        entry = json.loads(path.read_text(encoding="utf-8"))
        if entry["method"] == "POST" and entry["path"] in ("/v1/messages", "/v1/chat/completions"):
            found.append(pytest.param(entry, id=f"{path.parent.name}-{path.stem}"))
    return found


@pytest.mark.parametrize("entry", recordings())
def test_recorded_requests_keep_their_texts_and_calls(entry: dict[str, Any]) -> None:
    dialect: Any = "messages" if entry["path"] == "/v1/messages" else "chat"
    body = json.dumps(entry["body"]).encode()
    facts = ReferenceValidation().inspect(body, dialect)
    assert facts.model == entry["body"]["model"]
    made = TRANSLATION.request(body, RequestPlan(dialect, "chat")).body
    if dialect == "chat":
        assert made == body
        return
    written = json.dumps(json.loads(made)["messages"])
    for message in entry["body"]["messages"]:
        content = message["content"]
        for block in content if isinstance(content, list) else [{"type": "text", "text": content}]:
            if block["type"] == "text":
                assert json.dumps(block["text"])[1:-1] in written
            if block["type"] == "tool_use":
                assert block["id"] in written
            if block["type"] == "tool_result":
                assert block["tool_use_id"] in written


WHOLE = sorted((FIXTURES / "upstream/chat").glob("*.json"))


@pytest.mark.parametrize("path", [each for each in WHOLE if "request" not in each.name], ids=lambda p: p.stem)
def test_recorded_whole_answers_become_one_choice(path: Path) -> None:
    made = TRANSLATION.answer(path.read_bytes(), AnswerPlan("chat", "chat"))
    answer = json.loads(made.body)
    (choice,) = answer["choices"]
    assert answer["object"] == "chat.completion"
    assert choice["message"]["role"] == "assistant"
    assert answer["usage"]["prompt_tokens"] > 0
    raw = json.loads(path.read_bytes())
    called = "tool" in path.read_text(encoding="utf-8")
    assert bool(choice["message"].get("tool_calls")) == called
    assert (choice["finish_reason"] == "tool_calls") == called
    message = json.loads(TRANSLATION.answer(path.read_bytes(), AnswerPlan("messages", "chat")).body)
    assert message["stop_reason"] == ("tool_use" if called else "end_turn")
    assert message["model"] == raw["model"]


def test_complete_answer_is_not_touched() -> None:
    body = (
        b'{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
        b'{"role":"assistant","content":"x"},"finish_reason":"stop"}],"extra":1.50}'
    )
    assert TRANSLATION.answer(body, AnswerPlan("chat", "chat")).body == body


def test_d_h7_a_json_answer_becomes_a_stream() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "t", "arguments": '{"a":1}'}}
    message = {"role": "assistant", "content": "hi", "tool_calls": [call]}
    body = json.dumps(
        {"id": "1", "model": "m", "choices": [{"message": message, "finish_reason": "tool_calls"}]}
    ).encode()
    stream = TRANSLATION.answer_as_stream(body, StreamPlan("messages", "chat"))
    assert outline(stream) == [
        "start",
        "S0 text",
        "D0 hi",
        "E0",
        "S1 t",
        'D1 {"a":1}',
        "E1",
        "delta tool_use",
        "stop",
    ]
    chat = TRANSLATION.answer_as_stream(body, StreamPlan("chat", "chat"))
    assert chat.endswith(b"data: [DONE]\n\n")
    with pytest.raises(UnusableAnswer):
        TRANSLATION.answer_as_stream(b"<html>", StreamPlan("chat", "chat"))
