"""What HTTP can do wrong on its way, and what only looks wrong (R-13, R-14, R-30, R-38)."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.faults.cases import EVERY_LEG, Case, Fault, both
from tests.support.faults.legs import Leg
from tests.support.scripted_upstream import Script, Step
from tests.support.upstream_steps import (
    EVENT_STREAM,
    JSON,
    data,
    fin,
    head,
    hold,
    pause,
    raw,
    reset,
)

Header = tuple[str, str]
FORGED = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 6\r\n\r\nforged"


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


def _head(kind: Header, *fields: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", ": ".join(kind), *fields, "", ""]).encode()


# ----------------------------------------------------------------------------------- instead of an answer


def _instead(name: str, *steps: Step, ids: str = "R-13 R-38", status: int = 502) -> Fault:
    return both(name, ids, lambda _leg: steps, "status", status=status, legs=EVERY_LEG)


def _fields(*fields: str, body: bytes = b"123456") -> Script:
    return raw(_head(JSON, *fields) + body), fin()


_INSTEAD = (
    _instead("fin instead of a head", fin()),
    _instead("reset instead of a head", reset()),
    _instead("half a head, then fin", raw(b"HTTP/1.1 200 OK\r\nContent-Ty"), fin()),
    _instead("half a head, then reset", raw(b"HTTP/1.1 200 OK\r\nContent-Ty"), reset()),
    _instead("garbage instead of a head", raw(b"\x00\x01\x02 what?\r\n\r\n"), fin()),
    _instead("another protocol", raw(b"SSH-2.0-OpenSSH_9.9\r\n"), fin()),
    _instead("status that is no number", raw(b"HTTP/1.1 2OO OK\r\ncontent-length: 2\r\n\r\n{}"), fin()),
    _instead("version of HTTP that is none", raw(b"HTTP/9.9 200 OK\r\ncontent-length: 2\r\n\r\n{}"), fin()),
    _instead("field without a colon", raw(b"HTTP/1.1 200 OK\r\nwhat is this\r\n\r\n"), fin()),
    _instead("one field of 300 kilobytes", *_fields("x-pad: " + "p" * 300_000), ids="R-14"),
    _instead("20,000 fields", *_fields(*(f"x-{n}: {n:20}" for n in range(20_000))), ids="R-14"),
    _instead("two lengths", *_fields("content-length: 5", "content-length: 6")),
    _instead("a length that is none", *_fields("content-length: 0x6")),
    _instead("a negative length", *_fields("content-length: -6")),
    _instead("transfer coding that nobody knows", *_fields("transfer-encoding: chunked, rot13")),
    _instead(
        "101 without being asked", raw(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"), fin()
    ),
    Fault(
        "silence instead of a head",
        "R-30",
        Case(lambda _leg: (hold(),), "status", 504, says="within"),
        Case(lambda _leg: (hold(),), "status", 504, says="within"),
        legs=EVERY_LEG,
        limit="first_byte",
    ),
    Fault(
        "half a head, then silence",
        "R-30",
        Case(lambda _leg: (raw(b"HTTP/1.1 200 OK\r\ncontent-"), hold()), "status", 504, says="within"),
        Case(lambda _leg: (raw(b"HTTP/1.1 200 OK\r\ncontent-"), hold()), "status", 504, says="within"),
        limit="first_byte",
    ),
)


# ---------------------------------------------------------------------------------- whole, in an odd way


def _odd(name: str, ids: str, script: Callable[[Header, bytes], Script], *, taints: bool = False) -> Fault:
    return Fault(
        name,
        ids,
        Case(lambda leg: script(EVENT_STREAM, leg.parts().whole), "whole"),
        Case(lambda leg: script(JSON, leg.answer()), "whole"),
        taints=taints,
    )


def _length(kind: Header, body: bytes) -> bytes:
    return _head(kind, f"content-length: {len(body)}") + body


def _chunked(kind: Header, body: bytes, *fields: str, extension: bytes = b"", trailers: bytes = b"") -> bytes:
    half = len(body) // 2
    pieces = [body[:half], body[half:]]
    framed = b"".join(b"%x%s\r\n%s\r\n" % (len(each), extension, each) for each in pieces)
    return (
        _head(kind, "transfer-encoding: chunked", *fields)
        + framed
        + b"0"
        + extension
        + b"\r\n"
        + trailers
        + b"\r\n"
    )


def _slow_head(kind: Header, body: bytes) -> Script:
    return (pause(0.3), raw(_length(kind, body)))


_ODD = (
    _odd("until the close", "R-13", lambda kind, body: (raw(_head(kind, "connection: close") + body), fin())),
    _odd("a length for a stream too", "R-13", lambda kind, body: (raw(_length(kind, body)),)),
    _odd(
        "HTTP/1.0",
        "R-13",
        lambda kind, body: (raw(_length(kind, body).replace(b"HTTP/1.1", b"HTTP/1.0")), fin()),
    ),
    _odd(
        "1xx before the head",
        "R-13",
        lambda kind, body: (
            raw(
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
                + _length(kind, body)
            ),
        ),
    ),
    _odd(
        "chunk extensions",
        "R-13",
        lambda kind, body: (raw(_chunked(kind, body, extension=b';name="a; b";last')),),
    ),
    _odd(
        "trailers",
        "R-13",
        lambda kind, body: (raw(_chunked(kind, body, trailers=b"x-checksum: 1\r\nset-cookie: a=b\r\n")),),
    ),
    _odd(
        "a second answer behind the first",
        "R-13",
        lambda kind, body: (raw(_chunked(kind, body) + FORGED), fin()),
        taints=True,
    ),
    _odd(
        "a second answer behind the first, and the connection stays",
        "R-13",
        lambda kind, body: (raw(_length(kind, body) + FORGED),),
        taints=True,
    ),
    _odd(
        "bytes beyond the message",
        "R-13",
        lambda kind, body: (raw(_length(kind, body) + b'data: {"forged": 1}\n\n'),),
        taints=True,
    ),
    _odd("a slow head within the limit", "R-30", _slow_head),
)


# ------------------------------------------------------------------------------------- cut in the middle


def _cut(name: str, *how: Step, ids: str = "R-13 R-26") -> Fault:
    """After all deltas of a stream, and after half of a whole answer."""

    def stream(leg: Leg) -> Script:
        return (head(), *(data(event) for event in leg.parts().broken), *how)

    def plain(leg: Leg) -> Script:
        answer = leg.answer()
        return (head(headers=(JSON,)), data(answer[: len(answer) // 2]), *how)

    return Fault(name, ids, Case(stream, "error"), Case(plain, "status", 502), legs=EVERY_LEG)


def _with_length(name: str, *how: Step) -> Fault:
    def stream(leg: Leg) -> Script:
        return (head(framing=99_999), *(data(event) for event in leg.parts().broken), *how)

    def plain(leg: Leg) -> Script:
        answer = leg.answer()
        return (head(headers=(JSON,), framing=len(answer) + 1), data(answer), *how)

    return Fault(name, "R-13 R-26", Case(stream, "error"), Case(plain, "status", 502))


def _until_close() -> Fault:
    def stream(leg: Leg) -> Script:
        return (head(framing="close"), *(data(event) for event in leg.parts().broken), fin())

    def plain(leg: Leg) -> Script:
        return (head(headers=(JSON,), framing="close"), data(leg.answer()[:-9]), fin())

    return Fault("until the close, cut", "R-26 R-28", Case(stream, "error"), Case(plain, "status", 502))


def _without_last_chunk(name: str, how: Step) -> Fault:
    """The answer is all there, the last chunk is not: a stream knows its end, a whole answer does not."""

    def stream(leg: Leg) -> Script:
        return (head(), data(leg.parts().whole), how)

    def plain(leg: Leg) -> Script:
        return (head(headers=(JSON,)), data(leg.answer()), how)

    return Fault(name, "R-13 R-25", Case(stream, "whole"), Case(plain, "status", 502), legs=EVERY_LEG)


_CUT = (
    _cut("fin within the body", fin()),
    _cut("reset within the body", reset()),
    _cut("fin within a chunk", raw(b"64\r\ndata: {"), fin()),
    _cut("reset within a chunk", raw(b"64\r\ndata: {"), reset()),
    _cut("fin within a chunk's size", raw(b"6"), fin()),
    _cut("chunk size that is none", raw(b"zz\r\nwhat\r\n"), hold()),
    _cut("negative chunk size", raw(b"-4\r\nwhat\r\n"), hold()),
    _cut("chunk size with a prefix", raw(b"0x4\r\nwhat\r\n"), hold()),
    _cut("chunk size beyond all numbers", raw(b"fffffffffffffffff\r\nwhat\r\n"), fin()),
    _cut("chunk without its end", raw(b"4\r\nwhatXX"), hold()),
    _cut("an answer within the chunks", raw(FORGED), hold()),
    _with_length("length longer than the body, fin", fin()),
    _with_length("length longer than the body, reset", reset()),
    _until_close(),
    _without_last_chunk("fin in place of the last chunk", fin()),
    _without_last_chunk("reset in place of the last chunk", reset()),
)

FRAMING: tuple[Fault, ...] = (*_INSTEAD, *_ODD, *_CUT)
