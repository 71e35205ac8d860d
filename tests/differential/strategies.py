"""Bodies, answers and streams for comparing implementations: realistic at the core, odd at the edges.

Building blocks are constants that are drawn whole, so that an example is cheap to make and to shrink; what
is odd comes from :func:`mutated` (members), :func:`spell` (spelling) and :func:`damaged` (bytes).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from copilot_api.engine.interfaces import Dialect
from tests.differential import messages_samples, samples
from tests.differential.gemini_strategies import gemini_requests


class Raw(str):
    """JSON text to be written as it is."""

    __slots__ = ()


class Members(list[list[Any]]):
    """A JSON object as ``[name, value]`` pairs: names may come twice."""


# ------------------------------------------------------------------------------------------- JSON text

_SPELLED = [
    *("a", "Z", "0", " ", "/", "\\/", "{", "]", ",", ":", "'", "\x7f", "é", "ß", "字", "\u2028", "\u0085"),
    *(
        '\\"',
        "\\\\",
        "\\n",
        "\\r",
        "\\t",
        "\\b",
        "\\f",
        "\\u0000",
        "\\u0041",
        "\\u001F",
        "\\u00e9",
        "\\uFEFF",
    ),
    *(
        "😀",
        "\\ud83d\\ude00",
        "\\uD83D\\uDE00",
        "\\ud83d",
        "\\ude00",
        "\\ude00\\ud83d",
        "\\ud83d😀",
        "\ufeff",
    ),
]
NUMBERS = [
    *("0", "1", "2", "-1", "7", "1.0", "-0", "-0.0", "0.5", "1.5", "1E5", "1e+2", "2e-1", "1e-400", "1e400"),
    *("12345678901234567890", "9007199254740993", "18446744073709551616", "-9223372036854775809", "1e22"),
    *("0.1e1", "99999999999999999999999999999999", "-1e400", "1e300", "4294967296", "1" * 400),
]
_strings = st.lists(st.sampled_from(_SPELLED), max_size=5).map(lambda pieces: '"' + "".join(pieces) + '"')
# Members that some code looks for, also under spellings that mean the same.
NAMES = [
    *("model", "messages", "max_tokens", "max_completion_tokens", "stream", "tools", "tool_choice", "input"),
    *("role", "content", "type", "text", "name", "id", "function", "arguments", "tool_calls", "tool_use_id"),
    *("system", "metadata", "user_id", "source", "data", "media_type", "url", "is_error", "input_schema"),
    *("choices", "delta", "message", "finish_reason", "index", "usage", "error", "object", "created", "code"),
    *("prompt_tokens", "completion_tokens", "input_tokens", "cached_tokens", "reasoning_text", "_choice", ""),
    *("reasoning_opaque", "cache_control", "thinking", "title", "stop_reason", "embedding", "key", "é", "😀"),
]
_ODD_NAMES = [
    *('"\\u006dodel"', '"mess\\u0061ges"', '"max\\u005ftokens"', '"\\u0063ontent"', '"inp\\u0075t"', '""'),
    *('"\\ud800"', '"\\ud83d\\ude00"', '"a\\/b"', '"\\"cache_control\\""', '"\\u0000"', '"_choice"'),
]
_names = st.sampled_from([f'"{name}"' for name in NAMES] + _ODD_NAMES) | _strings
_SIMPLE = [
    *("null", "true", "false", '""', '"x"', "[]", "{}", "[null]", '[""]', "[[]]", "[{}]", '{"a":1}'),
    *('"\\ud800"', '"\\ud83d\\ude00"', '{"text":"t"}', '[{"type":"text","text":"t"}]', '[{"text":1}]'),
]
_scalars = st.sampled_from(_SIMPLE + NUMBERS) | _strings
_spaces = st.sampled_from(["", "", "", " ", "\n", "\r\n", "\t", "  "])


def _list_of(items: list[str], space: str) -> str:
    return f"[{space}" + f"{space},{space}".join(items) + f"{space}]"


def _object_of(items: list[tuple[str, str]], space: str) -> str:
    inner = f"{space},{space}".join(f"{name}{space}:{space}{value}" for name, value in items)
    return f"{{{space}{inner}{space}}}"


def _extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(_list_of, st.lists(inner, max_size=3), _spaces) | st.builds(
        _object_of, st.lists(st.tuples(_names, inner), max_size=4), _spaces
    )


def _nested(depth: int, opening: str, inner: str) -> str:
    return opening * depth + inner + ("]" if opening == "[" else "}") * depth


deep_texts = st.builds(
    _nested,
    st.integers(116, 131) | st.just(2000),
    st.sampled_from(["[", '{"a":']),
    st.sampled_from(["1", "{}"]),
)
json_texts = st.recursive(_scalars, _extend, max_leaves=8)
"""Arbitrary JSON, oddly spelled: all of it is JSON, none of it deep."""

seeds = st.just(0) | st.integers(1, 1 << 16)
"""For :func:`spell`; 0 is the plain spelling."""


def spell(value: Any, seed: int = 0) -> bytes:
    """Write a value as JSON; each seed stands for another way to spell the same."""
    chance = random.Random(seed)  # noqa: S311 - for variety only
    odd = (0.0, 0.05, 0.6)[chance.randrange(3)] if seed else 0.0
    space = ("", "", " ", "\n", "\r\n\t")[chance.randrange(5)] if seed else ""

    def string(text: str) -> str:
        return '"' + "".join(map(character, text)) + '"'

    def character(one: str) -> str:
        code = ord(one)
        needed = code < 0x20 or one in '"\\' or 0xD800 <= code < 0xE000
        if not needed and not (odd and chance.random() < odd):
            return one
        if one == "/" and chance.random() < 0.5:
            return "\\/"
        units = one.encode("utf-16-be", "surrogatepass")
        digits = "%04x" if chance.random() < 0.5 else "%04X"
        return "".join("\\u" + digits % int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2))

    def write(item: Any) -> str:
        if isinstance(item, Raw):
            return str(item)
        if isinstance(item, str):
            return string(item)
        if isinstance(item, (dict, Members)):
            pairs = item.items() if isinstance(item, dict) else item
            listed = [f"{string(name)}{space}:{space}{write(inner)}" for name, inner in pairs]
            return "{" + space + f"{space},{space}".join(listed) + space + "}"
        if isinstance(item, (list, tuple)):
            return "[" + space + f",{space}".join(map(write, item)) + space + "]"
        return "null" if item is None else str(item).lower() if isinstance(item, bool) else str(item)

    return (space + write(value) + space).encode("utf-8")


# ------------------------------------------------------------------------------------------- mutations


def _tree(value: Any) -> Any:
    """Return a copy that can be changed in place."""
    if isinstance(value, dict):
        return Members([name, _tree(item)] for name, item in value.items())
    return [_tree(item) for item in value] if isinstance(value, list) else value


def _places(node: Any) -> Iterator[tuple[list[Any], int]]:
    if not isinstance(node, list):
        return
    for at, item in enumerate(node):
        yield node, at
        yield from _places(item[1] if isinstance(node, Members) else item)


_replacements = (st.sampled_from(_SIMPLE + NUMBERS) | json_texts | deep_texts).map(Raw)
_new_names = st.sampled_from(NAMES) | st.text(st.characters(), max_size=3)


@st.composite
def mutated(draw: st.DrawFn, bases: st.SearchStrategy[Any], often: bool = True) -> Any:
    """Draw a value and replace, drop, repeat, rename or move some of its members and items."""
    root = [_tree(draw(bases))]
    for _ in range(draw(st.sampled_from([0, 1, 1, 2, 3] if often else [0, 0, 0, 1, 2]))):
        places = list(_places(root))
        if not places:
            break
        within, at = places[draw(st.integers(0, len(places) - 1))]
        way = draw(st.sampled_from(["replace", "drop", "repeat", "rename", "both"]))
        if within is root:
            # The root itself is what other tests send as arbitrary JSON; here its members count.
            continue
        if way == "drop":
            del within[at]
        elif way in ("repeat", "both"):
            again = _tree(within[at]) if not isinstance(within, Members) else [*within[at]]
            if way == "both" and isinstance(within, Members):
                again[1] = draw(_replacements)
            within.insert(draw(st.sampled_from([at, at + 1, len(within)])), again)
        elif isinstance(within, Members):
            within[at][way == "replace"] = draw(_replacements if way == "replace" else _new_names)
        else:
            within[at] = draw(_replacements)
    return root[0]


def _byte_change(data: bytes, way: str, at: int, byte: int) -> bytes:
    at %= len(data) + 1
    if way == "truncate":
        return data[:at]
    if way == "behead":
        return data[at:]
    if way == "insert":
        return data[:at] + bytes([byte]) + data[at:]
    return data[:at] + bytes([byte]) + data[at + 1 :]


def damaged(bodies: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Documents cut off, with wrong bytes in them, with a BOM, with something before or after."""
    byte = st.sampled_from(list(b'"\\{}[],:0-.eE \n\r\x00\x1f\x7f\x80\xc3\xed\xff')) | st.integers(0, 255)
    changed = st.builds(
        _byte_change,
        bodies,
        st.sampled_from(["truncate", "insert", "replace", "behead"]),
        st.integers(0, 1 << 16),
        byte,
    )
    wrapped = st.builds(
        lambda body, wrap: wrap[0] + body + wrap[1],
        bodies,
        st.sampled_from(
            [
                *(
                    (b"\xef\xbb\xbf", b""),
                    (b"\xef\xbb\xbf\n", b" "),
                    (b"\xef\xbb\xbf" * 2, b""),
                    (b"\x00", b""),
                ),
                *((b" \t\r\n", b"\r\n"), (b"\x0b", b""), (b"", b"\x00"), (b"", b"{}"), (b"", b"\xc2\xa0")),
                *((b"", b","), (b"[", b"]"), (b'{"a":', b"}"), (b"\xfe\xff", b""), (b"", b"// x")),
            ]
        ),
    )
    return changed | wrapped


