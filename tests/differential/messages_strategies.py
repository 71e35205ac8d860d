"""Strategies for what Claude's own endpoint sends."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.differential.strategies import Raw, mutated, seeds, spell

_USAGES: list[Any] = [
    {"input_tokens": 12, "cache_creation_input_tokens": 300, "cache_read_input_tokens": 5000},
    {"output_tokens": 140, "output_tokens_details": {"thinking_tokens": 60}},
    {"input_tokens": 1080, "output_tokens": 12, "cache_read_input_tokens": None},
    {"input_tokens": Raw("1.9"), "output_tokens": "x", "output_tokens_details": []},
    {"input_tokens": Raw("1e400"), "output_tokens": False, "cache_creation_input_tokens": Raw("-3")},
    {"output_tokens": None},
    *({}, None, [], 1),
]
_BILLED: list[Any] = [{"total_nano_aiu": 91500000}, {"total_nano_aiu": None}, None]
_STOPS: list[Any] = [
    *("end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "", None, 1),
    *("model_context_window_exceeded", "novel"),
]
_BLOCKS: list[Any] = [
    *({"type": "text", "text": text} for text in ("Hello.", "", "ä\n\u2028😀", "\ud83d", None)),
    {"type": "text", "text": "So.", "citations": [{"type": "char_location"}, None]},
    {"type": "thinking", "thinking": "Hm …", "signature": "c2ln"},
    {"type": "thinking", "thinking": "", "signature": 'c2\ud800"'},
    {"type": "thinking", "thinking": "bare"},
    {"type": "thinking"},
    {"type": "redacted_thinking", "data": "eHg="},
    {"type": "redacted_thinking", "data": ""},
    {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"n": Raw("1.0"), "é": "\ud800"}},
    {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
    {"type": "tool_use", "id": None, "name": 5, "input": "x"},
    {"type": "tool_use"},
    {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}},
    {"type": "mystery", "x": 1},
    *(None, {}, "x"),
]
_EXTRAS: list[dict[str, Any]] = [
    *([{}] * 4),
    {"copilot_annotations": {"IPCodeCitations": []}},
    {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 1}, "copilot_\ud800": 1},
    {"context_management": {"applied_edits": []}},
]

messages: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"content": st.lists(st.sampled_from(_BLOCKS), max_size=4) | st.sampled_from(["x", None, {}])},
    optional={
        "id": st.sampled_from(["msg_bdrk_01", "", None]),
        "type": st.just("message"),
        "role": st.just("assistant"),
        "model": st.sampled_from(["claude-opus-4-6", 1, "m\n"]),
        "stop_reason": st.sampled_from(_STOPS),
        "stop_sequence": st.sampled_from(["END", None, 1]),
        "usage": st.sampled_from(_USAGES),
        "copilot_usage": st.sampled_from(_BILLED),
        "context_management": st.just({"applied_edits": []}),
        "amazon-bedrock-invocationMetrics": st.just({}),
    },
)
"""Whole answers."""

_OPENINGS: list[Any] = [
    {"type": "text", "text": ""},
    {"type": "text", "text": "Be"},
    {"type": "thinking", "thinking": "", "signature": ""},
    {"type": "thinking", "thinking": "Hm", "signature": "whole"},
    *_BLOCKS,
]
_DELTAS: list[Any] = [
    *({"type": "text_delta", "text": text} for text in ("Hello", "", "ä\n\u2028😀", "\ud83d", None, 1)),
    *({"type": "thinking_delta", "thinking": text} for text in ("The user", "", None)),
    *({"type": "signature_delta", "signature": text} for text in ("c2ln", "", 'q"\n', None)),
    *({"type": "input_json_delta", "partial_json": text} for text in ("", '{"city": "To', 'kyo"}', "{}", 1)),
    {"type": "citations_delta", "citation": {}},
    *(None, {}, "x"),
]
_INDEXES: list[Any] = [0, 0, 0, 1, 1, 2, Raw("1.5"), Raw("-1"), None, "0"]


def _frame(kind: str, members: dict[str, Any], extras: dict[str, Any], *, last: bool) -> dict[str, Any]:
    return {**members, **extras, "type": kind} if last else {"type": kind, **members, **extras}


def _frames(kind: str, **members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    made = st.fixed_dictionaries({}, optional=members) | st.fixed_dictionaries(members)
    return st.builds(_frame, st.just(kind), made, st.sampled_from(_EXTRAS), last=st.booleans())


_starts = st.fixed_dictionaries(
    {"id": st.sampled_from(["msg_01", "é\n", None]), "model": st.sampled_from(["claude-opus-4-6", 1])},
    optional={"content": st.just([]), "usage": st.sampled_from(_USAGES)},
)
_stops = st.fixed_dictionaries(
    {"stop_reason": st.sampled_from(_STOPS)}, optional={"stop_sequence": st.sampled_from(["END", None, 1])}
)
_any_frames = st.one_of(
    _frames("message_start", message=_starts | st.sampled_from([None, 1])),
    _frames(
        "content_block_start",
        index=st.sampled_from(_INDEXES),
        content_block=st.sampled_from(_OPENINGS),
    ),
    *[_frames("content_block_delta", index=st.sampled_from(_INDEXES), delta=st.sampled_from(_DELTAS))] * 3,
    _frames("content_block_stop", index=st.sampled_from(_INDEXES)),
    _frames(
        "message_delta",
        delta=_stops | st.sampled_from([None, "x"]),
        usage=st.sampled_from(_USAGES),
        copilot_usage=st.sampled_from(_BILLED),
    ),
    st.sampled_from(
        [
            {"type": "ping"},
            {"type": "novelty", "error": {"message": "beside"}},
            {"type": 1},
            {},
            {"type": "mess\nage"},
            {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
            {"type": "error", "error": {"type": "rate_limit_error", "message": ""}},
            {"type": "error", "error": {"code": "invalid_x", "message": "\ud800 No.\n"}},
            {"type": "error", "error": "plain text"},
            {"type": "error"},
            {"error": {"message": "of the front door", "code": "x"}},
            {"error": ""},
        ]
    ),
)


@st.composite
def _sound(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The frames of some blocks as they should come."""
    made: list[dict[str, Any]] = []
    for index, block in enumerate(draw(st.lists(st.sampled_from(_OPENINGS[:6]), max_size=3))):
        made.append({"type": "content_block_start", "index": index, "content_block": block})
        deltas = draw(st.lists(st.sampled_from(_DELTAS), max_size=4))
        made += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        made.append({"type": "content_block_stop", "index": index})
    return made


