"""Requests, streams and answers of the Responses format for comparing implementations."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.differential.strategies import ODD_TOOL_NAMES, Raw, mutated, seeds, spell

_TEXTS = ["Hi", "", 'a\nb\t"q" \\ /', "Köln 😀", "\ud800"]
_PICTURE = "data:image/png;base64,iVBORw0KGgo="
_CARRIERS = [
    "native",
    "",
    "copilot-api:responses:gpt-4.1:seal:ed",
    "copilot-api:responses:other:x",
    "copilot-api:messages:claude-sonnet-4.6:redacted:y",
    "copilot-api:chat:gpt-4.1:opaque",
    "copilot-api:",
    None,
]
_PARTS: list[Any] = [
    *({"type": "input_text", "text": text} for text in _TEXTS),
    {"type": "output_text", "text": "said", "annotations": [], "logprobs": []},
    {"type": "refusal", "refusal": "no"},
    {"type": "text"},
    {"type": "input_image", "image_url": _PICTURE, "detail": "low"},
    {"type": "input_image", "image_url": {"url": _PICTURE}},
    {"type": "input_image", "file_id": "file_1"},
    {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
    {"type": "input_file", "file_data": "data:;base64"},
    {"type": "input_file", "file_data": "AAAA"},
    {"type": "input_file", "file_id": "file_1"},
    {"type": "encrypted_content", "encrypted_content": "x"},
    {"type": "mystery", "text": "readable"},
    {"type": "mystery\ud800"},
]
_contents = st.sampled_from(_TEXTS) | st.lists(st.sampled_from(_PARTS), max_size=3)
_ids = st.sampled_from(["call_1", "call_2", "call_3", "c" * 70, "ö" * 65, "\ud800"])


def _some(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[Any]:
    def wrap(given: Any) -> st.SearchStrategy[Any]:
        return given if isinstance(given, st.SearchStrategy) else st.just(given)

    return st.fixed_dictionaries(
        {name: wrap(value) for name, value in required.items()},
        optional={name: wrap(value) for name, value in optional.items()},
    )


_ID = {"id": st.sampled_from(["msg_1", "", None])}
_ARGUMENTS = st.sampled_from(['{"a":1.0}', "", " \u2003", "{}", "x", '{"input":"p\\n"}', "\ud800"])
_NAMES = st.sampled_from(["get_weather", "now", "apply_patch", *ODD_TOOL_NAMES])
_SPACES = st.sampled_from(["agents", "mcp__x__", "", None])
_FOUND: list[Any] = [
    {"type": "function", "name": "found", "parameters": {"type": "object"}},
    {"type": "namespace", "name": "deferred", "tools": [{"type": "function", "name": "one"}]},
    None,
]
_message = _some(
    {"role": st.sampled_from(["user", "user", "assistant", "system", "developer"]), "content": _contents},
    {"type": "message", **_ID, "status": "completed", "internal_chat_message_metadata_passthrough": {}},
)
_items = st.one_of(
    _message,
    _message,
    _some(
        {
            "type": "reasoning",
            "summary": st.lists(
                st.sampled_from([{"type": "summary_text", "text": text} for text in _TEXTS] + [None]),
                max_size=2,
            ),
        },
        {**_ID, "encrypted_content": st.sampled_from(_CARRIERS), "content": [{"text": "raw"}]},
    ),
    _some(
        {"type": "function_call", "call_id": _ids, "name": _NAMES, "arguments": _ARGUMENTS},
        {**_ID, "namespace": _SPACES, "status": "completed"},
    ),
    _some(
        {
            "type": "custom_tool_call",
            "call_id": _ids,
            "name": "apply_patch",
            "input": st.sampled_from(_TEXTS),
        },
        {**_ID, "namespace": _SPACES},
    ),
    _some({"type": "function_call_output", "call_id": _ids, "output": _contents}, _ID),
    _some({"type": "custom_tool_call_output", "call_id": _ids, "output": _contents}, _ID),
    _some(
        {"type": "local_shell_call"}, {"call_id": _ids, **_ID, "action": {"command": ["ls"], "n": Raw("1.0")}}
    ),
    _some({"type": "local_shell_call_output", "output": _contents}, {"call_id": _ids, **_ID}),
    _some(
        {"type": "tool_search_call", "call_id": _ids},
        {"arguments": st.sampled_from([{"q": "\n"}, "x", None])},
    ),
    _some(
        {"type": "tool_search_output", "call_id": _ids},
        {"tools": st.lists(st.sampled_from(_FOUND), max_size=2)},
    ),
    _some({"type": "additional_tools"}, {"tools": st.lists(st.sampled_from(_FOUND), max_size=2)}),
    _some({"type": "agent_message"}, {"content": _contents, "author": "a"}),
    _some(
        {
            "type": st.sampled_from(
                [
                    *(
                        "web_search_call",
                        "image_generation_call",
                        "mcp_call",
                        "compaction",
                        "context_compaction",
                    ),
                    *("item_reference", "unheard of\ud800", ""),
                ]
            )
        },
        {**_ID, "encrypted_content": "x"},
    ),
)
_TOOLS: list[Any] = [
    {
        "type": "function",
        "name": "get_weather",
        "description": "W",
        "strict": False,
        "parameters": {"a": Raw("1.0")},
    },
    {"type": "function", "name": "now", "parameters": None, "strict": True},
    {"type": "function", "name": "now"},
    {"type": "function", "function": {"name": "nested", "parameters": {}}},
    *({"type": "function", "name": name} for name in ODD_TOOL_NAMES),
    {"type": "custom", "name": "apply_patch", "description": "d", "format": {"type": "text"}},
    {"type": "custom", "name": "grammar", "format": {"syntax": "lark", "definition": 'start: "x"\n'}},
    {
        "type": "namespace",
        "name": "agents",
        "description": "d",
        "tools": [{"type": "function", "name": "spawn"}],
    },
    {
        "type": "namespace",
        "name": "mcp__x__",
        "tools": [{"name": "mcp__y"}, {"type": "custom", "name": "c"}, 1],
    },
    {"type": "namespace", "tools": {}},
    {"type": "tool_search", "execution": "client", "description": "", "parameters": {"type": "object"}},
    {"type": "tool_search", "execution": "server"},
    *(
        {"type": kind}
        for kind in ("web_search", "web_search_preview_2025", "mcp", "computer_use_preview", "")
    ),
]
_OPTIONS: dict[str, list[Any]] = {
    "instructions": ["Be brief.", "", None, 5],
    "max_output_tokens": [3, 4096, None, Raw("1e6"), Raw("100.5"), "12"],
    "max_tool_calls": [3],
    "metadata": [{"a": "b"}, {}, None],
    "parallel_tool_calls": [True, False, None, 1],
    "previous_response_id": [None, None, "resp_1"],
    "prompt_cache_key": ["key", None],
    "reasoning": [
        *({"effort": effort} for effort in ("none", "minimal", "high", "xhigh", "odd\ud800", "", None)),
        {"effort": "medium", "summary": "auto"},
        {"summary": "detailed", "effort": None, "x": 1},
        {},
        None,
    ],
    "text": [
        {"verbosity": "low", "format": {"type": "json_object"}},
        {"format": {"type": "json_schema", "name": "n", "schema": {"a": Raw("1.0")}, "strict": True, "x": 1}},
        {"format": {"type": "text"}},
        {"format": "text", "verbosity": None},
        {},
        None,
    ],
    "tool_choice": [
        *("auto", "none", "required", None, 5),
        {"type": "function", "name": "now"},
        {"type": "function", "name": "spawn", "namespace": "agents"},
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "now"}, None]},
        {"type": "web_search_preview"},
        {"type": "mcp"},
        {},
    ],
    "store": [True, False, None],
    "stream": [True, False, None],
    "include": [["reasoning.encrypted_content"], ["file_search_call.results", 1], "x", None],
    "truncation": ["auto", "disabled", None],
    "top_logprobs": [0, 3, None],
    "temperature": [Raw("1.0"), None],
    "top_p": [Raw("0.90")],
    "user": ["me"],
    "safety_identifier": ["s"],
    "service_tier": ["flex", None],
    "background": [False, None, True],
    "client_metadata": [{"a": 1}, None],
    "stream_options": [{"include_obfuscation": False}],
    "unheard_of": [1, None],
}


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Realistic requests as values, not mutated."""
    request: dict[str, Any] = {"model": draw(st.sampled_from(["gpt-5.4", 'm\u00f6del/"x"', "\ud83d"]))}
    items = draw(st.sampled_from(_TEXTS) | st.lists(_items, max_size=5) | st.lists(_items, max_size=5))
    if first := draw(st.booleans()):
        request["input"] = items
    for name in draw(st.lists(st.sampled_from(sorted(_OPTIONS)), max_size=5, unique=True)):
        request[name] = draw(st.sampled_from(_OPTIONS[name]))
    if not first:
        request["input"] = items
    if draw(st.booleans()):
        request["tools"] = draw(st.lists(st.sampled_from(_TOOLS), max_size=4))
    return request