_NEARLY_JSON = [
    *(
        b"",
        b" ",
        b"null",
        b"NaN",
        b"[NaN]",
        b"[Infinity,-Infinity]",
        b"{'a':1}",
        b"[1,]",
        b'{"a":1,}',
        b"[01]",
    ),
    *(
        b"[.5]",
        b"[1.]",
        b"[+1]",
        b"[1e]",
        b"[-]",
        b"[--1]",
        b"[0x1]",
        b'["\\x"]',
        b'["\\u12"]',
        b'["\n"]',
        b"tru",
    ),
    *(b'["\x1f"]', b'["\x7f"]', b'["\xed\xa0\x80"]', b'["\xc0\x80"]', b'["\xf4\x90\x80\x80"]', b'["\xff"]'),
    *(b"{1:2}", b'{"a"}', b'{"a":}', b"{} {}", b"[1 2]", b"[1]x", b"/**/[]", b'"\\ud800', b"<html></html>"),
    *(b"[1e5,-0,0e0]", b"-", b'"\\', b'["\\u00g0"]', b"nul", b"truE", "[\u0661]".encode(), b"\xef\xbb\xbf"),
]
_plain_documents = st.builds(
    lambda text, space: f"{space}{text}{space}".encode(), json_texts | deep_texts, _spaces
)
documents = (
    _plain_documents | damaged(_plain_documents) | st.sampled_from(_NEARLY_JSON) | st.binary(max_size=12)
)
"""Arbitrary JSON as bytes, and what is nearly that."""

