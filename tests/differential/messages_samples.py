"""Blocks, tools and options of Anthropic requests that Copilot refuses as they are, and odd ones."""

from __future__ import annotations

from typing import Any

_MARK: dict[str, Any] = {"type": "ephemeral"}
BLOCKS: list[Any] = [
    *(
        {"type": "thinking", "thinking": "t", "signature": f"copilot-api:{leg}:{model}:c2ln"}
        for leg in ("messages", "chat")
        for model in ("gpt-4.1", "claude-sonnet-4.6")
    ),
    {"type": "redacted_thinking", "data": "copilot-api:messages:claude-sonnet-4.6:eHg="},
    {"type": "redacted_thinking", "data": ""},
    {"type": "thinking", "thinking": "marked", "signature": "s", "cache_control": _MARK},
    {"type": "text", "text": " \n\u2003\x1c"},
    *({"type": "text", "text": f"marked {number}", "cache_control": _MARK} for number in range(3)),
    {"type": "text", "text": "odd marks", "cache_control": {"type": "ephemeral", "ttl": "1h", "scope": "x"}},
    {"type": "text", "text": "null mark", "cache_control": None},
    {"type": "tool_use", "id": "call.1/\ud800", "name": "now", "input": {}},
    {"type": "tool_use", "id": "", "name": "now", "input": {}},
    {"type": "tool_result", "tool_use_id": "call.1/\ud800", "content": [{"type": "text", "text": ""}]},
    {
        "type": "tool_result",
        "tool_use_id": "",
        "content": [{"type": "text", "text": "deep", "cache_control": _MARK}],
        "cache_control": {"type": "ephemeral", "ttl": "5m"},
    },
    {"type": "server_tool_use", "id": "srv", "name": "tool_search_tool_regex", "input": {}},
    {"type": "tool_search_tool_result", "tool_use_id": "srv", "content": []},
    {"type": "tool_reference", "tool_name": 'Gr"ep'},
    {"type": "mcp_tool_use", "id": "m", "name": "x", "input": {}},
]
TOOLS: list[Any] = [
    {"name": "late", "input_schema": {"$schema": "x", "type": "object"}, "defer_loading": True},
    {
        "name": "eager",
        "input_schema": {},
        "eager_input_streaming": True,
        "strict": True,
        "input_examples": [],
    },
    {
        "name": "either",
        "input_schema": {
            "anyOf": [{"properties": {"a": {}, "b": 1}}, {"properties": {"b": 2}}, None],
            "properties": {"c": {}},
            "allOf": {},
            "type": ["object"],
        },
    },
    {"type": "tool_search_tool_regex_20251119", "name": "search", "cache_control": _MARK},
    {"type": None, "name": "untyped"},
    {"type": 1, "name": 2, "input_schema": "x"},
]
OPTIONS: dict[str, list[Any]] = {
    "thinking": [
        {"type": "enabled", "budget_tokens": 1024},
        {"type": "enabled", "budget_tokens": 31999, "display": "omitted"},
        {"type": "enabled", "budget_tokens": 100.0},
        {"type": "enabled", "budget_tokens": "x"},
        {"type": "adaptive", "display": "updates"},
        {"type": "adaptive"},
        {"type": "disabled"},
        {"type": 1},
        *({}, None, "x"),
    ],
    "output_config": [
        *({"effort": effort} for effort in ("high", "max", "none", "minimal", "odd\ud800", 1, None)),
        {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object", "a": 1.0}}},
        {"format": {"type": "json_schema"}},
        {"format": None},
        *({}, None, "x"),
    ],
    "output_format": [{"type": "json_schema", "schema": {"é": '"\ud800'}}, None, 1],
    "context_management": [
        {"edits": []},
        {"edits": [{"type": "clear_thinking_20251015"}, {"type": "clear_tool_uses_20250919"}, 1]},
        {"edits": [{"type": "clear_thinking_20251015"}]},
        {"edits": None},
        *(None, "x"),
    ],
    "max_tokens": [1, 1000, 20000, 99999.9],
    "temperature": [1, 1.0, 0.2, 7.5, "x"],
    "top_p": [1, 0.95, 0.9499],
    "cache_control": [_MARK],
    "service_tier": ["auto"],
    "\ud800": [1],
}
