"""Messages, tools and options of chat, completions and Ollama requests, legal ones and odd ones."""

from __future__ import annotations

from typing import Any

_PIXEL = "iVBORw0KGgo="
_MARK: dict[str, Any] = {"type": "ephemeral"}
_TAGGED = "copilot-api:chat:gpt-4.1:dmFs\u00fce"
_FOREIGN = "copilot-api:messages:claude-sonnet-4.6:c2ln"
_PARTS = f'copilot-api-parts:[[2,false,"{_TAGGED}"],[1,true,"{_FOREIGN}"],[0,false,""]]'


def _call(name: str, arguments: Any, call_id: str = "call_1", **more: Any) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def _reasoning(**members: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": "so", **members}


CHAT_MESSAGES: list[Any] = [
    _reasoning(reasoning_text="hm", reasoning_opaque="native"),
    _reasoning(reasoning_text="hm", reasoning_content="hm", reasoning_opaque=_TAGGED),
    _reasoning(reasoning_content="h\u00e9\ud800", reasoning_opaque=_FOREIGN),
    _reasoning(reasoning_text="h\U0001f600\n", reasoning_opaque=_PARTS),
    _reasoning(reasoning_text="a\u2028\ud800", reasoning_opaque='copilot-api-parts:[[1,1,"x"],[1,true,2]]'),
    _reasoning(reasoning="hm", reasoning_opaque="copilot-api-parts:nothing"),
    _reasoning(reasoning_opaque="copilot-api:", refusal="no"),
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [_call("now", ""), _call("b", {"x": [None]}, "call_2")],
    },
    {"role": "assistant", "tool_calls": [{"id": "c1", "custom": {"name": "patch", "input": '*** "raw"\n'}}]},
    {"role": "assistant", "tool_calls": [{"id": "c1", "custom": {"name": "patch"}}, _call("b", None)]},
    {"role": "assistant", "function_call": {"name": "f", "arguments": '{"a":1}'}},
    {"role": "function", "name": "f", "content": "7"},
    {"role": "tool", "tool_call_id": "c1", "content": None, "cache_control": _MARK},
    {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "r"}], "name": "b"},
    {"role": "user", "content": [{"type": "text", "text": "u", "cache_control": _MARK}], "name": "ann"},
    {"role": "system", "content": "s", "copilot_cache_control": _MARK},
    {"role": "user", "content": [{"type": "image_url", "image_url": "https://x/y.png"}]},
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": ""}}]},
    {
        "role": "user",
        "content": [{"type": "file", "file": {"filename": "a.pdf", "file_data": "data:x/y;base64,QQ=="}}],
    },
    {"role": "user", "content": [{"type": "file", "file": {"file_data": "QQ=="}}, {"text": "t"}]},
    {"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]},
    {"role": "user", "content": [{"type": "input_audio"}, {"type": "refusal", "refusal": "no"}]},
    {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}, {"type": "text", "text": ""}]},
    {"role": "wizard", "content": "x"},
]
CHAT_TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {"name": "now", "extra": 1, "cache_control": _MARK},
        "cache_control": {},
    },
    {"type": "function", "name": "flat", "parameters": {}, "strict": None},
    {"type": "custom", "name": "raw", "cache_control": _MARK},
    {
        "type": "custom",
        "custom": {
            "name": "patch",
            "description": "d",
            "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: X\n"}},
        },
    },
    {"type": "web_search"},
    {"type": None, "function": {"name": ""}},
]
CHAT_OPTIONS: dict[str, list[Any]] = {
    "reasoning_effort": ["high", "none", "", "max", "wild\ud800", None, 1],
    "reasoning": [{"effort": "low", "summary": "auto"}, {"summary": "detailed"}, {"max_tokens": 9}, {}, []],
    "thinking_budget": [4096, 0, -1, None, "x", 1e300],
    "thinking": [{"type": "enabled", "budget_tokens": 2000}, {"type": "adaptive"}, {"type": "disabled"}, 1],
    "functions": [[{"name": "f", "parameters": {}}], [], None, [1], {}],
    "function_call": ["auto", {"name": "f"}, {}, 1],
    "tool_choice": [
        *("auto", "required", None, 1, {}, {"type": "function", "name": "now"}),
        {"type": "custom", "custom": {"name": "patch"}},
        {
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "required",
                "tools": [{"type": "function", "function": {"name": "now"}}],
            },
        },
        {"type": "allowed_tools", "tools": [{"name": "raw"}]},
    ],
    "parallel_tool_calls": [True, False, None, 0],
    "n": [1, 2, None, "2"],
    "logprobs": [True, False, None],
    "stop": ["x", ["x", "\n"], None],
    "stream_options": [{"include_usage": True}],
    "response_format": [{"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "a"}}],
    "prediction": [None, False, {"type": "content"}],
    "verbosity": ["low"],
    "top_k": [5],
}


def _ollama_call(name: Any, arguments: Any = None, **more: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments}, **more}