# -------------------------------------------------------------------------------------------- requests

ODD_TOOL_NAMES = ["a.b", "x" * 65, "w\u00f6rter/\U0001f600", "\ud800 \n", "\uffff.", "m\u00e4rz" * 20]
"""Names that upstream refuses (upstream.md 4.1), in an order that is not that of their code points."""
_PIXEL = "iVBORw0KGgo="
_TEXTS = [
    "Hi",
    "",
    "Wetter in Köln? 😀",
    'a\nb\r\n\t"q" \\ /',
    "<system-reminder>x</system-reminder>",
    "\ud800",
]
_EMPTY_SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}
_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "minimum": Raw("1.0")}, "10": {"enum": [Raw("-0"), None]}},
    "required": ["city"],
}
_CHAT_MESSAGES: list[Any] = [
    *({"role": "user", "content": text} for text in _TEXTS),
    {"role": "system", "content": "Be brief."},
    {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
    {"role": "user", "content": [{"type": "text", "text": "Look:"}, {"type": "text", "text": ""}]},
    {
        "role": "user",
        "content": [
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_PIXEL}", "detail": "low"}}
        ],
    },
    {"role": "assistant", "content": "Yes.", "name": "it"},
    {"role": "assistant", "content": None},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'},
            }
        ],
        "reasoning_opaque": "b3A=",
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "12 °C"},
    {
        "role": "tool",
        "tool_call_id": "call_1",
        "content": [{"type": "image_url", "image_url": {"url": "https://x"}}],
    },
    {"role": "user"},
]
_CHAT_TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {"name": "get_weather", "description": "Weather", "parameters": _SCHEMA},
    },
    {"type": "function", "name": "mcp__server__tool", "function": {"name": "mcp__server__tool"}},
    {"type": "function", "function": {"name": "none", "parameters": _EMPTY_SCHEMA, "strict": True}},
    {"type": "custom", "custom": {"name": "patch"}},
]
_CAPS: list[Any] = [4096, None, 0, Raw("1e3"), Raw("-0"), Raw("99999999999999999999"), "12", True]
_FLAGS: list[Any] = [True, False, None, 0, Raw("-0.0"), Raw("1e-400"), 1, "", "false", [], {}]
_CHAT_OPTIONS: dict[str, list[Any]] = {
    "max_tokens": _CAPS,
    "max_completion_tokens": _CAPS,
    "stream": _FLAGS,
    "temperature": [Raw("0.10"), 1, None],
    "top_p": [Raw("1.0")],
    "n": [1, 2],
    "stop": ["end", ["a", "b"]],
    "stream_options": [{"include_usage": True}],
    "tool_choice": ["auto", {"type": "function", "function": {"name": "get_weather"}}],
    "user": ["me"],
    "metadata": [{"user_id": "x"}, None],
}

