"""Anthropic answers of Claude to Anthropic clients: bytes pass, Copilot's extras do not (upstream.md 6.4)."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_api.engine.interfaces import AnswerPlan, StreamPlan, UnusableAnswer, Usage
from tests.support.messages import FIXTURES, STREAMS, TRANSLATION, frames, relayed, stream

GOLDEN = Path(__file__).parents[2] / "golden/translation"
NONSTREAM = (FIXTURES / "upstream/messages/nonstream.json").read_bytes()


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_golden(path: Path) -> None:
    out, _ = relayed(path.read_bytes())
    golden = GOLDEN / f"messages-{path.stem}.messages.sse"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_bytes(out)
    assert out == golden.read_bytes()


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_only_the_extras_and_the_end_mark_of_chat_go(path: Path) -> None:
    raw = path.read_bytes()
    extras = ("copilot_annotations", "copilot_usage", "amazon-bedrock-invocationMetrics")
    expected = [{key: value for key, value in frame.items() if key not in extras} for frame in frames(raw)]
    out, _ = relayed(raw)
    assert frames(out) == expected
    assert b"[DONE]" not in out
    untouched = [
        block for block in raw.split(b"\n\n") if not any(extra.encode() in block for extra in extras)
    ]
    assert all(block in out for block in untouched if block and b"[DONE]" not in block)


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_any_split_gives_the_same(path: Path) -> None:
    raw = path.read_bytes()
    for step in (1, 2, 3, 7, 64, 1000):
        assert relayed(raw, step=step)[0] == relayed(raw)[0]


@given(st.sampled_from(STREAMS), st.lists(st.integers(0, 10**6), max_size=6), st.integers(0, 10**6))
def test_any_split_of_any_beginning_gives_the_same(path: Path, places: list[int], length: int) -> None:
    raw = path.read_bytes()
    raw = raw[: length % (len(raw) + 1)]
    translator = TRANSLATION.stream(StreamPlan("messages", "messages"))
    edges = [0, *sorted(place % (len(raw) + 1) for place in places), len(raw)]
    out = b"".join(translator.feed(raw[start:end]) for start, end in itertools.pairwise(edges))
    assert out + translator.finish("cut") == relayed(raw, "cut")[0]


def test_facts() -> None:
    _, translator = relayed((FIXTURES / "upstream/messages/thinking_tools.sse").read_bytes())
    facts = translator.facts
    assert (facts.finish_reason, facts.model, facts.response_id) == (
        "tool_calls",
        "claude-opus-4-6",
        "msg_vrtx_000000000000000000000000",
    )
    assert facts.usage == Usage(
        input_tokens=5312,
        output_tokens=140,
        cached_tokens=5000,
        cache_write_tokens=300,
        reasoning_tokens=60,
        total_nano_aiu=91500000,
    )


def test_the_last_count_of_each_kind_is_the_one() -> None:
    _, translator = relayed((FIXTURES / "upstream/messages/refusal.sse").read_bytes())
    assert translator.facts.finish_reason == "content_filter"
    assert translator.facts.usage == Usage(1080, 2, 0, 0)


START: dict[str, Any] = {"type": "message_start", "message": {"id": "m", "content": [], "usage": {}}}
STOP: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}}


def test_a_clean_end_after_the_stop_reason_is_completed() -> None:
    out, translator = relayed(stream(START, STOP))
    assert out == stream(START, STOP) + b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    assert translator.facts.error is None


@pytest.mark.parametrize("end", ["end", "cut", "idle", "shutdown"])
def test_a_broken_stream_ends_with_an_error_event(end: Any) -> None:
    out, translator = relayed(stream(START), end)
    assert [frame["type"] for frame in frames(out)] == ["message_start", "error"]
    assert frames(out)[1]["error"]["type"] == "api_error"
    assert translator.facts.error


def test_nothing_follows_the_end() -> None:
    late = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    out, translator = relayed(stream(START, STOP, {"type": "message_stop"}, late))
    assert frames(out)[-1] == {"type": "message_stop"}
    assert translator.done


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("overloaded_error", 503),
        ("rate_limit_error", 429),
        ("invalid_request_error", 400),
        ("api_error", 502),
    ],
)
def test_an_error_as_the_first_frame_becomes_a_status(kind: str, status: int) -> None:
    out, translator = relayed(stream({"type": "error", "error": {"type": kind, "message": "no"}}))
    assert out == b""
    assert translator.refusal.status == status
    assert str(translator.refusal) == "no"


def test_an_error_object_of_the_front_door_is_one_too() -> None:
    out, _ = relayed(stream(START) + b'data: {"error":{"message":"gone","code":"x"}}\n\n')
    assert frames(out)[-1] == {"type": "error", "error": {"type": "api_error", "message": "gone"}}


def test_the_event_name_is_put_where_it_is_missing() -> None:
    raw = stream(START)
    assert relayed(raw.replace(b"event: message_start\n", b""), "cut")[0].startswith(raw)


def test_keep_alive_is_a_comment_until_there_is_a_message() -> None:
    translator = TRANSLATION.stream(StreamPlan("messages", "messages"))
    assert translator.keep_alive() == b": keep-alive\n\n"
    translator.feed(stream(START))
    assert translator.keep_alive() == b'event: ping\ndata: {"type":"ping"}\n\n'


def answer(body: bytes) -> Any:
    return TRANSLATION.answer(body, AnswerPlan("messages", "messages"))


def test_a_whole_answer_passes_byte_for_byte() -> None:
    made = answer(NONSTREAM)
    assert made.body == NONSTREAM
    assert (made.finish_reason, made.model) == ("tool_calls", "claude-sonnet-4-20250514")
    assert made.usage == Usage(1080, 65, 0, 0)


def test_a_whole_answer_loses_the_extras_alone() -> None:
    value = json.loads(NONSTREAM)
    made = answer(json.dumps(value | {"copilot_usage": {"total_nano_aiu": 7}}).encode())
    assert json.loads(made.body) == value
    assert made.usage == Usage(1080, 65, 0, 0, total_nano_aiu=7)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"content":"x"}'])
def test_what_is_no_answer_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(UnusableAnswer):
        answer(body)


def test_a_whole_answer_where_a_stream_was_asked_for() -> None:
    value = json.loads(NONSTREAM)
    value["content"].insert(0, {"type": "thinking", "thinking": "hm", "signature": "s"})
    value["content"].insert(1, {"type": "redacted_thinking", "data": "d"})
    out = TRANSLATION.answer_as_stream(json.dumps(value).encode(), StreamPlan("messages", "messages"))
    made = frames(out)
    assert [frame["type"] for frame in made][:1] + [frame["type"] for frame in made][-2:] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]
    assert collected(made)["content"] == value["content"]
    assert made[-2]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}
    assert made[-2]["usage"] == value["usage"]


def collected(made: list[dict[str, Any]]) -> dict[str, Any]:
    """Put a stream together as a client does."""
    message: dict[str, Any] = made[0]["message"] | {"content": []}
    for frame in made:
        if frame["type"] == "content_block_start":
            message["content"].append(dict(frame["content_block"]))
        if frame["type"] != "content_block_delta":
            continue
        block, delta = message["content"][frame["index"]], frame["delta"]
        if delta["type"] == "input_json_delta":
            block["input"] = json.loads(delta["partial_json"])
        else:
            name = next(key for key in delta if key != "type")
            block[name] += delta[name]
    return message


@pytest.mark.parametrize(
    "path", [path for path in STREAMS if path.stem != "error_event"], ids=lambda path: path.stem
)
def test_the_real_sdk_reads_the_stream(path: Path) -> None:
    anthropic = pytest.importorskip("anthropic")
    httpx = pytest.importorskip("httpx2")
    out, _ = relayed(path.read_bytes())
    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, headers={"content-type": "text/event-stream"}, content=out)
    )
    client = anthropic.Anthropic(
        api_key="k", base_url="http://test", http_client=httpx.Client(transport=transport)
    )
    with client.messages.stream(
        model="m", max_tokens=5, messages=[{"role": "user", "content": "hi"}]
    ) as answered:
        message = answered.get_final_message()
    sent = frames(out)
    assert message.id == sent[0]["message"]["id"]
    assert [block.type for block in message.content] == [
        frame["content_block"]["type"] for frame in sent if frame["type"] == "content_block_start"
    ]
    assert (
        message.stop_reason
        == next(frame for frame in sent if frame["type"] == "message_delta")["delta"]["stop_reason"]
    )