Frame = str | tuple[str, str]


def _wire(frame: Any, named: bool, seed: int) -> Frame:
    text = spell(frame, seed).decode()
    kind = frame.get("type") if isinstance(frame, dict) else None
    return (kind, text) if named and isinstance(kind, str) and "\n" not in kind else text


_spelled = st.builds(_wire, _any_frames, st.sampled_from([True, True, True, False]), seeds)
_START: dict[str, Any] = {
    "type": "message_start",
    "message": {"id": "msg_bdrk_01", "model": "claude-sonnet-4-6", "content": [], "usage": _USAGES[0]},
}
runs: st.SearchStrategy[list[Frame]] = st.one_of(
    st.just([_wire(_START, True, 0)]),
    _sound().map(lambda found: [_wire(frame, True, 0) for frame in found]),
    _sound().map(lambda found: [_wire(frame, True, 0) for frame in [_START, *found]]),
    st.lists(_spelled, min_size=1, max_size=3),
    st.builds(_wire, mutated(_any_frames), st.just(False), seeds).map(lambda frame: [frame]),
    st.sampled_from(["[DONE]", "", "x", "[1]", "null", '{"type":"ping"', "{}"]).map(lambda text: [text]),
)
"""Frames that come one after the other."""

_STOP: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": _USAGES[1]}
finishes: list[list[Frame]] = [
    [],
    ["[DONE]"],
    [_wire(_STOP, True, 0)],
    [_wire(_STOP, True, 0), "[DONE]"],
    [_wire(_STOP, True, 0), _wire({"type": "message_stop", "copilot_x": 1}, True, 0), "[DONE]"],
    [_wire({"type": "message_stop"}, False, 0)],
]
"""How streams end."""