_BLOCKS: list[Any] = [
    *({"type": "text", "text": text} for text in _TEXTS),
    {"type": "text", "text": "  \n<system-reminder>\nx</system-reminder>"},
    {"type": "text", "text": "\u2003\x1c<system-reminder>odd spaces"},
    {"type": "text", "text": "cached", "cache_control": {"type": "ephemeral"}},
    {"type": "thinking", "thinking": "Hm, 10° …", "signature": "c2ln"},
    {"type": "thinking", "thinking": "", "signature": "c2ln"},
    {"type": "redacted_thinking", "data": "eHg="},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": _PIXEL}},
    {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
    {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
    {
        "type": "tool_use",
        "id": "toolu_1",
        "name": "get_weather",
        "input": {"city": "Köln", "n": Raw("1.0"), "m": {}},
    },
    {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
    {"type": "tool_use", "id": "toolu_3", "name": "none"},
    *({"type": "tool_use", "id": "toolu_4", "name": name, "input": {}} for name in ODD_TOOL_NAMES),
    {"type": "tool_result", "tool_use_id": "toolu_1", "content": "12 °C"},
    {"type": "tool_result", "tool_use_id": "toolu_1"},
    {"type": "tool_result", "tool_use_id": "toolu_1", "content": "no such city", "is_error": True},
    {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Error: twice", "is_error": True},
    {"type": "tool_result", "tool_use_id": "toolu_1", "content": [], "is_error": 1},
    {
        "type": "tool_result",
        "tool_use_id": "toolu_2",
        "content": [
            {"type": "text", "text": "seen"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": _PIXEL}},
            {"type": "thinking", "thinking": "why not"},
        ],
    },
    {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "tool_reference", "tool_name": "x"}]},
    {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "tool_result", "tool_use_id": "u"}]},
    {
        "type": "document",
        "title": "T",
        "source": {"type": "text", "media_type": "text/plain", "data": "body"},
    },
    {"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": "R3LDvMOfZQ=="}},
    {"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": "_w"}},
    {"type": "document", "source": {"type": "base64", "media_type": "text/csv", "data": "R3L\nDvA=="}},
    {"type": "document", "source": {"type": "base64", "media_type": "text/csv", "data": "/w=="}},
    {"type": "document", "source": {"type": "base64", "media_type": "text/csv", "data": "YWI=YQ=="}},
    {"type": "document", "source": {"type": "base64", "media_type": "text/csv", "data": "YWJ="}},
    {"type": "document", "source": {"type": "base64", "media_type": "text/csv", "data": "Köln"}},
    {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}},
    {
        "type": "document",
        "title": "",
        "source": {"type": "content", "content": [{"type": "text", "text": "p"}]},
    },
    {
        "type": "search_result",
        "title": "S",
        "source": "https://x",
        "content": [{"type": "text", "text": "hit"}],
    },
    {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}},
    {"type": "web_search_tool_result", "tool_use_id": "srv", "content": []},
    {"type": "mystery", "text": "readable"},
    {"type": "mystery", "payload": 1},
]
_CLAUDE_MESSAGES: list[Any] = [
    *({"role": "user", "content": text} for text in _TEXTS),
    {"role": "assistant", "content": "Yes."},
    {"role": "assistant", "content": None},
    {"role": "assistant", "content": []},
    {"role": "assistant"},
    {"role": "system", "content": "between turns"},
    {"role": "system", "content": None},
    {"role": "user", "content": []},
]
_CLAUDE_TOOLS: list[Any] = [
    {"name": "get_weather", "description": "Weather", "input_schema": _SCHEMA},
    {"name": "now", "input_schema": _EMPTY_SCHEMA, "cache_control": {"type": "ephemeral"}},
    {"name": "mcp__server__tool", "description": "", "input_schema": {}},
    {"type": "custom", "name": "typed", "input_schema": _EMPTY_SCHEMA},
    {"type": "web_search_20250305", "name": "web_search", "max_uses": 5},
    {"type": "bash_20250124"},
    {"type": "bash_20250124", "name": "bash", "input_schema": {}},
    {"name": "bare"},
    *({"name": name, "input_schema": _EMPTY_SCHEMA} for name in ODD_TOOL_NAMES),
]
_CLAUDE_OPTIONS: dict[str, list[Any]] = {
    "max_tokens": _CAPS,
    "stream": _FLAGS,
    "temperature": [Raw("1.0"), 0, None],
    "top_p": [Raw("0.90")],
    "top_k": [5],
    "stop_sequences": [["end"], [], None],
    "system": [
        "",
        "Be brief.",
        [{"type": "text", "text": "x-anthropic-billing-header: cc=1"}, {"type": "text", "text": "Be brief."}],
        [{"type": "text", "text": "x-anthropic-billing-header:"}],
        [{"type": "text", "text": "A"}, {"type": "text", "text": "", "cache_control": {"type": "ephemeral"}}],
        [],
        None,
        {},
        0,
    ],
    "metadata": [{"user_id": "user_1"}, {"user_id": None}, {"user_id": {"a": [Raw("1.0")]}}, {}, None],
    "tool_choice": [
        *({"type": kind} for kind in ("auto", "any", "none", "tool", "other")),
        {"type": "tool", "name": "now"},
        *({"type": "tool", "name": name} for name in ODD_TOOL_NAMES),
        {"type": "tool", "name": ""},
        {"type": "auto", "disable_parallel_tool_use": True},
        {"type": "any", "disable_parallel_tool_use": 1},
        {},
        None,
    ],
    "thinking": [{"type": "enabled", "budget_tokens": 1024}],
    "context_management": [{"edits": []}],
    "betas": [["x"]],
}
_MODELS = ["gpt-4.1", "claude-sonnet-4.6", "claude-opus-4-5-20251101", 'm\u00f6del/"x"', "o", "\ud83d"]


