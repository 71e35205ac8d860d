"""Google's requests to compare implementations with: every member, in both spellings, and odd ones."""

from __future__ import annotations

import base64
from typing import Any

from hypothesis import strategies as st

_PIXEL = "iVBORw0KGgo="


def _signed(*lines: str) -> str:
    return base64.b64encode("\n".join(lines).encode()).decode()


_SIGNATURES = [
    "skip_thought_signature_validator",
    _signed("skip_thought_signature_validator"),
    _signed("copilot-api:chat:gpt-4.1:opaque=="),
    _signed(
        "copilot-api:messages:claude-sonnet-4.6:sig", "redacted copilot-api:messages:claude-sonnet-4.6:x"
    ),
    _signed('copilot-api:responses:quo"te:é😀\x01'),
    _signed("copilot-api:chat:ÿÿÿÿ:ÿ").replace("/", "_").replace("+", "-").rstrip("="),
    _signed("copilot-api:chat:m:a", "not tagged"),
    _signed("redacted "),
    *("c2ln", "", "=", "====", "A", "é", "a b", "/w==", "\\"),
]
_TEXTS = ["Hi", "", "Wetter in Köln? 😀", 'a\nb\r\n\t"q" \\ /', "\ud800", "\ude00x"]
_CALLS: list[dict[str, Any]] = [
    {"functionCall": {"name": "get_weather", "args": {"city": "Köln", "some_key": None}}},
    {"functionCall": {"name": "get_weather"}},
    {"function_call": {"id": "get_weather__1", "name": "get_weather", "args": {"x": "\ud83d"}}},
    {"functionCall": {"name": "get.weather", "args": {}}},
]
_RESPONSES: list[dict[str, Any]] = [
    {"functionResponse": {"name": "get_weather", "response": {"output": "12 °C"}}},
    {"functionResponse": {"name": "get_weather", "response": {"output": {"some_key": [None, 1.5]}}}},
    {"function_response": {"id": "get_weather__1", "name": "get_weather", "response": {"error": "no city"}}},
    {"functionResponse": {"name": "get.weather", "response": {"result": "a\ud800"}}},
    {"functionResponse": {"name": "get_weather", "response": {"error": {"code": 5}}}},
    {"functionResponse": {"name": "get_weather"}},
    {
        "functionResponse": {
            "name": "get_weather",
            "response": {},
            "parts": [{"inlineData": {"mimeType": "image/png", "data": _PIXEL}}],
        }
    },
    {
        "functionResponse": {
            "name": "get_weather",
            "response": {"output": "x", "more": 1},
            "parts": {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a.png"}},
        }
    },
]
_PARTS: list[Any] = [
    *({"text": text} for text in _TEXTS),
    "bare",
    {"text": "A thought.", "thought": True},
    {"text": "\ud83d", "thought": True, "thoughtSignature": _SIGNATURES[2]},
    {"text": "No thought.", "thought": False},
    {"text": None},
    {},
    {"inlineData": {"mimeType": "image/png", "data": _PIXEL}},
    {"inline_data": {"mime_type": "image/webp", "data": "_-8"}},
    {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0", "displayName": 'a"b.pdf'}},
    {"inlineData": {"mimeType": "text/plain", "data": "R3LDvMOfZQ=="}},
    {"inlineData": {"mimeType": "text/csv", "data": "_w"}},
    {"inlineData": {"mimeType": "text/csv", "data": "YWJ="}},
    {"inlineData": {"mimeType": "image/png", "data": "A"}},
    {"inlineData": {"data": "AAAA"}},
    {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://example.com/a.jpg"}},
    {"fileData": {"mimeType": "image/jpeg", "fileUri": "gs://a/b.jpg"}},
    {"file_data": {"file_uri": "https://generativelanguage.googleapis.com/v1beta/files/x"}},
    {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
    {"executable_code": {"language": "PY\ud800THON", "code": ""}},
    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}},
    {"text": "a", "videoMetadata": {"fps": 1}},
    {"toolCall": {"id": "x"}},
]
_EACH = [*_PARTS, *_CALLS, *_CALLS, *_RESPONSES, *_RESPONSES]


def _sign(part: Any, signature: str) -> Any:
    return {**part, "thoughtSignature": signature} if isinstance(part, dict) else part


_parts = st.sampled_from(_EACH) | st.builds(_sign, st.sampled_from(_EACH), st.sampled_from(_SIGNATURES))
_model_parts = st.sampled_from([*_PARTS[:9], *_CALLS])
_signed_parts = st.builds(_sign, _model_parts, st.sampled_from(_SIGNATURES[:6]))


def _content(role: str | None, parts: list[Any]) -> dict[str, Any]:
    return {"parts": parts} if role is None else {"role": role, "parts": parts}


_likely = st.builds(
    lambda model, user: [_content("model", model), _content("user", user)],
    st.lists(_model_parts | _signed_parts, max_size=4),
    st.lists(st.sampled_from([*_RESPONSES[:3], *_PARTS[:2], _PARTS[12]]), max_size=3),
)
_contents = st.one_of(
    st.sampled_from([*_TEXTS, {"role": "user", "parts": {"text": "one"}}, {"role": "model"}, {"parts": "x"}]),
    st.builds(
        _content,
        st.sampled_from(["user", "user", "model", "model", "function", "tool", "", None, "system"]),
        st.lists(_parts, max_size=4),
    ),
)
_all_contents = st.one_of(
    st.sampled_from(["just text", "", [], {"role": "user", "parts": [{"text": "one"}]}, None]),
    st.lists(_contents, min_size=1, max_size=4),
    st.lists(_likely, min_size=1, max_size=3).map(lambda pairs: [item for pair in pairs for item in pair]),
    st.lists(_likely, min_size=1, max_size=3).map(lambda pairs: [item for pair in pairs for item in pair]),
)
_SCHEMA = {
    "type": "OBJECT",
    "properties": {
        "city": {"type": "STRING", "nullable": True, "enum": ["a", "b"], "format": "enum"},
        "some_list": {"type": "ARRAY", "items": {"type": "INTEGER", "minimum": "1"}, "max_items": "3"},
        "either": {"any_of": [{"type": "NUMBER"}, {"type": ["STRING", "NULL"]}], "nullable": True},
        "odd": {"type": "\ud800A", "minLength": "x", "default": None, "nullable": True},
        "unspecified": {"type": "TYPE_UNSPECIFIED", "nullable": True},
    },
    "required": ["city"],
    "property_ordering": ["city"],
    "$defs": {"a_b": {"type": "BOOLEAN", "additional_properties": {"type": "STRING"}}, "c": 1},
}
_TOOLS: list[Any] = [
    {"functionDeclarations": [{"name": "get_weather", "description": "Weather", "parameters": _SCHEMA}]},
    {"function_declarations": [{"name": "now"}, {"name": "get.weather", "parameters_json_schema": _SCHEMA}]},
    {"functionDeclarations": {"name": "mcp__a", "behavior": "BLOCKING", "response": _SCHEMA}},
    {"functionDeclarations": [{"name": ""}]},
    {"functionDeclarations": [{"name": "a", "parameters": "x", "description": 5}]},
    {"googleSearch": {}},
    {"url_context": {}, "codeExecution": {}},
    {},
]
_MODES: list[Any] = ["AUTO", "any", "NONE", "VALIDATED", "MODE_UNSPECIFIED", "", "ſ", 5, None]
_ALLOWED: list[Any] = [["now"], ["now", "get.weather"], ["none"], [], "now", None, [5], ["\ud800"]]
_NUMBERS: list[Any] = [1, 0, -1, 0.5, 64, 8192, "100", "1e3", "01", "١", -2, True, None, 10**12, "-0", "x"]
_GENERATION: dict[str, list[Any]] = {
    "temperature": _NUMBERS,
    "topP": _NUMBERS,
    "top_k": _NUMBERS,
    "maxOutputTokens": _NUMBERS,
    "stopSequences": [["end"], [], "x"],
    "candidateCount": [1, "1", 2, None],
    "seed": _NUMBERS,
    "presence_penalty": _NUMBERS,
    "frequencyPenalty": _NUMBERS,
    "responseLogprobs": [True, False],
    "logprobs": _NUMBERS,
    "responseMimeType": ["application/json", "text/plain", "text/x.enum", "", 5, "\ud800"],
    "responseSchema": [_SCHEMA, "x", {}, None],
    "response_json_schema": [_SCHEMA, {"type": "object"}],
    "responseModalities": [["TEXT"], ["text", "IMAGE"], "TEXT", [], [5]],
    "speechConfig": [{}],
    "thinkingConfig": [
        *({"thinkingBudget": number, "includeThoughts": True} for number in _NUMBERS),
        *({"thinking_level": level} for level in ("LOW", "high", "minımal", "HUGE", "", 5)),
        {"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED", "include_thoughts": True},
        {"includeThoughts": "yes"},
        {},
        5,
    ],
}
_OPTIONS: dict[str, list[Any]] = {
    "systemInstruction": [
        "Be brief.",
        "",
        {"parts": [{"text": "Be brief."}, {"text": ""}, {"inlineData": {}}], "role": "system"},
        {"parts": {"text": "Be \ud800."}},
        {"role": 5},
        [],
        5,
        None,
    ],
    "safetySettings": [[{"category": "x"}]],
    "labels": [{"a": "b"}],
    "cachedContent": ["cachedContents/x", None],
    "model": ["models/x"],
    "\ud800_x": [1],
}


@st.composite
def gemini_requests(draw: st.DrawFn) -> dict[str, Any]:
    """Realistic requests, some of which are wrong somewhere."""
    request: dict[str, Any] = {"contents": draw(_all_contents)}
    if draw(st.booleans()):
        request["tools"] = draw(st.lists(st.sampled_from(_TOOLS), max_size=3) | st.sampled_from(_TOOLS))
    if draw(st.booleans()):
        calling = {"mode": draw(st.sampled_from(_MODES[:5] * 2 + _MODES[5:]))}
        if draw(st.booleans()):
            calling["allowed_function_names"] = draw(st.sampled_from(_ALLOWED))
        request["toolConfig"] = {"functionCallingConfig": calling}
    if draw(st.booleans()):
        names = draw(st.lists(st.sampled_from(sorted(_GENERATION)), max_size=4, unique=True))
        request["generation_config"] = {name: draw(st.sampled_from(_GENERATION[name])) for name in names}
    for name in draw(st.lists(st.sampled_from(sorted(_OPTIONS)), max_size=2, unique=True)):
        request[name] = draw(st.sampled_from(_OPTIONS[name]))
    if draw(st.sampled_from([False] * 9 + [True])):
        return {"generateContentRequest": request}
    return request
