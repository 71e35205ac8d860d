"""How a stream is written and cut (R-21 to R-24)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from tests.support import chat
from tests.support.faults.cases import EVERY_LEG, FEW, Case, Fault, odd
from tests.support.faults.legs import Leg
from tests.support.scripted_upstream import Script
from tests.support.upstream_steps import (
    data,
    end,
    head,
    pieces,
    raw,
)

MIB = 1024 * 1024
ODD_TEXTS = (
    'data: {"error": "no"}\n\n',
    "data: [DONE]\n\n",
    "\r\n\r\nevent: error\r\n: ",
    "\u2028\u2029\u0085\x0b\x0c\x1c",
    "\ufeff\u200d\U0001f469\u200d\U0001f4bb e\u0301",
    '"\\ \b\t\x00\x1f',
)


def _rewritten(name: str, write: Callable[[bytes], bytes], *, size: int = 0, as_odd: bool = False) -> Fault:
    """The good stream with its bytes changed in a way that does not matter."""

    def script(leg: Leg) -> Script:
        body = write(leg.parts().whole)
        return (head(), pieces(body, size) if size else data(body), end())

    return odd(name, "R-22", script, legs=EVERY_LEG, odd=as_odd)


# ------------------------------------------------------------------------------------------ the grammar


def _mixed(body: bytes) -> bytes:
    ends, out = (b"\n", b"\r\n", b"\r"), b""
    for number, line in enumerate(body.split(b"\n")[:-1]):
        # LF behind CR would be the same line's end.
        out += line + (ends[number % 3] if line or not out.endswith(b"\r") else b"\r\n")
    return out


def _several_data_lines(body: bytes) -> bytes:
    """JSON over three lines, which LF joins again."""
    return body.replace(b'data: {"', b'data: {\ndata:\ndata: "')


def _with_fields(body: bytes) -> bytes:
    return body.replace(b"data: ", b"id: 7\nretry: 10\nx-unknown: y\nnonsense\n: comment\ndata: ")


_GRAMMAR = (
    _rewritten("CR LF", lambda body: body.replace(b"\n", b"\r\n")),
    _rewritten("CR and LF in different reads", lambda body: body.replace(b"\n", b"\r\n"), size=1),
    _rewritten("CR alone", lambda body: body.replace(b"\n", b"\r"), size=7),
    _rewritten("all line ends mixed", _mixed, size=5),
    _rewritten("BOM", lambda body: b"\xef\xbb\xbf" + body),
    _rewritten("comments", lambda body: b": hi\n\n:\n" + body.replace(b"\n\n", b"\n\n: more\n\n")),
    _rewritten("no blank after the colon", lambda body: body.replace(b"data: ", b"data:")),
    _rewritten("several data lines", _several_data_lines, as_odd=True),
    _rewritten("id, retry and unknown fields", _with_fields, as_odd=True),
    _rewritten("events without data", lambda body: b"event: x\nid: 1\n\n\n\n" + body),
    _rewritten("data that is empty", lambda body: b"data\n\ndata:\n\n" + body),
    _rewritten("no blank line at the end", lambda body: body.rstrip(b"\n")),
    odd(
        "names on chat's events",
        "R-22",
        lambda leg: (head(), data(leg.parts().whole.replace(b"data: {", b"event: chunk\ndata: {")), end()),
        odd=True,
    ),
    Fault(
        "empty choices, filter results, null members",
        "R-22",
        Case(lambda leg: (head(), *(data(event) for event in _extras(leg)), end()), "whole"),
    ),
)


def _extras(leg: Leg) -> list[bytes]:
    parts = leg.parts()
    empty = {**chat.frame(), "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    nulls = chat.frame(content=None, refusal=None, tool_calls=None, role="assistant")
    nulls["choices"][0] |= {"logprobs": None, "content_filter_results": {"hate": {"filtered": False}}}
    nulls["usage"] = None
    return [chat.sse(empty), chat.sse(nulls), *parts.deltas, chat.sse(nulls), parts.finish, parts.end]


# ------------------------------------------------------------------------------------ cuts and characters


def _raw_pieces(size: int) -> Callable[[Leg], Script]:
    """Cuts in chunk headers too, in writes of that size."""

    def script(leg: Leg) -> Script:
        body = b"".join(
            b"%x\r\n%s\r\n" % (len(event), event)
            for event in (*leg.parts().broken, leg.parts().finish, leg.parts().end)
        )
        return (head(), *(raw(body[at : at + size]) for at in range(0, len(body), size)), end())

    return script


def _said(texts: Sequence[str], *, escaped: bool = False, size: int = 0) -> Callable[[Leg], Script]:
    def script(leg: Leg) -> Script:
        body = leg.parts(texts).whole
        if escaped:
            body = "".join(c if ord(c) < 128 else json.dumps(c)[1:-1] for c in body.decode()).encode()
        return (head(), pieces(body, size) if size else data(body), end())

    return script


def _between(odd: bytes) -> Callable[[Leg], Script]:
    """A text of three pieces, the middle one written so."""
    return lambda leg: (head(), data(leg.parts(("<", "X", ">")).whole.replace(b"X", odd)), end())


_MANY = tuple(f"{number} " for number in range(20_000))
_WIDE = "w" * (4 * MIB)
_WIDEST = "w" * int(15.9 * MIB)

_CUTS = (
    odd(
        "one byte a chunk",
        "R-21 R-23",
        lambda leg: (head(), pieces(leg.parts().whole), end()),
        legs=EVERY_LEG,
    ),
    odd("one byte a write, in chunk headers too", "R-23", _raw_pieces(1)),
    odd("three bytes a write, in chunk headers too", "R-23", _raw_pieces(3)),
    odd("all in one chunk", "R-23", lambda leg: (head(), data(leg.parts().whole), end()), legs=EVERY_LEG),
    odd("every character cut", "R-21", _said(("é漢🚀\U0010ffff" * 20,), size=1), text="é漢🚀\U0010ffff" * 20),
    odd("text that looks like events", "R-21", _said(ODD_TEXTS), legs=EVERY_LEG, text="".join(ODD_TEXTS)),
    odd(
        "escaped pairs, cut",
        "R-21",
        _said(ODD_TEXTS, escaped=True, size=3),
        legs=EVERY_LEG,
        text="".join(ODD_TEXTS),
    ),
    # By decision 0006 the escape passes, as it came.
    odd("half a pair", "R-21", _between(b"\\ud83d"), legs=EVERY_LEG, text="<\ud83d>"),
    Fault(
        "invalid UTF-8",
        "R-21 R-28",
        Case(_between(b"\xc3"), "error", text="<"),
        legs=EVERY_LEG,
    ),
    odd("20,000 small frames", "R-21", _said(_MANY), dialects=FEW, text="".join(_MANY)),
    odd("a frame of 4 MiB", "R-24", _said((_WIDE,)), dialects=FEW, text=_WIDE),
    odd("a frame of 15.9 MiB", "R-24", _said((_WIDEST,)), dialects=FEW, text=_WIDEST),
)


GRAMMAR: tuple[Fault, ...] = (*_GRAMMAR, *_CUTS)
