"""Strategies for what upstream sends: whole answers and streams, sound and strange."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from copilot_api.engine.interfaces import Leg
from tests.differential import messages_strategies, responses_strategies
from tests.differential.strategies import (
    Raw,
    damaged,
    documents,
    mutated,
    seeds,
    spell,
)

# ------------------------------------------------------------------------------------------- answers

FINISH_REASONS: list[Any] = [
    *(
        "stop",
        "tool_calls",
        "length",
        "content_filter",
        "function_call",
        "",
        None,
        "strange",
        1,
        {},
        "end_turn",
    )
]
_USAGES: list[Any] = [
    {"prompt_tokens": 1204, "completion_tokens": 61, "prompt_tokens_details": {"cached_tokens": 1024}},
    {"prompt_tokens": 5, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 1}},
    {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "reasoning_tokens": 0},
    {"prompt_tokens": 9, "completion_tokens": 0, "reasoning_tokens": 3},
    {"input_tokens": 120, "output_tokens": 45, "cache_read_input_tokens": 100},
    {"input_tokens": 7, "output_tokens": 1},
    {"prompt_tokens": Raw("1.9"), "completion_tokens": Raw("1E2")},
    {
        "prompt_tokens": Raw("-5"),
        "completion_tokens": Raw("-0.5"),
        "prompt_tokens_details": {"cached_tokens": 3},
    },
    {"prompt_tokens": Raw("12345678901234567890"), "completion_tokens": Raw("1e400")},
    {"prompt_tokens": "5", "completion_tokens": None},
    {"prompt_tokens": 3},
    {},
    None,
    [],
]
_BILLED: list[Any] = [{"total_nano_aiu": 123456789}, {"total_nano_aiu": Raw("1.5e9")}, {}, None, "x"]
_ARGUMENTS: list[Any] = [
    *(
        '{"city":"Tokyo"}',
        "{}",
        "",
        " ",
        "\u2003",
        "null",
        "[1]",
        "3",
        '"s"',
        '{"a":',
        "}",
        "{} {}",
        '{"a":1}\n',
    ),
    *(
        '{"n":1.0,"m":-0,"b":12345678901234567890}',
        '{"a":NaN}',
        '{"a":1,"a":2}',
        '{"s":"\\ud83d"}',
        '{"ö":"\ud800"}',
    ),
    *(
        '{"s":"\\u00e9\\/"}',
        "\ufeff{}",
        '{"a":"\\\ud800"}',
        '{"a":' * 130 + "1" + "}" * 130,
        "\ud83d",
        "{}\x0b",
    ),
    *({"city": "Tokyo", "n": Raw("1.0")}, {}, None, 1, [], ["x"], True),
]
_CALL_IDS: list[Any] = ["call_1", "call_2", "toolu_vrtx_01", "", None, 1, "\ud800"]
_TOOL_NAMES: list[Any] = ["get_weather", "now", "now", "", None, 5, "n\u00f6w\n"]


def _call(members: list[str], call_id: Any, name: Any, arguments: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    made = {
        "id": call_id,
        "type": "function",
        "function": {key: function[key] for key in function if key in members},
    }
    return {key: value for key, value in made.items() if key in members or key == "type"}


_calls = st.builds(
    _call,
    st.sampled_from(
        [
            ["id", "function", "name", "arguments"],
            ["id", "function", "name", "arguments"],
            ["function", "name", "arguments"],
            ["id", "function", "name"],
            ["function", "arguments"],
            ["id"],
            ["function"],
        ]
    ),
    st.sampled_from(_CALL_IDS),
    st.sampled_from(_TOOL_NAMES),
    st.sampled_from(_ARGUMENTS),
)
_CONTENTS: list[Any] = [
    *("Hello.", "", None, "ä\n\u2028😀", "\ud83d", "\ude00", 1, {}),
    [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
    [{"type": "image_url"}, "x", {"text": "\ud83d"}, {"text": "\ude00"}],
]
_answer_messages = st.fixed_dictionaries(
    {},
    optional={
        "role": st.just("assistant"),
        "content": st.sampled_from(_CONTENTS),
        "tool_calls": st.lists(_calls, max_size=3) | st.sampled_from([None, [], "x", [1], {}]),
        "reasoning_text": st.sampled_from(["Thinking …", "", None]),
        "reasoning_opaque": st.sampled_from(["b3A=", None]),
        "reasoning_content": st.just("other name"),
        "refusal": st.none(),
    },
)
_answer_choices = st.fixed_dictionaries(
    {"message": _answer_messages | st.sampled_from([None, "x", []])},
    optional={
        "index": st.sampled_from([0, 0, 1, None, Raw("0.0")]),
        "finish_reason": st.sampled_from(FINISH_REASONS),
        "content_filter_results": st.just({"hate": {"filtered": False}}),
    },
)
_HEADS: list[dict[str, Any]] = [
    {"id": "chatcmpl-Aé1", "object": "chat.completion", "created": 1795390000, "model": "gpt-4.1-2025-04-14"},
    {"created": 1795390000, "id": "msg_vrtx_01", "model": "claude-sonnet-4.6"},
    {"id": "x-" + "9" * 30, "model": "m"},
    {"id": "²३-\ud800", "model": "\ud83d"},
    {"id": None, "model": None, "created": None, "object": None},
    {"id": 1, "model": [], "created": "", "object": ""},
    {},
]


def _answer(head: dict[str, Any], choices: Any, usage: Any, billed: Any, *, first: bool) -> dict[str, Any]:
    made = {**head, "choices": choices} if first else {"choices": choices, **head}
    given = {"usage": usage, "copilot_usage": billed}
    return made | {name: value for name, value in given.items() if value != "absent"}


_usages = st.sampled_from([*_USAGES, "absent", "absent"])
_billed = st.sampled_from([*_BILLED, "absent", "absent", "absent"])
_chat_answers = st.builds(
    _answer,
    st.sampled_from(_HEADS),
    st.lists(_answer_choices, min_size=1, max_size=3) | st.sampled_from([[], None, [None], "x", [1, {}]]),
    _usages,
    _billed,
    first=st.booleans(),
)
_anthropic_answers = st.fixed_dictionaries(
    {
        "content": st.lists(
            st.sampled_from(
                [
                    {"type": "text", "text": "Hello."},
                    {"type": "text", "text": ""},
                    {"type": "text"},
                    {
                        "type": "tool_use",
                        "id": "toolu_1",
                        "name": "now",
                        "input": {"n": Raw("1.0"), "é": "\ud800"},
                    },
                    {"type": "tool_use", "id": "toolu_2", "name": "now"},
                    {"type": "tool_use"},
                    {"type": "thinking", "thinking": "Hm", "signature": "c2ln"},
                    None,
                ]
            ),
            max_size=3,
        )
        | st.sampled_from(["x", None]),
    },
    optional={
        "id": st.sampled_from(["msg_01", None]),
        "model": st.sampled_from(["claude-opus-4.8", 1]),
        "stop_reason": st.sampled_from(
            ["end_turn", "tool_use", "max_tokens", "stop_sequence", "refusal", "pause_turn", None, 1]
        ),
        "usage": st.sampled_from(_USAGES),
        "created": st.just(Raw("1.5")),
        "choices": st.sampled_from([[], None]),
    },
)
_embeddings_answers = st.fixed_dictionaries(
    {"data": st.sampled_from([[{"embedding": [Raw("0.0123"), Raw("-4.56e-2")], "index": 0}], [], None])},
    optional={
        "object": st.sampled_from(["list", None]),
        "model": st.just("text-embedding-3-small"),
        "usage": st.sampled_from(_USAGES),
    },
)


def answers_of(values: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """Bodies that upstream may send with status 200: as drawn, mutated, damaged, or something else."""
    simple = st.builds(spell, values, seeds)
    odd = st.builds(spell, mutated(values, often=False), seeds)
    return simple | odd | odd | damaged(odd) | documents


answers: dict[Leg, st.SearchStrategy[bytes]] = {
    "chat": answers_of(_chat_answers | _chat_answers | _anthropic_answers),
    "embeddings": answers_of(_embeddings_answers),
    "messages": answers_of(messages_strategies.messages),
    "responses": answers_of(responses_strategies.responses),
}
"""Whole answers of a leg."""

# -------------------------------------------------------------------------------------------- streams

_DELTAS: list[dict[str, Any]] = [
    *({"content": content} for content in _CONTENTS),
    {"content": "Hi"},
    {"content": "Hi", "role": "assistant"},
    {"content": None, "role": "assistant", "refusal": None},
    {"role": "assistant"},
    {"content": "", "reasoning_text": "The user wants"},
    {"reasoning_content": "…", "reasoning_text": ""},
    {"cot_summary": "Analysing"},
    {"cot_id": "cot_0"},
    {"content": "", "reasoning_opaque": "cGdz"},
    {"content": "Let me look.", "reasoning_opaque": "QmVh", "reasoning_text": "**Planning**\n\n"},
    {"reasoning_opaque": ""},
    {"copilot_annotations": {"CodeVulnerability": [{"id": Raw("0.0")}]}, "content": "int x;"},
    {},
]
_PIECES: list[Any] = [
    '{"city"',
    ':"Tok',
    'yo"}',
    '{"a":1}',
    "{}",
    "",
    " ",
    "}",
    "{",
    *_ARGUMENTS[:20],
    None,
    {},
]


def _fragment(index: Any, call_id: Any, name: Any, arguments: Any, order: bool) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value != "absent"}
    made: dict[str, Any] = {"function": function} if function else {}
    if index != "absent":
        made["index"] = index
    if call_id != "absent":
        made["id"] = call_id
    return dict(reversed(made.items())) if order else made


_INDICES: list[Any] = [
    0,
    0,
    0,
    1,
    1,
    2,
    Raw("-1"),
    Raw("0.5"),
    Raw("1.0"),
    Raw("1e400"),
    None,
    "0",
    "absent",
    7,
]
_fragments = st.builds(
    _fragment,
    st.sampled_from(_INDICES),
    st.sampled_from(["absent", "absent", *_CALL_IDS]),
    st.sampled_from(["absent", "absent", *_TOOL_NAMES]),
    st.sampled_from(["absent", *_PIECES]),
    st.booleans(),
)


def _delta(parts: list[dict[str, Any]], fragments: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for part in parts:
        made |= part
    return {**made, "tool_calls": fragments} if fragments != "absent" else made


_deltas = st.builds(
    _delta,
    st.lists(st.sampled_from(_DELTAS), max_size=2),
    st.just("absent") | st.lists(_fragments, max_size=3) | st.sampled_from([None, [], "x", [1, None]]),
)


def _choice(index: Any, delta: Any, finish: Any, extra: bool) -> dict[str, Any]:
    made: dict[str, Any] = {} if index == "absent" else {"index": index}
    made["delta"] = delta
    if finish != "absent":
        made["finish_reason"] = finish
    return {**made, "logprobs": None, "content_filter_results": {}} if extra else made


_choices = st.builds(
    _choice,
    st.sampled_from([0, 0, 0, 0, 0, 1, 2, Raw("0.0"), Raw("-1"), None, "absent"]),
    _deltas | _deltas | _deltas | st.sampled_from([None, [], "x"]),
    st.sampled_from(["absent"] * 8 + [None] * 3 + ["stop", "tool_calls", *FINISH_REASONS]),
    st.booleans(),
)
_STREAM_HEADS: list[dict[str, Any]] = [
    *(
        [{"created": 1795390000, "id": "chatcmpl-1", "model": "gpt-4.1", "object": "chat.completion.chunk"}]
        * 3
    ),
    {"created": 0, "id": "", "model": "", "object": ""},
    *_HEADS,
]
_frames = st.builds(
    _answer,
    st.sampled_from(_STREAM_HEADS),
    st.lists(_choices, min_size=1, max_size=1)
    | st.lists(_choices, max_size=3)
    | st.sampled_from([[], [], None, "x", [None], [1, {}]]),
    st.sampled_from(["absent"] * 20 + _USAGES),
    st.sampled_from(["absent"] * 20 + _BILLED),
    first=st.booleans(),
)
_ERRORS: list[Any] = [
    *(
        {"error": {"message": "No.", "code": code}}
        for code in (
            "model_overloaded",
            "rate_limited",
            "content_filter",
            "max_prompt_tokens",
            "invalid_x",
            "é",
            1,
        )
    ),
    {"error": {"message": "\ud800 No.\n", "type": "x"}},
    {"error": {}},
    {"error": "plain text"},
    {"error": ""},
    {"error": None, "choices": []},
    {
        "error": {"message": "beside", "code": "overload"},
        "choices": [{"index": 0, "delta": {"content": "x"}}],
    },
]
_NO_FRAMES = [
    *(
        "[DONE]",
        "  [DONE]\t",
        "[done]",
        "",
        " ",
        "x",
        "<html>",
        "[1]",
        "null",
        '"[DONE]"',
        "{",
        "{} {}",
        "[DONE]x",
    ),
    *(
        '{"choices":[{"delta":{"content":NaN}}]}',
        "\ufeff{}",
        "{}",
        '{"choices":' + "[" * 130 + "]" * 130 + "}",
    ),
]


Frame = str | tuple[str, str]
"""The data of a frame, or the name of its event and its data."""


@st.composite
def _parallel_calls(draw: st.DrawFn) -> list[Any]:
    """Frames of whole calls in pieces: in one index, in their own, in choices of their own, or mixed up."""
    written = draw(st.lists(st.sampled_from(_ARGUMENTS[:20]), min_size=1, max_size=3))
    same = draw(st.booleans())
    apart = draw(st.booleans())
    always = draw(st.booleans())
    late = draw(st.sampled_from([0, 0, 1]))
    queues = []
    for number, text in enumerate(written):
        cut = draw(st.integers(0, len(text)))
        queue = []
        for at, piece in enumerate(["", text[:cut], text[cut:]]):
            fragment: dict[str, Any] = {"index": 0 if same else number, "function": {"arguments": piece}}
            if at == late or always:
                fragment |= {"id": f"call_{number}", "type": "function"}
            if at == 0:
                fragment["function"]["name"] = f"tool_{number}"
            queue.append(_choice(number if apart else 0, {"tool_calls": [fragment]}, "absent", False))
        queues.append(queue)
    mixed = draw(st.booleans())
    found = []
    while queues:
        queue = queues[draw(st.integers(0, len(queues) - 1)) if mixed else 0]
        found.append(_answer(_STREAM_HEADS[0], [queue.pop(0)], "absent", "absent", first=False))
        queues = [rest for rest in queues if rest]
    return found


def _wire(value: Any, seed: int) -> str:
    return spell(value, seed).decode()


_spelled_frames = st.builds(_wire, _frames, seeds)
_odd_frames = st.builds(_wire, mutated(_frames), seeds)
_runs: st.SearchStrategy[list[Frame]] = st.one_of(
    st.lists(_spelled_frames, min_size=1, max_size=3),
    st.lists(_spelled_frames, min_size=1, max_size=2),
    _parallel_calls().map(lambda found: [_wire(one, 0) for one in found]),
    st.lists(_odd_frames, min_size=1, max_size=1),
    st.sampled_from(_NO_FRAMES + [_wire(error, 0) for error in _ERRORS]).map(lambda text: [text]),
)
_FINISHES: list[list[Frame]] = [
    [],
    ["[DONE]"],
    *(
        [
            _wire(_answer(_STREAM_HEADS[0], [_choice(0, {}, reason, False)], usage, "absent", first=True), 0),
            *last,
        ]
        for reason in ("stop", "tool_calls", "length")
        for usage in (_USAGES[0], "absent")
        for last in ([], ["[DONE]"])
    ),
    [_wire({"choices": [], "id": "u", "usage": _USAGES[1]}, 0), "[DONE]"],
]
_OTHER_LINES = [
    *(
        "event: message",
        "event:x",
        "event",
        "event: ",
        "id: 7",
        "id",
        "retry: 10",
        "retry: x",
        "foo: bar",
        "foo",
    ),
    *(": comment", ":", " data: {}", "Data: {}", "id: ü", "event:\t two words ", "dat", "data\x00: {}"),
]


@st.composite
def streams_of(draw: st.DrawFn, runs: st.SearchStrategy[list[Frame]], finishes: list[list[Frame]]) -> bytes:
    """Streams of a leg as bytes, from what models send to what none should.

    `runs` are frames that come one after the other; a stream has some of them, and one of `finishes`.
    """
    frames: list[Frame] = [frame for run in draw(st.lists(runs, max_size=4)) for frame in run]
    frames += draw(st.sampled_from(finishes))
    ends = draw(st.sampled_from([["\n"], ["\n"], ["\r\n"], ["\r"], ["\n", "\r\n", "\r"]]))
    prefix = draw(st.sampled_from(["data: ", "data: ", "data:", "data:  ", "data:\x0b\t"]))
    odd = draw(st.sampled_from([0, 0, 0, 1, 3]))
    lines: list[str] = []
    for frame in frames:
        name, text = ("", frame) if isinstance(frame, str) else frame
        if name:
            lines.append(f"event: {name}")
        # A line end in the data makes lines of their own, as the grammar wants it.
        lines += [prefix + line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
        lines.append("")
    for _ in range(odd):
        lines.insert(
            draw(st.integers(0, len(lines))), draw(st.sampled_from([*_OTHER_LINES, "", "data", "data:"]))
        )
    out = "".join(line + ends[number % len(ends)] for number, line in enumerate(lines)).encode()
    if draw(st.sampled_from([False] * 7 + [True])):
        out = b"\xef\xbb\xbf" + out
    last = draw(st.sampled_from([0, 0, 0, 1, 2, 4, 9, -1]))
    if last == -1:
        # Cut anywhere, as a broken connection does.
        return out[: draw(st.integers(0, len(out)))]
    return out[: len(out) - last]


def any_streams(
    runs: st.SearchStrategy[list[Frame]], finishes: list[list[Frame]]
) -> st.SearchStrategy[bytes]:
    """Streams of a leg, some with bytes wrong or missing."""
    whole = streams_of(runs, finishes)
    return whole | whole | whole | damaged(whole) | st.binary(max_size=20)


streams: dict[Leg, st.SearchStrategy[bytes]] = {
    "chat": any_streams(_runs, _FINISHES),
    "messages": any_streams(messages_strategies.runs, messages_strategies.finishes),
    "responses": any_streams(responses_strategies.runs, responses_strategies.finishes),
}
"""Streams of a leg."""

RECORDED: dict[Leg, str] = {
    "chat": "upstream/chat/gpt_tools_parallel.sse",
    "messages": "upstream/messages/thinking_tools.sse",
    "responses": "upstream/responses/function_call.sse",
}
"""A recorded stream of a leg, for tests that end it at each of its stages."""


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut bytes at some places; any numbers will do."""
    marks = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(marks)]


def each_byte(data: bytes) -> list[bytes]:
    """Cut bytes everywhere."""
    return [data[at : at + 1] for at in range(len(data))]


@st.composite
def pieces(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Draw a way to cut bytes: not at all, anywhere, into single bytes; pieces may be empty."""
    way = draw(st.sampled_from(["whole", "some", "some", "some", "each"]))
    if way == "whole":
        return [data]
    if way == "each" and len(data) <= 3000:
        return each_byte(data)
    return cut(data, draw(st.lists(st.integers(0, max(1, len(data))), min_size=1, max_size=6)))
