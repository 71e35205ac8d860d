"""Google's streams: golden files of every recorded stream, both framings, ends, calls, signatures.

`UPDATE_GOLDEN=1` writes the golden files anew; read the difference before you commit it.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_api.engine.interfaces import Framing, Leg, StreamEnd, StreamPlan
from tests.support.chat import TRANSLATION, frame, sse, tool
from tests.support.gemini import THOUGHTS, chunks, parts, stream

ROOT = Path(__file__).parents[2]
STREAMS = sorted((ROOT / "fixtures/upstream/chat").glob("*.sse"))
FRAMINGS: tuple[Framing, ...] = ("sse", "array")
OTHER_LEGS: tuple[Leg, ...] = ("messages", "responses")
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 7,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 5},
}


def listed(raw: bytes) -> list[dict[str, Any]]:
    value = json.loads(raw)
    assert isinstance(value, list)
    return value


def last(raw: bytes) -> dict[str, Any]:
    found: dict[str, Any] = chunks(raw)[-1]["candidates"][0]
    return found


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_golden(path: Path) -> None:
    out, _ = stream(path.read_bytes())
    golden = ROOT / f"golden/translation/{path.stem}.gemini.sse"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_bytes(out)
    assert out == golden.read_bytes()


@pytest.mark.parametrize(
    ("leg", "path"),
    [
        pytest.param(leg, path, id=f"{leg}-{path.stem}")
        for leg in OTHER_LEGS
        for path in sorted((ROOT / "fixtures/upstream" / leg).glob("*.sse"))
    ],
)
def test_golden_over_the_other_legs(leg: Leg, path: Path) -> None:
    translator = TRANSLATION.stream(StreamPlan("gemini", leg, model="m", context=THOUGHTS))
    out = translator.feed(path.read_bytes()) + translator.finish("end")
    if translator.refusal is not None:
        out = f"refused: {translator.refusal}\n".encode()
    golden = ROOT / f"golden/translation/{leg}_{path.stem}.gemini.sse"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_bytes(out)
    assert out == golden.read_bytes()


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_any_split_gives_the_same(path: Path, framing: Framing) -> None:
    raw = path.read_bytes()
    whole, _ = stream(raw, framing=framing)
    for size in (1, 2, 3, 7, 64, 1000):
        assert stream(raw, framing=framing, step=size)[0] == whole


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_both_framings_hold_the_same_chunks(path: Path) -> None:
    raw = path.read_bytes()
    assert listed(stream(raw, framing="array")[0]) == chunks(stream(raw)[0])


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_the_last_chunk_alone_says_why_it_is_over(path: Path) -> None:
    found = chunks(stream(path.read_bytes())[0])
    if "error" in found[-1]:
        assert not any("finishReason" in chunk["candidates"][0] for chunk in found[:-1])
        return
    reasons = [chunk["candidates"][0].get("finishReason") for chunk in found]
    assert reasons[-1]
    assert set(reasons[:-1]) <= {None}
    assert all(chunk["candidates"][0]["index"] == 0 for chunk in found)


@given(
    data=st.data(),
    words=st.lists(st.text(min_size=1), min_size=1),
    framing=st.sampled_from(FRAMINGS),
)
def test_text_is_neither_lost_nor_changed(data: st.DataObject, words: list[str], framing: Framing) -> None:
    raw = sse(*(frame(word) for word in words), frame(finish="stop"), "[DONE]")
    translator = TRANSLATION.stream(StreamPlan("gemini", "chat", framing=framing))
    out, at = b"", 0
    while at < len(raw):
        size = data.draw(st.integers(1, len(raw) - at))
        out += translator.feed(raw[at : at + size])
        at += size
    out += translator.finish("end")
    found = chunks(out) if framing == "sse" else listed(out)
    texts = [part["text"] for chunk in found for part in chunk["candidates"][0]["content"]["parts"]]
    assert "".join(texts) == "".join(words)


def test_calls_go_out_whole_with_the_end() -> None:
    raw = sse(
        frame("Looking."),
        frame(tools=[tool(0, id="call_1", name="look", arguments='{"a"')]),
        frame(tools=[tool(0, arguments=":1}")]),
        frame(tools=[tool(1, id="call_2", name="wait", arguments="")]),
        frame(finish="tool_calls", usage=USAGE),
        "[DONE]",
    )
    out, translator = stream(raw)
    first, final = chunks(out)
    assert first["candidates"][0]["content"]["parts"] == [{"text": "Looking."}]
    assert final["candidates"] == [
        {
            "content": {
                "role": "model",
                "parts": [
                    {"functionCall": {"id": "call_1", "name": "look", "args": {"a": 1}}},
                    {"functionCall": {"id": "call_2", "name": "wait", "args": {}}},
                ],
            },
            "finishReason": "STOP",
            "index": 0,
        }
    ]
    assert final["usageMetadata"] == {
        "promptTokenCount": 9,
        "cachedContentTokenCount": 4,
        "candidatesTokenCount": 2,
        "thoughtsTokenCount": 5,
        "totalTokenCount": 16,
    }
    assert (final["modelVersion"], final["responseId"]) == ("gpt-4.1", "chatcmpl-1")
    assert translator.facts.finish_reason == "tool_calls"


@pytest.mark.parametrize("arguments", ['{"a":', "[1]", '"x"', "{} {}"])
def test_a_call_that_is_no_object_is_malformed(arguments: str) -> None:
    raw = sse(
        frame(tools=[tool(0, id="c1", name="look", arguments=arguments)]),
        frame(finish="tool_calls"),
        "[DONE]",
    )
    end = last(stream(raw)[0])
    assert end["finishReason"] == "MALFORMED_FUNCTION_CALL"
    assert end["finishMessage"] == f"Malformed function call: look({arguments})"
    assert end["content"]["parts"] == [{"text": ""}]


def test_a_call_that_the_limit_cut_is_left_out() -> None:
    raw = sse(
        frame(tools=[tool(0, id="c1", name="look", arguments='{"a')]),
        frame(finish="length"),
        "[DONE]",
    )
    end = last(stream(raw)[0])
    # The decoder ranks a call above the limit; either way the reason is no plain STOP.
    assert end["finishReason"] in ("MAX_TOKENS", "MALFORMED_FUNCTION_CALL")
    assert not any("functionCall" in part for part in end["content"]["parts"])


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("stop", "STOP"),
        ("length", "MAX_TOKENS"),
        ("content_filter", "SAFETY"),
        ("error", "OTHER"),
        ("?", "STOP"),
    ],
)
def test_finish_reasons(reason: str, expected: str) -> None:
    assert last(stream(sse(frame("a"), frame(finish=reason), "[DONE]"))[0])["finishReason"] == expected


def signature(part: dict[str, Any]) -> str:
    return base64.b64decode(part["thoughtSignature"], validate=True).decode()


def test_the_carrier_is_on_the_first_call_even_if_it_comes_after() -> None:
    raw = sse(
        frame(reasoning_text="**Plan**"),
        frame(tools=[tool(0, id="c1", name="look", arguments="{}")]),
        frame(tools=[tool(1, id="c2", name="look", arguments="{}")]),
        frame(reasoning_opaque="opaque"),
        frame(finish="tool_calls"),
        "[DONE]",
    )
    found = parts(stream(raw)[0])
    assert found[0] == {"text": "**Plan**", "thought": True}
    assert signature(found[1]) == "copilot-api:chat:m:opaque"
    assert "thoughtSignature" not in found[2]


def test_without_a_call_the_carrier_is_on_the_last_text_part() -> None:
    raw = sse(frame("a", reasoning_opaque="opaque"), frame("b"), frame(finish="stop"), "[DONE]")
    found = parts(stream(raw)[0])
    assert [part["text"] for part in found] == ["a", "b", ""]
    assert signature(found[-1]) == "copilot-api:chat:m:opaque"


def test_thoughts_are_shown_only_if_asked_for() -> None:
    raw = sse(frame(reasoning_text="hm"), frame("a"), frame(finish="stop"), "[DONE]")
    assert not any("thought" in part for part in parts(stream(raw, context=b"")[0]))
    assert parts(stream(raw, context=THOUGHTS)[0])[0] == {"text": "hm", "thought": True}


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"message": "no", "code": "user_global_rate_limited:pro"}, (429, "RESOURCE_EXHAUSTED")),
        ({"message": "no", "code": "model_overloaded"}, (503, "UNAVAILABLE")),
        ({"message": "no", "code": "content_filter"}, (400, "INVALID_ARGUMENT")),
        ({"message": "no"}, (500, "INTERNAL")),
    ],
)
def test_an_error_within_the_stream(
    error: dict[str, Any], expected: tuple[int, str], framing: Framing
) -> None:
    out, translator = stream(sse(frame("a"), {"error": error}), framing=framing)
    found = chunks(out) if framing == "sse" else listed(out)
    assert len(found) == 2
    # google-genai knows an error by its first member.
    assert list(found[1]) == ["error"]
    told = found[1]["error"]
    assert (told["code"], told["status"]) == expected
    assert told["message"] == "no"
    assert translator.facts.error == "no"


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("end", ["end", "cut", "idle", "too_large", "shutdown", "cancelled"])
def test_r26_a_broken_stream_ends_with_one_error(end: StreamEnd, framing: Framing) -> None:
    raw = sse(
        frame("a"),
        frame(tools=[tool(0, id="c1", name="whole", arguments='{"a":1}')]),
        frame(tools=[tool(1, id="c2", name="broken", arguments='{"a":')]),
    )
    out, _ = stream(raw, end, framing=framing)
    found = chunks(out) if framing == "sse" else listed(out)
    assert [next(iter(chunk)) for chunk in found] == ["candidates", "candidates", "error"]
    assert [part["functionCall"]["name"] for part in found[1]["candidates"][0]["content"]["parts"]] == [
        "whole"
    ]
    assert b"finishReason" not in out


@pytest.mark.parametrize("framing", FRAMINGS)
def test_r27_an_error_before_anything_was_written_is_a_refusal(framing: Framing) -> None:
    raw = sse(frame(tools=[tool(0, id="c1", name="look", arguments="{")]), {"error": {"message": "no"}})
    out, translator = stream(raw, framing=framing)
    assert out == b""
    assert translator.refusal is not None


@pytest.mark.parametrize("pings", range(4))
@pytest.mark.parametrize("end", ["end", "cut"])
def test_keep_alives_are_legal_everywhere(pings: int, end: StreamEnd) -> None:
    pieces = [
        b"",
        sse(frame("a")),
        sse(frame("b")),
        sse(frame(finish="stop") if end == "end" else frame("c")),
    ]
    for framing in FRAMINGS:
        translator = TRANSLATION.stream(StreamPlan("gemini", "chat", framing=framing))
        out = b""
        for number, piece in enumerate(pieces):
            out += translator.feed(piece)
            if number >= pings:
                out += translator.keep_alive() + translator.keep_alive()
        out += translator.finish(end)
        found = chunks(out) if framing == "sse" else listed(out)
        texts = [
            part["text"]
            for chunk in found
            for candidate in chunk.get("candidates", [])
            for part in candidate["content"]["parts"]
        ]
        assert "".join(texts) == ("ab" if end == "end" else "abc")
        assert b"\n:" not in out


def test_a_stream_without_an_answer_is_an_error_even_after_a_keep_alive() -> None:
    for framing in FRAMINGS:
        translator = TRANSLATION.stream(StreamPlan("gemini", "chat", framing=framing))
        out = translator.keep_alive() + translator.finish("end")
        found = chunks(out) if framing == "sse" else listed(out)
        assert found[-1]["error"]["status"] == "INTERNAL"


def test_a_whole_answer_as_a_stream() -> None:
    answer = {
        "id": "r",
        "model": "gpt",
        "choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    }
    for framing in FRAMINGS:
        plan = StreamPlan("gemini", "chat", framing=framing)
        out = TRANSLATION.answer_as_stream(json.dumps(answer).encode(), plan)
        found = chunks(out) if framing == "sse" else listed(out)
        assert found[0]["candidates"][0]["content"]["parts"] == [{"text": "hi"}]
        assert found[-1]["candidates"][0]["finishReason"] == "STOP"