# -------------------------------------------------------------------------------------------- answers

_USAGES: list[Any] = [
    {
        "input_tokens": 1402,
        "input_tokens_details": {"cached_tokens": 1024},
        "output_tokens": 58,
        "output_tokens_details": {"reasoning_tokens": 32},
        "total_tokens": 1460,
    },
    {"input_tokens": Raw("1.9"), "input_tokens_details": None, "output_tokens": Raw("-2")},
    {"input_tokens_details": {"cached_tokens": None, "cache_write_tokens": 4}},
    {},
    None,
    [],
]
_BILLED: list[Any] = [{"total_nano_aiu": 207100000}, {}, None]
_outputs = st.one_of(
    _some(
        {
            "type": "message",
            "content": st.lists(
                st.sampled_from(
                    [
                        *({"type": "output_text", "annotations": [], "text": text} for text in _TEXTS),
                        {"type": "output_text"},
                        {"type": "output_text", "text": None},
                        {"type": "refusal", "refusal": "no"},
                        {"type": "refusal"},
                        1,
                    ]
                ),
                max_size=2,
            ),
        },
        {
            "id": st.sampled_from(["msg_1", "b64+/"]),
            "role": "assistant",
            "status": "completed",
            "phase": None,
        },
    ),
    _some(
        {"type": "reasoning"},
        {
            "id": "rs_1",
            "summary": st.lists(
                st.sampled_from([{"text": "one"}, {"text": ""}, {"text": "two"}, 1]), max_size=3
            ),
            "content": [{"type": "reasoning_text", "text": "raw"}],
            "encrypted_content": st.sampled_from(["secret", "", None]),
        },
    ),
    _some(
        {"type": "function_call", "arguments": _ARGUMENTS},
        {
            "id": "fc_1",
            "call_id": st.sampled_from(["call_1", "", None]),
            "name": st.sampled_from(["get_weather", "now", "tool_search", "n\u00f6w\n", "", None]),
            "namespace": st.sampled_from(["ns", "", None]),
        },
    ),
    _some(
        {"type": "custom_tool_call", "input": st.sampled_from(_TEXTS)},
        {"id": "ctc_1", "call_id": "call_2", "name": "apply_patch"},
    ),
    st.sampled_from([{"type": "web_search_call", "id": "ws"}, {}, None, 1, {"type": 5}]),
)
_HEADS: list[dict[str, Any]] = [
    {
        "id": "resp_1",
        "object": "response",
        "created_at": 1795390000,
        "model": "gpt-5.4",
        "status": "completed",
    },
    {"id": "UNmrRh5G+/==", "created_at": Raw("1.5"), "model": "m\u00f6del"},
    {"id": "\ud800²", "model": None, "created_at": None, "status": "completed"},
    {},
]
_ENDS: list[dict[str, Any]] = [
    *[{"status": "completed"}] * 4,
    {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
    {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
    {"status": "incomplete", "incomplete_details": None},
    {"status": "failed", "error": {"code": "server_error", "message": "No."}},
    {"error": {}},
    {"output_text": None},
    {},
]


def _response(
    head: dict[str, Any], end: dict[str, Any], output: Any, usage: Any, billed: Any
) -> dict[str, Any]:
    return {**head, **end, "output": output, "usage": usage, "copilot_usage": billed, "store": False}


responses = st.builds(
    _response,
    st.sampled_from(_HEADS),
    st.sampled_from(_ENDS),
    st.lists(_outputs, max_size=4) | st.lists(_outputs, max_size=4) | st.sampled_from([None, {}, "x"]),
    st.sampled_from(_USAGES),
    st.sampled_from(_BILLED),
)
"""Response objects."""

# -------------------------------------------------------------------------------------------- streams

_indexes = st.sampled_from([0, 0, 0, 1, 1, 2, "absent", None, Raw("1.0"), Raw("-1")])
_places = st.sampled_from([0, 0, 0, 1, "absent"])
_pieces = st.sampled_from([*_TEXTS, '{"a"', ':"b"}', "{}", None, 1])
_item_ids = st.sampled_from(["a", "b", "absent", None, "\ud800"])


def _event(kind: str, members: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in members.items() if value != "absent"}
    return {"type": f"response.{kind}", **kept}


def _events(kind: Any, **members: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        _event,
        kind if isinstance(kind, st.SearchStrategy) else st.just(kind),
        st.fixed_dictionaries(
            {
                name: value if isinstance(value, st.SearchStrategy) else st.just(value)
                for name, value in members.items()
            }
            | {"sequence_number": st.sampled_from([0, 1, 2, 3, 4, 5, "absent", None])}
        ),
    )


_begins = _events(
    st.sampled_from(["created", "in_progress", "queued"]),
    response=st.builds(_response, st.sampled_from(_HEADS), st.just({}), st.just([]), st.none(), st.none())
    | st.sampled_from([{}, None]),
)
_inner = st.one_of(
    _events("output_item.added", output_index=_indexes, item=_outputs),
    _events("output_item.added", output_index=_indexes, item=_outputs),
    _events("output_item.done", output_index=_indexes, item=_outputs),
    _events("output_item.done", output_index=_indexes, item=_outputs),
    _events(
        st.sampled_from(["output_text.delta", "refusal.delta", "output_text.delta"]),
        item_id=_item_ids,
        output_index=_indexes,
        content_index=_places,
        delta=_pieces,
        logprobs=[],
        obfuscation=st.sampled_from(["abc", None, "absent"]),
    ),
    _events(
        st.sampled_from(["output_text.done", "refusal.done", "content_part.added", "content_part.done"]),
        item_id=_item_ids,
        output_index=_indexes,
        content_index=_places,
        text=_pieces,
        refusal=_pieces,
        part={"type": "output_text", "text": "t"},
    ),
    _events(
        st.sampled_from(["reasoning_summary_text.delta", "reasoning_text.delta"]),
        item_id=_item_ids,
        output_index=_indexes,
        summary_index=_places,
        content_index=_places,
        delta=_pieces,
    ),
    _events(
        st.sampled_from(
            ["reasoning_summary_text.done", "reasoning_text.done", "reasoning_summary_part.done"]
        ),
        item_id=_item_ids,
        output_index=_indexes,
        summary_index=_places,
        content_index=_places,
        text=_pieces,
    ),
    _events(
        st.sampled_from(["function_call_arguments.delta", "custom_tool_call_input.delta"]),
        item_id=_item_ids,
        output_index=_indexes,
        delta=_pieces,
    ),
    _events(
        st.sampled_from(["function_call_arguments.done", "custom_tool_call_input.done"]),
        item_id=_item_ids,
        output_index=_indexes,
        arguments=_pieces,
        input=_pieces,
    ),
    _events(st.sampled_from(["web_search_call.searching", "unheard_of"]), item_id=_item_ids),
)
_overs = st.builds(
    lambda event, billed: {**event, "copilot_usage": billed},
    _events(st.sampled_from(["completed", "completed", "incomplete"]), response=responses),
    st.sampled_from(_BILLED),
)
_FAULTS: list[Any] = [
    {"type": "error", "code": "server_error", "message": "stream error", "param": None},
    {"type": "error", "error": {"code": "user_model_rate_limited", "message": "Sorry"}},
    {"type": "error", "error": "x"},
    {"error": {"code": "context_length_exceeded", "message": 'too "long"\ud800'}},
    {"type": "response.failed", "response": {"error": {"code": "model_overloaded", "message": "busy"}}},
    {"type": "response.failed", "response": {"error": None}},
    {"type": "response.cancelled"},
    {"type": "", "error": {}},
    {"type": 0, "error": {"code": 5}},
]
_NO_EVENTS = [
    "[DONE]",
    " [DONE]",
    "x",
    "[1]",
    "{}",
    '{"type":5}',
    '{"type":"other","item_id":"x"}',
    "\ufeff{}",
]


def _framed(event: Any, seed: int, named: bool) -> Any:
    text = spell(event, seed).decode()
    kind = event.get("type") if isinstance(event, dict) else None
    return (kind, text) if named and isinstance(kind, str) and kind.isascii() and "\n" not in kind else text


_named = st.sampled_from([True, True, True, False])
_plain = st.builds(_framed, _begins | _inner | _inner | _inner, seeds, _named)
runs: st.SearchStrategy[list[Any]] = st.one_of(
    st.lists(_plain, min_size=1, max_size=4),
    st.lists(_plain, min_size=1, max_size=4),
    st.builds(_framed, mutated(_inner | _overs), seeds, _named).map(lambda frame: [frame]),
    st.builds(_framed, _overs, seeds, _named).map(lambda frame: [frame]),
    st.sampled_from(_NO_EVENTS).map(lambda text: [text]),
    st.builds(_framed, st.sampled_from(_FAULTS), seeds, _named).map(lambda frame: [frame]),
)
"""Events that come one after the other."""
_DONE = {"id": "resp_9", "status": "completed", "output": [], "usage": _USAGES[0]}
finishes: list[list[Any]] = [
    [],
    ["[DONE]"],
    [("response.completed", spell({"type": "response.completed", "response": _DONE}).decode())],
    [("response.completed", spell({"type": "response.completed", "response": _DONE}).decode()), "[DONE]"],
    [("response.incomplete", spell({"type": "response.incomplete", "response": {"output": []}}).decode())],
]
"""How streams end."""
