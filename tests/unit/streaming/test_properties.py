"""Property tests: any split gives the same; tool arguments and texts arrive whole (R-21 to R-23, R-42)."""

from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from copilot_api.engine.interfaces import Dialect
from copilot_api.engine.reference import sse as reference_sse
from tests.support.chat import TRANSLATION, frame, sse, tool, translate
from tests.support.http import events

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["data: x\n\n", "[DONE]", "\u2028\u0085", "🚀", "\r\n", "\x00", "é"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ARGUMENTS = st.dictionaries(TEXT, JSON, max_size=3)


@st.composite
def answers(draw: st.DrawFn) -> tuple[list[str], list[dict[str, Any]], bytes]:
    """Some texts, some tool calls, and the stream of both with arguments cut anywhere."""
    texts = draw(st.lists(TEXT, max_size=5))
    calls = draw(st.lists(ARGUMENTS, max_size=3))
    frames: list[Any] = [frame(text) for text in texts]
    for index, arguments in enumerate(calls):
        frames.append(frame(tools=[tool(index, id=f"c{index}", name="t", arguments="")]))
        written = json.dumps(arguments, ensure_ascii=draw(st.booleans()))
        size = draw(st.integers(1, 9))
        frames += [
            frame(tools=[tool(index, arguments=written[at : at + size])])
            for at in range(0, len(written), size)
        ]
    frames.append(frame(finish="tool_calls" if calls else "stop"))
    return texts, calls, sse(*frames, "[DONE]")


def cut(raw: bytes, places: list[int], dialect: Dialect) -> bytes:
    from copilot_api.engine.interfaces import StreamPlan

    translator = TRANSLATION.stream(StreamPlan(dialect, "chat", input_tokens=5))
    edges = [0, *sorted(place % (len(raw) + 1) for place in places), len(raw)]
    pieces = [raw[start:end] for start, end in itertools.pairwise(edges)]
    return b"".join(translator.feed(piece) for piece in pieces) + translator.finish("end")


@given(answers(), st.lists(st.integers(0, 10**6), max_size=6), st.sampled_from(["chat", "messages"]))
def test_any_split_gives_the_same(
    answer: tuple[list[str], list[Any], bytes], places: list[int], dialect: Dialect
) -> None:
    raw = answer[2]
    assert cut(raw, places, dialect) == translate(raw, dialect)[0]


@given(answers())
def test_r42_messages_stream_carries_all_texts_and_arguments(
    answer: tuple[list[str], list[Any], bytes],
) -> None:
    texts, calls, raw = answer
    got_text, got_calls = "", []
    for name, data in events(translate(raw, "messages")[0]):
        event = json.loads(data)
        if name == "content_block_start" and event["content_block"]["type"] == "tool_use":
            got_calls.append("")
        if name == "content_block_delta":
            delta = event["delta"]
            got_text += delta.get("text", "")
            if "partial_json" in delta:
                got_calls[-1] += delta["partial_json"]
    assert got_text == "".join(texts)
    assert [json.loads(call) for call in got_calls] == calls


@given(answers())
def test_chat_relay_passes_complete_frames_untouched(answer: tuple[list[str], list[Any], bytes]) -> None:
    raw = answer[2]
    sent = [event.data for event in reference_sse.Parser().feed(raw)]
    assert [event.data for event in reference_sse.Parser().feed(translate(raw, "chat")[0])] == sent


LINES = st.lists(
    st.sampled_from(
        [b"data: a", b"data:b", b"data", b": comment", b"event: e", b"id: 7", b"retry: 5", b"x: y", b""]
    ),
    max_size=12,
)


@given(LINES, st.lists(st.sampled_from([b"\n", b"\r\n", b"\r"]), min_size=12, max_size=12), st.data())
def test_r22_r23_parser_is_indifferent_to_cuts(
    lines: list[bytes], ends: list[bytes], data: st.DataObject
) -> None:
    raw = b"".join(line + end for line, end in zip(lines, ends, strict=False))
    parser = reference_sse.Parser()
    whole = parser.feed(raw) + parser.finish()
    at = data.draw(st.integers(0, len(raw)))
    parser = reference_sse.Parser()
    assert parser.feed(raw[:at]) + parser.feed(raw[at:]) + parser.finish() == whole


@given(st.lists(TEXT.filter(bool), max_size=5))
def test_written_events_are_read_back(texts: list[str]) -> None:
    parser = reference_sse.Parser()
    stripped = [text.replace("\r", "").strip() for text in texts]
    kept = [text.encode() for text in stripped if text and "\n" not in text]
    raw = b"".join(reference_sse.write(text) for text in kept)
    assert [event.data for event in parser.feed(raw)] == [text.lstrip() for text in kept]