OLLAMA_MESSAGES: list[Any] = [
    {"role": "user", "content": "Hi"},
    {"role": "user", "content": "caf\u00e9 \ud800 \U0001f600", "images": []},
    {"role": "user", "content": None, "images": [_PIXEL, "/9j/4AAQ"]},
    {"role": "user", "content": "see", "images": ["data:image/png;base64,QQ==", "UklGRiQA", "R0lGODlh"]},
    {"role": "user", "images": ["QQ=="]},
    {"role": "user", "images": [1]},
    {"role": "system", "content": "s", "images": [_PIXEL]},
    {"role": "assistant", "content": "a", "thinking": "hm", "images": [_PIXEL]},
    {"role": "assistant", "content": ""},
    {
        "role": "assistant",
        "tool_calls": [_ollama_call("now"), _ollama_call("b", {"x": [1.5, None]}, id="own")],
    },
    {
        "role": "assistant",
        "content": "x",
        "tool_calls": [_ollama_call("now", '{"a": 1}'), _ollama_call("now", [])],
    },
    {"role": "assistant", "tool_calls": [_ollama_call("")]},
    {"role": "assistant", "tool_calls": {}},
    {"role": "tool", "content": "1", "tool_name": "now"},
    {"role": "tool", "content": "2", "name": "b", "images": [_PIXEL]},
    {"role": "tool", "content": "3", "tool_call_id": "own"},
    {"role": "tool", "content": "4"},
    {"role": "wizard"},
    {"role": "user", "content": []},
]
OLLAMA_TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "now", "description": "d", "parameters": {"type": "object"}}},
    {"type": "function", "function": {"name": "b.c", "description": "", "parameters": {}, "other": 1}},
    {"function": {"name": ""}},
    1,
]
OLLAMA_OPTIONS: dict[str, list[Any]] = {
    "options": [
        {"temperature": 0.5, "top_p": None, "top_k": 40, "num_predict": 9, "stop": ["x"], "seed": 1},
        {"num_predict": -1, "num_ctx": None, "repeat_penalty": 1.1, "mirostat": None, "stop": []},
        {
            "num_predict": 1e3,
            "frequency_penalty": 0,
            "presence_penalty": -0.5,
            "stop": "x",
            "w\u00f6rt\ud800": 1,
        },
        {},
        None,
        [],
    ],
    "stream": [True, False, None, 0, "x"],
    "format": ["json", "", None, {"type": "object", "x": [1.0]}, "xml", 1],
    "think": [True, False, None, "high", "", "max", 1, []],
    "keep_alive": ["5m", 0, -1],
    "tools": [None, [], {}],
    "prompt": ["Why?", "", None, 1],
    "system": ["Be brief.", "", None, 1],
    "images": [[_PIXEL], [], None, {}],
    "suffix": ["x", "", None],
    "raw": [True, False],
    "context": [[1, 2], []],
}
PROMPTS: list[Any] = [
    *("Once ", "", "x", ["upon\ud800\n"], ["a"]),
    *(["a", "b"], [1], [[1, 2]], [], None, {"a": 1}),
]
COMPLETIONS_OPTIONS: dict[str, list[Any]] = {
    "max_tokens": [5, None, 0, 1e3],
    "n": [1, 2, None],
    "best_of": [1, 3],
    "echo": [True, False, None, 1],
    "suffix": ["x", "", None],
    "logprobs": [3, None, False],
    "stream": [True, False, None, 1],
    "stream_options": [{"include_usage": True}, {"include_usage": 1}, [], None],
    "stop": ["x", ["x"], None],
    "temperature": [0, 0.5, None],
    "top_p": [1, None],
    "user": ["u"],
}
