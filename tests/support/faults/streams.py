"""How a stream is written and cut, how it ends, and how it fails (R-21 to R-29, R-31, R-35)."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from tests.support import chat
from tests.support.faults.cases import ALL, EVERY_LEG, FEW, Case, Fault, LegName
from tests.support.faults.legs import TEXTS, USAGE, Leg, Parts
from tests.support.scripted_upstream import Script, Step
from tests.support.upstream_steps import EVENT_STREAM, data, drip, end, fin, head, hold, pieces, raw, reset

MIB = 1024 * 1024
ODD_TEXTS = (
    'data: {"error": "no"}\n\n',
    "data: [DONE]\n\n",
    "\r\n\r\nevent: error\r\n: ",
    "\u2028\u2029\u0085\x0b\x0c\x1c",
    "\ufeff\u200d\U0001f469\u200d\U0001f4bb e\u0301",
    '"\\ \b\t\x00\x1f',
)


def _whole(
    name: str,
    ids: str,
    script: Callable[[Leg], Script],
    *,
    legs: tuple[LegName, ...] = ("chat",),
    dialects: tuple[str, ...] = ALL,
    **more: Any,
) -> Fault:
    return Fault(name, ids, Case(script, "whole", **more), legs=legs, dialects=dialects)


def _rewritten(name: str, write: Callable[[bytes], bytes], *, size: int = 0, odd: bool = False) -> Fault:
    """The good stream with its bytes changed in a way that does not matter."""

    def script(leg: Leg) -> Script:
        body = write(leg.parts().whole)
        return (head(), pieces(body, size) if size else data(body), end())

    return _whole(name, "R-22", script, legs=EVERY_LEG, odd=odd)


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
    _rewritten("several data lines", _several_data_lines, odd=True),
    _rewritten("id, retry and unknown fields", _with_fields, odd=True),
    _rewritten("events without data", lambda body: b"event: x\nid: 1\n\n\n\n" + body),
    _rewritten("data that is empty", lambda body: b"data\n\ndata:\n\n" + body),
    _rewritten("no blank line at the end", lambda body: body.rstrip(b"\n")),
    _whole(
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
    _whole(
        "one byte a chunk",
        "R-21 R-23",
        lambda leg: (head(), pieces(leg.parts().whole), end()),
        legs=EVERY_LEG,
    ),
    _whole("one byte a write, in chunk headers too", "R-23", _raw_pieces(1)),
    _whole("three bytes a write, in chunk headers too", "R-23", _raw_pieces(3)),
    _whole("all in one chunk", "R-23", lambda leg: (head(), data(leg.parts().whole), end()), legs=EVERY_LEG),
    _whole(
        "every character cut", "R-21", _said(("é漢🚀\U0010ffff" * 20,), size=1), text="é漢🚀\U0010ffff" * 20
    ),
    _whole("text that looks like events", "R-21", _said(ODD_TEXTS), legs=EVERY_LEG, text="".join(ODD_TEXTS)),
    _whole(
        "escaped pairs, cut",
        "R-21",
        _said(ODD_TEXTS, escaped=True, size=3),
        legs=EVERY_LEG,
        text="".join(ODD_TEXTS),
    ),
    # By decision 0006 the escape passes, as it came.
    _whole("half a pair", "R-21", _between(b"\\ud83d"), legs=EVERY_LEG, text="<\ud83d>"),
    Fault(
        "invalid UTF-8",
        "R-21 R-28",
        Case(_between(b"\xc3"), "error", text="<"),
        legs=EVERY_LEG,
    ),
    _whole("20,000 small frames", "R-21", _said(_MANY), dialects=FEW, text="".join(_MANY)),
    _whole("a frame of 4 MiB", "R-24", _said((_WIDE,)), dialects=FEW, text=_WIDE),
    _whole("a frame of 15.9 MiB", "R-24", _said((_WIDEST,)), dialects=FEW, text=_WIDEST),
)


# --------------------------------------------------------------------------------------------------- ends


def _ends(*pick: str) -> Callable[[Leg], Script]:
    """The pieces of a good stream by name, then what comes behind."""

    def script(leg: Leg) -> Script:
        return (head(), *(_piece(leg, name) for name in pick))

    return script


def _piece(leg: Leg, name: str) -> Step:
    parts = leg.parts()
    known: dict[str, Callable[[], Step]] = {
        "deltas": lambda: data(b"".join(parts.broken)),
        "finish": lambda: data(parts.finish),
        "end mark": lambda: data(parts.end),
        "more": lambda: data(parts.deltas[0]),
        "finish without usage": lambda: data(chat.sse(chat.frame(finish="stop"))),
        "usage": lambda: data(chat.sse({**chat.frame(), "choices": [], "usage": USAGE})),
        "end": end,
        "fin": fin,
        "reset": reset,
    }
    return known[name]()


_COMPLETE_AT_FINISH: tuple[LegName, ...] = ("chat", "messages")
"""The Responses format has its finish reason in its end mark."""

_ENDS = (
    _whole(
        "no end mark after the finish reason",
        "R-25",
        _ends("deltas", "finish", "end"),
        legs=_COMPLETE_AT_FINISH,
    ),
    _whole("fin after the finish reason", "R-25", _ends("deltas", "finish", "fin"), legs=_COMPLETE_AT_FINISH),
    _whole(
        "reset after the finish reason", "R-25", _ends("deltas", "finish", "reset"), legs=_COMPLETE_AT_FINISH
    ),
    _whole("fin after the end mark", "R-25", _ends("deltas", "finish", "end mark", "fin"), legs=EVERY_LEG),
    _whole(
        "reset after the end mark", "R-25", _ends("deltas", "finish", "end mark", "reset"), legs=EVERY_LEG
    ),
    _whole(
        "frames after the end mark",
        "R-25",
        _ends("deltas", "finish", "end mark", "more", "end"),
        legs=EVERY_LEG,
    ),
    _whole(
        "usage after the finish reason",
        "R-25",
        _ends("deltas", "finish without usage", "usage", "end mark", "end"),
    ),
    Fault(
        "end without finish reason",
        "R-25 R-26",
        Case(_ends("deltas", "end"), "error"),
        legs=EVERY_LEG,
    ),
    Fault("end mark alone", "R-25 R-36", Case(_ends("end mark", "end"), "status", 502)),
    Fault("head, then fin", "R-26", Case(_ends("fin"), "status", 502), legs=EVERY_LEG),
    Fault("head, then reset", "R-26", Case(_ends("reset"), "status", 502), legs=EVERY_LEG),
    Fault("head, then the end", "R-36", Case(_ends("end"), "status", 502), legs=EVERY_LEG),
)


# -------------------------------------------------------------------------------- failures in the middle


def _after(count: int, *how: Step, part: bool = False) -> Case:
    """All texts up to `count`, and half of the next frame when `part`."""

    def script(leg: Leg) -> Script:
        parts = leg.parts()
        frames: list[bytes] = [parts.opening + parts.deltas[0], *parts.deltas[1:count]]
        if part:
            following = (*parts.deltas, parts.finish)[count]
            frames.append(following[: len(following) // 2])
        return (head(), *(data(frame) for frame in frames), *how)

    return Case(script, "error", text="".join(TEXTS[:count]))


_BOUNDARIES = tuple(
    Fault(f"{how.name} {where} frame {count}", "R-26", _after(count, how, part=part), legs=EVERY_LEG)
    for how in (fin(), reset())
    for count in (1, 2, 3)
    for where, part in (("after", False), ("in the frame after", True))
)


def _then(name: str, ids: str, write: Callable[[Leg], bytes], *, says: str = "", more: bool = True) -> Fault:
    """After the deltas something that ends it; what follows must not be looked at."""

    def script(leg: Leg) -> Script:
        parts = leg.parts()
        following = (data(parts.deltas[0]), data(parts.finish), data(parts.end)) if more else ()
        return (head(), *(data(event) for event in parts.broken), data(write(leg)), *following, end())

    return Fault(name, ids, Case(script, "error", says=says), legs=EVERY_LEG)


def _first(name: str, code: str, status: int, says: str) -> Fault:
    return Fault(
        name,
        "R-27",
        Case(lambda leg: (head(), data(leg.error(says, code)), end()), "status", status, says=says),
    )


_IN_BAND = (
    _first("error as first frame", "model_overloaded", 503, "The model is overloaded."),
    _first("rate limit as first frame", "rate_limited", 429, "Slow down, please."),
    _then(
        "error after the deltas",
        "R-27",
        lambda leg: leg.error("The model is overloaded.", "model_overloaded"),
        says="The model is overloaded.",
    ),
    _then(
        "error and then the end",
        "R-27",
        lambda leg: leg.error("The model is overloaded.", "model_overloaded"),
        says="The model is overloaded.",
        more=False,
    ),
    _then("frame that is no JSON", "R-28", lambda _leg: b'data: {"choices": [{"del\n\n'),
    _then("frame that is HTML", "R-28", lambda _leg: b"data: <html>gateway timeout</html>\n\n"),
    _then("frame that is a list", "R-28", lambda _leg: b"data: [1, 2]\n\n"),
    _then("frame with two documents", "R-28", lambda _leg: b"data: {} {}\n\n"),
    Fault(
        "first frame that is no JSON",
        "R-28",
        Case(lambda _leg: (head(), data(b"data: {not json\n\n"), end()), "status", 502),
        legs=EVERY_LEG,
    ),
    Fault(
        "a line without end",
        "R-24",
        Case(
            lambda leg: (
                head(),
                data(b"".join(leg.parts().broken)),
                data(b"data: " + b"x" * MIB),
                *(data(b"x" * MIB) for _ in range(31)),
                hold(),
            ),
            "error",
        ),
        dialects=FEW,
    ),
)


# ------------------------------------------------------------------------------------------------ silence


def _begun(leg: Leg) -> Step:
    """In one write, so that no limit can end it in between."""
    return data(b"".join(leg.parts().broken))


_SILENCE = (
    Fault(
        "silence",
        "R-29",
        Case(lambda leg: (head(), _begun(leg), hold()), "error", says="silent for"),
        Case(lambda _leg: (head(headers=(("content-type", "application/json"),)), hold()), "status", 504),
        legs=EVERY_LEG,
        limit="idle",
    ),
    Fault(
        "silence within a frame",
        "R-29",
        Case(
            lambda leg: (head(), data(b"".join(leg.parts().broken) + b'data: {"a'), hold()),
            "error",
            says="silent for",
        ),
        Case(
            lambda leg: (
                head(headers=(("content-type", "application/json"),)),
                data(leg.answer()[:20]),
                hold(),
            ),
            "status",
            504,
        ),
        limit="idle",
    ),
    Fault(
        "comments for ever",
        "R-29 R-31",
        Case(
            lambda leg: (head(), _begun(leg), drip(b": still here\n\n", 0.05)),
            "error",
            says="no content for",
        ),
        legs=EVERY_LEG,
        limit="content",
    ),
    Fault(
        "comments for ever, without a pause",
        "R-29 R-31",
        Case(
            lambda leg: (head(), _begun(leg), drip(b": still here\n\n" * 500, 0)),
            "error",
            says="no content for",
        ),
        dialects=FEW,
        limit="content",
    ),
    Fault(
        "comments for ever from the beginning",
        "R-31",
        Case(lambda _leg: (head(), drip(b": still here\n\n", 0.05)), "status", 502, says="no content for"),
        limit="content",
    ),
    Fault(
        "silence from the beginning",
        "R-29",
        Case(lambda _leg: (head(), hold()), "status", 502, says="silent for"),
        limit="idle",
    ),
)


# --------------------------------------------------------------------------------------------- compressed


def _gzip(name: str = "gzip") -> Step:
    return head(headers=(EVENT_STREAM, ("content-encoding", name)))


def _flushed(parts: Parts) -> list[bytes]:
    """A piece for each frame, and the end."""
    packer = zlib.compressobj(wbits=31)
    frames = (*parts.broken, parts.finish, parts.end)
    return [
        *(packer.compress(frame) + packer.flush(zlib.Z_SYNC_FLUSH) for frame in frames),
        packer.flush(),
    ]


def _cut_gzip(leg: Leg) -> Script:
    frames = _flushed(leg.parts())[: len(leg.parts().broken)]
    return (_gzip(), *(data(frame) for frame in frames), end())


def _bomb(leg: Leg) -> Script:
    packer = zlib.compressobj(level=9, wbits=31)
    opened = packer.compress(b"".join(leg.parts().broken)) + packer.flush(zlib.Z_SYNC_FLUSH)
    block = packer.compress(b"\x00" * (64 * MIB)) + packer.flush()
    return (_gzip(), data(opened), data(block), end())


def _json_gzip(leg: Leg) -> bytes:
    return gzip.compress(leg.answer(), mtime=0)


def _packed_head() -> Step:
    return head(headers=(("content-type", "application/json"), ("content-encoding", "gzip")))


def _plain_bomb(leg: Leg) -> bytes:
    return gzip.compress(leg.answer().replace(b"Once", b"O" * (64 * MIB)), mtime=0)


_GZIP = (
    Fault(
        "gzip, flushed at each frame",
        "R-35",
        Case(lambda leg: (_gzip(), *(data(frame) for frame in _flushed(leg.parts())), end()), "whole"),
        Case(lambda leg: (_packed_head(), data(_json_gzip(leg)), end()), "whole"),
        legs=EVERY_LEG,
    ),
    Fault(
        "gzip, a few bytes a chunk",
        "R-35",
        Case(lambda leg: (_gzip(), pieces(gzip.compress(leg.parts().whole, mtime=0), 3), end()), "whole"),
        Case(lambda leg: (_packed_head(), pieces(_json_gzip(leg), 3), end()), "whole"),
    ),
    Fault(
        "gzip, cut",
        "R-35 R-26",
        Case(_cut_gzip, "error"),
        Case(lambda leg: (_packed_head(), data(_json_gzip(leg)[:-20]), end()), "status", 502),
    ),
    Fault(
        "gzip, damaged",
        "R-35 R-26",
        Case(
            lambda leg: (_gzip(), data(b"".join(_flushed(leg.parts())[:3])), data(b"\xff" * 40), end()),
            "error",
        ),
        Case(lambda leg: (_packed_head(), data(_json_gzip(leg)[:30] + b"\xff" * 40), end()), "status", 502),
    ),
    Fault(
        "gzip that unfolds to a thousand times its size",
        "R-35",
        Case(_bomb, "error"),
        Case(lambda leg: (_packed_head(), data(_plain_bomb(leg)), end()), "status", 502),
        dialects=FEW,
    ),
    Fault(
        "a coding that nobody asked for",
        "R-35",
        Case(lambda leg: (_gzip("rot13"), data(leg.parts().whole), end()), "status", 502),
        Case(
            lambda leg: (
                head(headers=(("content-type", "application/json"), ("content-encoding", "rot13"))),
                data(leg.answer()),
                end(),
            ),
            "status",
            502,
        ),
    ),
)

STREAMS: tuple[Fault, ...] = (*_GRAMMAR, *_CUTS, *_ENDS, *_BOUNDARIES, *_IN_BAND, *_SILENCE, *_GZIP)