@st.composite
def _requests(
    draw: st.DrawFn,
    messages: st.SearchStrategy[Any],
    tools: list[Any],
    options: dict[str, list[Any]],
) -> dict[str, Any]:
    request: dict[str, Any] = {"model": draw(st.sampled_from(_MODELS))}
    first = draw(st.booleans())
    turns = draw(st.lists(messages, min_size=0, max_size=4))
    if first:
        request["messages"] = turns
    for name in draw(st.lists(st.sampled_from(sorted(options)), max_size=4, unique=True)):
        request[name] = draw(st.sampled_from(options[name]))
    request.setdefault("messages", turns)
    if draw(st.booleans()):
        request["tools"] = draw(st.lists(st.sampled_from(tools), max_size=3))
    return request


def _without_messages(request: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name != "messages"}


def _turn(role: str, blocks: list[Any]) -> dict[str, Any]:
    return {"role": role, "content": blocks}


_claude_turns = st.sampled_from(_CLAUDE_MESSAGES) | st.builds(
    _turn,
    st.sampled_from(["user", "user", "assistant", "system"]),
    st.lists(st.sampled_from(_BLOCKS + messages_samples.BLOCKS), max_size=4),
)
_INPUTS: list[Any] = ["one text", "", ["a", "b"], [], [1, 2], [[1, 2]], None, "\ud800", 'quo"te\\', {"a": 1}]
_embeddings = st.fixed_dictionaries(
    {"input": st.sampled_from(_INPUTS)},
    optional={
        "model": st.sampled_from([*_MODELS, None, 1, ""]),
        "dimensions": st.just(512),
        "encoding_format": st.sampled_from(["float", "base64"]),
    },
)
requests: dict[Dialect, st.SearchStrategy[Any]] = {
    "chat": _requests(
        st.sampled_from(_CHAT_MESSAGES + samples.CHAT_MESSAGES),
        _CHAT_TOOLS + samples.CHAT_TOOLS,
        {**_CHAT_OPTIONS, **samples.CHAT_OPTIONS},
    ),
    "completions": st.fixed_dictionaries(
        {"model": st.sampled_from(_MODELS), "prompt": st.sampled_from(samples.PROMPTS)},
        optional={name: st.sampled_from(given) for name, given in samples.COMPLETIONS_OPTIONS.items()},
    ),
    "ollama": _requests(
        st.sampled_from(samples.OLLAMA_MESSAGES), samples.OLLAMA_TOOLS, samples.OLLAMA_OPTIONS
    ).flatmap(lambda request: st.sampled_from([request, request, request, _without_messages(request)])),
    "messages": _requests(
        _claude_turns,
        _CLAUDE_TOOLS + messages_samples.TOOLS,
        {
            name: _CLAUDE_OPTIONS.get(name, []) + messages_samples.OPTIONS.get(name, [])
            for name in _CLAUDE_OPTIONS | messages_samples.OPTIONS
        },
    ),
    "embeddings": _embeddings,
    "gemini": gemini_requests(),
}
"""Realistic requests as values, not mutated."""


def bodies(dialect: Dialect) -> st.SearchStrategy[bytes]:
    """Requests of a dialect as bytes: most of them mutated, some not JSON any more."""
    whole = st.builds(spell, mutated(requests[dialect]), seeds)
    return whole | whole | whole | damaged(whole) | documents


def likely_bodies(dialect: Dialect) -> st.SearchStrategy[bytes]:
    """Requests of a dialect that validation will accept more often than not."""
    return st.builds(spell, mutated(requests[dialect], often=False), seeds)
