"""Bodies that no dialect may take, and what each does to a good one (R-17)."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.marks import question

PATHS: Mapping[str, str] = {
    "chat": "/v1/chat/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "gemini": "/v1beta/models/gpt-4.1:generateContent",
    "ollama": "/api/chat",
    "completions": "/v1/completions",
}
TURNS: Mapping[str, str] = {
    "chat": "messages",
    "messages": "messages",
    "responses": "input",
    "gemini": "contents",
    "ollama": "messages",
    "completions": "prompt",
}
"""The member that holds what is said."""


def good(dialect: str) -> bytes:
    """A body that is taken."""
    return json.dumps(question(dialect, "gpt-4.1", streamed=False)[1]).encode()


def _with(text: str) -> Callable[[bytes], bytes]:
    """A good body with one more member."""
    return lambda body: body[:-1] + b", " + text.encode() + b"}"


BROKEN: Mapping[str, Callable[[bytes], bytes]] = {
    "empty": lambda body: b"",
    "space": lambda body: b" \r\n\t ",
    "null": lambda body: b"null",
    "true": lambda body: b"true",
    "number": lambda body: b"12",
    "string": lambda body: b'"' + b"x" * 20 + b'"',
    "list": lambda body: b"[]",
    "list of bodies": lambda body: b"[" + body + b"]",
    "open": lambda body: b"{",
    "closed": lambda body: b"}",
    "crossed": lambda body: b'{"model": ["gpt-4.1"}]',
    "half": lambda body: body[: len(body) // 2],
    "all but the end": lambda body: body[:-1],
    "two documents": lambda body: body + body,
    "two lines": lambda body: body + b"\n" + body,
    "text after": lambda body: body + b" x",
    "NUL after": lambda body: body + b"\x00",
    "NUL before": lambda body: b"\x00" + body,
    "NaN": _with('"temperature": NaN'),
    "Infinity": _with('"temperature": Infinity'),
    "-Infinity": _with('"temperature": -Infinity'),
    "leading zero": _with('"seed": 012'),
    "leading plus": _with('"seed": +1'),
    "no digits": _with('"seed": -'),
    "no fraction": _with('"temperature": 1.'),
    "no exponent": _with('"temperature": 1e'),
    "hex": _with('"seed": 0x10'),
    "single quotes": _with("'user': 'x'"),
    "no quotes": _with('user: "x"'),
    "trailing comma": lambda body: body[:-1] + b",}",
    "comment": lambda body: b"/* x */" + body,
    "no colon": _with('"user" "x"'),
    "undefined": _with('"user": undefined'),
    "python": _with('"stream": False'),
    "open string": _with('"user": "x'),
    "bad escape": _with('"user": "\\x41"'),
    "bad unicode escape": _with('"user": "\\u12"'),
    "control character": lambda body: body[:-1] + b', "user": "a\x01b"}',
    "raw line feed": lambda body: body[:-1] + b', "user": "a\nb"}',
    "not UTF-8": lambda body: body[:-1] + b', "user": "\xff"}',
    "overlong UTF-8": lambda body: body[:-1] + b', "user": "\xc0\x80"}',
    "cut UTF-8": lambda body: body[:-1] + b', "user": "\xe2\x82"}',
    "surrogate as UTF-8": lambda body: body[:-1] + b', "user": "\xed\xa0\x80"}',
    "above Unicode": lambda body: body[:-1] + b', "user": "\xf4\x90\x80\x80"}',
    "Latin-1": lambda body: body[:-1] + b', "user": "\xfc"}',
    "UTF-16": lambda body: body.decode().encode("utf-16"),
    "UTF-16 without BOM": lambda body: body.decode().encode("utf-16-be"),
    "UTF-32": lambda body: body.decode().encode("utf-32"),
    "two BOMs": lambda body: b"\xef\xbb\xbf\xef\xbb\xbf" + body,
    "deep lists": lambda body: b"[" * 100_000,
    "deep lists, closed": lambda body: body[:-1] + b', "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": lambda body: b'{"a":' * 100_000,
    "deep objects, closed": lambda body: body[:-1] + b', "x": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    "129 levels": lambda body: body[:-1] + b', "x": ' + b"[" * 129 + b"]" * 129 + b"}",
    "packed, not said": lambda body: gzip.compress(body),
    "deflated, not said": lambda body: zlib.compress(body),
    "form": lambda body: b"model=gpt-4.1&messages=x",
    "multipart": lambda body: b'--x\r\ncontent-disposition: form-data; name="model"\r\n\r\ny\r\n--x--\r\n',
    "XML": lambda body: (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>'
    ),
    "SSE": lambda body: b"data: " + body + b"\n\n",
}
"""No member is at fault: the whole is."""

_TYPES: Mapping[str, Any] = {"null": None, "number": 5, "object": {"a": 1}, "true": True}
_ITEMS: Mapping[str, Any] = {"null": None, "number": 5, "list": [], "true": True}


_TAKEN: Mapping[str, tuple[str, ...]] = {
    "gemini": ("contents object",),
    "ollama": ("no messages", "messages null"),
}
"""What these dialects do take: one content that is in no list; the request that loads a model."""


def faulty(dialect: str) -> dict[str, tuple[bytes, str]]:
    """Bodies with one member at fault, and a word that the answer must have."""
    path, value = question(dialect, "gpt-4.1", streamed=False)
    turns = TURNS[dialect]
    assert turns in value, path
    found: dict[str, tuple[dict[str, Any], str]] = {}
    without = {name: item for name, item in value.items() if name != turns}
    found[f"no {turns}"] = (without, turns)
    for kind, wrong in _TYPES.items():
        found[f"{turns} {kind}"] = ({**value, turns: wrong}, turns)
    if dialect != "gemini":
        found["no model"] = ({name: item for name, item in value.items() if name != "model"}, "model")
        for kind, wrong in {**_TYPES, "list": [], "empty": ""}.items():
            found[f"model {kind}"] = ({**value, "model": wrong}, "model")
        found["nothing"] = ({}, "model")
    if dialect != "completions":
        for kind, wrong in _ITEMS.items():
            found[f"turn {kind}"] = ({**value, turns: [wrong]}, turns)
    for taken in _TAKEN.get(dialect, ()):
        del found[taken]
    bodies = {name: (json.dumps(body).encode(), word) for name, (body, word) in found.items()}
    # Of equal members the last counts, for us as for upstream.
    twice = json.dumps(value).encode()[:-1] + f', "{turns}": 5}}'.encode()
    return bodies | {"member twice": (twice, turns)}


PACKED: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda body: b"\x0b\x02\x80" + body[:4] + b"\x03",
    "zstd": lambda body: b"\x28\xb5\x2f\xfd\x04\x00" + body[:20],
    "gzip, identity": gzip.compress,
    "GZIP": gzip.compress,
    "aes128gcm": lambda body: body,
}
"""What `Content-Encoding` says, and a body of the kind."""
