"""Reference, native and tiktoken count the same."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot_api.engine.interfaces import InvalidRequest, TokenCount, Tokenizer
from copilot_api.engine.reference.tokenizer import ReferenceTokenizer
from copilot_api.engine.reference.tokenizer.vocabulary import FOLDER
from tests.differential.comparing import no_time_limit
from tests.differential.tiktoken_oracle import ENCODINGS, matched, oracle

pytest.importorskip("copilot_api._native", reason="the native module is not built: run `make dev`")

from copilot_api.engine.native import NativeTokenizer

pytestmark = no_time_limit

REFERENCE: Tokenizer = ReferenceTokenizer()
NATIVE: Tokenizer = NativeTokenizer()

# What the patterns treat specially: cases, contractions (with U+017F, an s to them), digits, marks, white
# space of all kinds, slashes; and some of everything else.
SPECIAL = [
    *"aAbBzZ019/.-_'\" \t\n\r",
    *("'s", "'S", "'t", "'re", "'Re", "'VE", "'m", "'ll", "'Ll", "'d", "'\u017f"),
    *("\r\n", "\n\n", "    ", "  ", " \n ", "\t\t", "//", "://", "<|endoftext|>", "<|im_start|>"),
    *("\u017f", "ǅ", "ʰ", "ª", "\u0301", "\u0308", "\u20dd", "½", "٣", "Ⅷ", "字", "カ", "ก", "\u0627", "한"),
    *(
        "😀",
        "👩\u200d👧",
        "🏳\ufe0f",
        "\u200b",
        "\ufeff",
        "\u00a0",
        "\u0085",
        "\u3000",
        "\u2028",
        "\x1c",
        "\x00",
    ),
    *("𐐀", "𐐨", "\U0001d4b3", "\U0010ffff", "return", "HTTPServer", "camelCase", "İ", "ß", "ŉ"),
]
texts = st.lists(st.sampled_from(SPECIAL) | st.text(max_size=4), max_size=40).map("".join) | st.text()
words = st.text(st.sampled_from("abEé字\u0301="), min_size=50, max_size=600)


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(deadline=None, max_examples=300)
@given(text=texts)
def test_text_counts_are_equal(encoding: str, text: str) -> None:
    counts = (REFERENCE.count_text(text, encoding), NATIVE.count_text(text, encoding))
    assert counts == (len(oracle(encoding).encode_ordinary(text)),) * 2


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(deadline=None, max_examples=60)
@given(text=words)
def test_counts_of_long_words_are_equal(encoding: str, text: str) -> None:
    counts = (REFERENCE.count_text(text, encoding), NATIVE.count_text(text, encoding))
    assert counts == (len(oracle(encoding).encode_ordinary(text)),) * 2


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(deadline=None, max_examples=60)
@given(text=texts, more=texts, times=st.integers(min_value=1, max_value=200))
def test_counts_of_texts_that_come_again_are_equal(encoding: str, text: str, more: str, times: int) -> None:
    """The native engine keeps counts of segments of a kilobyte: none may change when text is added."""
    long = "".join(f"{text}{number}" for number in range(times))
    for whole in (long, long + more, long, more + long):
        assert NATIVE.count_text(whole, encoding) == len(oracle(encoding).encode_ordinary(whole))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_each_character_between_others_counts_as_in_tiktoken(encoding: str) -> None:
    """Every code point once, in text that shows its class: after and before letters of both cases."""
    expected = oracle(encoding)
    for first in range(0, sys.maxunicode + 1, 0x1000):
        characters = [chr(code) for code in range(first, first + 0x1000) if not 0xD800 <= code < 0xE000]
        text = " ".join(f"{one}Ab{one}cA{one}1{one}{one} {one}\n" for one in characters)
        assert NATIVE.count_text(text, encoding) == len(expected.encode_ordinary(text)), hex(first)


@pytest.mark.parametrize(
    ("letter", "pattern"),
    [
        ("U", r"[\p{Lu}\p{Lt}]"),
        ("L", r"\p{Ll}"),
        ("C", r"[\p{Lm}\p{Lo}]"),
        ("M", r"\p{M}"),
        ("N", r"\p{N}"),
        ("S", r"[\s&&[^\r\n]]"),
    ],
)
def test_character_classes_are_those_of_tiktoken(letter: str, pattern: str) -> None:
    every = "".join(chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)
    listed = set()
    for line in (FOLDER / "character_classes.txt").read_text(encoding="ascii").splitlines():
        if line.endswith(f" {letter}") and not line.startswith("#"):
            start, end, _ = line.split()
            listed.update(map(chr, range(int(start, 16), int(end, 16) + 1)))
    assert listed == set(matched(pattern, every))


numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | texts | st.text(st.characters(), max_size=5)
names = st.sampled_from(["10", "9", "007", "type", "enum", "description", "properties", "x"]) | st.text(
    max_size=4
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5),
    max_leaves=12,
)
urls = st.binary(max_size=40).map(lambda data: data.hex()) | st.sampled_from(
    [
        "https://example.com/a.png",
        "data:image/png;base64,iVBORw0KGgo=",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAABAAAAAMACAIAAAA",
        "DATA:image/gif;BASE64,R0lGODlhAAQAAwAA",
        "data:image/jpeg;base64,/9j/wAARCAMABAADASIAAhEBAxEB",
        "data:image/webp;base64,UklGRhIAAABXRUJQVlA4TAUAAAAv/8O/AA==",
        "data:;base64," + "A" * 1500,
        "x" * 1025,
    ]
)
parts = (
    st.fixed_dictionaries({"type": st.just("text"), "text": texts})
    | st.fixed_dictionaries(
        {
            "type": st.just("image_url"),
            "image_url": st.fixed_dictionaries(
                {"url": urls}, optional={"detail": st.sampled_from(["low", "high"])}
            )
            | urls
            | anything,
        }
    )
    | anything
)
calls = st.fixed_dictionaries(
    {"id": texts, "function": st.fixed_dictionaries({"name": texts, "arguments": texts})},
    optional={"5": anything},
)
messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool"]) | anything},
    optional={
        "content": texts | st.lists(parts, max_size=4) | anything,
        "name": texts | anything,
        "tool_calls": st.lists(calls | anything, max_size=3) | anything,
        "tool_call_id": texts,
        "extra": anything,
    },
)
schemas = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "object", "", ["string", "null"]]) | anything,
        "description": texts | st.just("Ends with.") | anything,
        "enum": st.lists(anything, max_size=4) | anything,
        "items": anything,
    },
)
functions = st.fixed_dictionaries(
    {},
    optional={
        "name": texts | anything,
        "description": texts | st.just("Does it.") | anything,
        "parameters": st.fixed_dictionaries(
            {},
            optional={
                "type": st.just("object"),
                "properties": st.dictionaries(names, schemas | anything, max_size=4) | anything,
                "required": anything,
            },
        )
        | anything,
    },
)
tools = st.fixed_dictionaries({"type": st.just("function"), "function": functions}) | anything
bodies = st.fixed_dictionaries(
    {"messages": st.lists(messages, max_size=4)}, optional={"tools": st.lists(tools, max_size=3) | anything}
)


def outcome(tokenizer: Tokenizer, body: bytes, encoding: str, model: str) -> TokenCount | tuple[str, str]:
    """Return the count, or the path and the message of the refusal."""
    try:
        return tokenizer.count_chat(body, encoding, model)
    except InvalidRequest as refusal:
        return refusal.path, str(refusal)


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(
    body=bodies,
    encoding=st.sampled_from(ENCODINGS),
    model=st.sampled_from(["gpt-4", "gpt-4o"]),
    ascii_only=st.booleans(),
)
def test_chat_counts_are_equal(body: Any, encoding: str, model: str, ascii_only: bool) -> None:
    encoded = json.dumps(body, ensure_ascii=ascii_only).encode(errors="replace")
    expected = outcome(REFERENCE, encoded, encoding, model)
    assert isinstance(expected, TokenCount)
    assert outcome(NATIVE, encoded, encoding, model) == expected


@settings(deadline=None, max_examples=300)
@given(
    body=st.one_of(
        anything.map(json.dumps).map(str.encode),
        st.dictionaries(st.just("messages"), anything).map(json.dumps).map(str.encode),
        st.binary(max_size=30),
        st.text(st.sampled_from('{}[]",:\\u0dDefn1.-+ \n'), max_size=20).map(
            lambda text: b'{"messages":[],"x":%b}' % text.encode()
        ),
    )
)
def test_refusals_are_equal(body: bytes) -> None:
    assert outcome(NATIVE, body, "o200k_base", "x") == outcome(REFERENCE, body, "o200k_base", "x")


@settings(deadline=None)
@given(text=st.text(st.characters(), max_size=20))
def test_text_with_lone_surrogates_counts_the_same(text: str) -> None:
    assert NATIVE.count_text(text, "o200k_base") == REFERENCE.count_text(text, "o200k_base")


@pytest.mark.parametrize("depth", [128, 129, 5000])
def test_nesting_is_limited_alike(depth: int) -> None:
    body = b'{"messages":[],"x":%b%b}' % (b"[" * (depth - 1), b"]" * (depth - 1))
    expected = outcome(REFERENCE, body, "o200k_base", "x")
    assert isinstance(expected, TokenCount) is (depth == 128)
    assert outcome(NATIVE, body, "o200k_base", "x") == expected
