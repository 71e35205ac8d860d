"""Failures of an upstream by name, with what a client must see of each: one table for all dialects.

The texts are streamed before the failure. ``seen`` says what is right for a *stream* (reliability.md 3):

- ``status``: no byte of the answer came, so the client gets `status` and an error body;
- ``error``: the client gets all texts, then one in-band error and no end mark;
- ``whole``: the client gets all texts and the end mark, as if nothing were.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import Literal

from tests.support import chat
from tests.support.scripted_upstream import Script
from tests.support.upstream_steps import (
    DONE,
    EVENT_STREAM,
    JSON,
    completion,
    data,
    done,
    end,
    event,
    fin,
    finish,
    frame,
    head,
    hold,
    pieces,
    raw,
    reset,
    together,
    whole,
)

Seen = Literal["status", "error", "whole"]
TEXTS = ("Once ", "upon é漢🚀\u2028", " a time")
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Failure:
    """One row of the table."""

    name: str
    script: Script
    seen: Seen
    status: int = 0
    """HTTP status that the client gets; 0 when it is 200 and a stream."""
    texts: tuple[str, ...] = TEXTS
    attempts: int = 1
    """Times that the gateway may ask (R-38)."""
    timeout: Literal["", "first_byte", "idle"] = ""
    """The gateway's own limit that ends it; the test sets that to a fraction of a second."""


def _opening(*, framing: Literal["chunked", "close"] = "chunked") -> Script:
    return (head(framing=framing), *(frame(text) for text in TEXTS))


def _complete() -> Script:
    return (finish(), done())


def _flat(*texts: str) -> bytes:
    return b"".join(event(text) for text in texts) + event(chat.frame(finish="stop")) + DONE


def _text(content: str) -> tuple[tuple[str, str], ...]:
    return (("content-type", content),)


_ERROR = {"error": {"message": "The model is overloaded.", "code": "model_overloaded"}}
_WIDE = "w" * (4 * MIB)

FAILURES: tuple[Failure, ...] = (
    # before the head
    Failure("fin instead of a head", (fin(),), "status", 502),
    Failure("reset instead of a head", (reset(),), "status", 502),
    Failure("half a head, then fin", (raw(b"HTTP/1.1 200 OK\r\nContent-Ty"), fin()), "status", 502),
    Failure("garbage instead of a head", (raw(b"\x00\x01\x02 what?\r\n\r\n"), fin()), "status", 502),
    Failure("another protocol", (raw(b"SSH-2.0-OpenSSH_9.9\r\n"), fin()), "status", 502),
    Failure(
        "a head without end",
        (raw(b"HTTP/1.1 200 OK\r\n" + b"x-pad: " + b"p" * 300_000 + b"\r\n\r\n"), fin()),
        "status",
        502,
    ),
    Failure(
        "two lengths",
        (raw(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n123456"), fin()),
        "status",
        502,
    ),
    Failure("silence instead of a head", (hold(),), "status", 504, timeout="first_byte"),
    # answers that are errors
    Failure("status 400", whole(_ERROR, 400), "status", 400),
    Failure("status 403", whole(_ERROR, 403), "status", 403),
    Failure("status 429", whole(_ERROR, 429, [JSON, ("retry-after", "7")]), "status", 429),
    Failure("status 500", whole(_ERROR, 500), "status", 500),
    Failure("status 503 in HTML", whole(b"<html>down</html>", 503, _text("text/html")), "status", 503),
    Failure("redirect", whole(b"", 302, [("location", "http://127.0.0.1:1/trap")]), "status", 502),
    Failure("200 with HTML", whole(b"<html>hotel</html>", 200, _text("text/html")), "status", 502),
    Failure("200 with nothing", whole(b"", 200, [EVENT_STREAM]), "status", 502),
    Failure("JSON instead of a stream", whole(completion("".join(TEXTS))), "whole"),
    Failure("error as first frame", (head(), frame(_ERROR), end()), "status", 503),
    Failure("garbage as first frame", (head(), frame(b"{not json"), end()), "status", 502),
    Failure("end mark alone", (head(), done(), end()), "status", 502),
    # within the stream
    Failure("fin between frames", (*_opening(), fin()), "error"),
    Failure("reset between frames", (*_opening(), reset()), "error"),
    Failure("fin within a frame", (*_opening(), data(b'data: {"choices": [{"delta"'), fin()), "error"),
    Failure("reset within a frame", (*_opening(), data(b'data: {"choices": [{"delta"'), reset()), "error"),
    Failure("fin within a chunk", (*_opening(), raw(b"64\r\ndata: {"), fin()), "error"),
    Failure("chunk size that is none", (*_opening(), raw(b"zz\r\nwhat\r\n"), fin()), "error"),
    Failure("chunk without its end", (*_opening(), raw(b"4\r\nwhatXX"), fin()), "error"),
    Failure("clean end without finish reason", (*_opening(), end()), "error"),
    Failure(
        "length longer than the body", (head(framing=9999), *(frame(text) for text in TEXTS), fin()), "error"
    ),
    Failure("until the close, cut", (*_opening(framing="close"), fin()), "error"),
    Failure("error frame", (*_opening(), frame(_ERROR), end()), "error"),
    Failure(
        "frame that is no JSON", (*_opening(), frame(b'{"choices": [{"del'), *_complete(), end()), "error"
    ),
    Failure("silence", (*_opening(), hold()), "error", timeout="idle"),
    Failure(
        "a line without end",
        (*_opening(), data(b"data: " + b"x" * MIB), *(data(b"x" * MIB) for _ in range(32)), hold()),
        "error",
    ),
    # whole all the same
    Failure("no end mark after the finish reason", (*_opening(), finish(), end()), "whole"),
    Failure("fin after the finish reason", (*_opening(), finish(), fin()), "whole"),
    Failure("fin after the end mark", (*_opening(), *_complete(), fin()), "whole"),
    Failure("frames after the end mark", (*_opening(), *_complete(), frame("never"), end()), "whole"),
    Failure("until the close, whole", (*_opening(framing="close"), *_complete(), fin()), "whole"),
    Failure(
        "1xx before the head",
        (raw(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"), *_opening(), *_complete(), end()),
        "whole",
    ),
    Failure(
        "a second answer behind the first",
        (
            together(
                *_opening(), *_complete(), end(), raw(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged")
            ),
            fin(),
        ),
        "whole",
    ),
    Failure("one byte a chunk", (head(), pieces(_flat(*TEXTS)), end()), "whole"),
    Failure("all in one chunk", (together(head(), data(_flat(*TEXTS)), end()),), "whole"),
    Failure("CR LF", (head(), data(_flat(*TEXTS).replace(b"\n", b"\r\n")), end()), "whole"),
    Failure("CR alone", (head(), pieces(_flat(*TEXTS).replace(b"\n", b"\r"), 7), end()), "whole"),
    Failure("BOM", (head(), data(b"\xef\xbb\xbf" + _flat(*TEXTS)), end()), "whole"),
    Failure(
        "comments and other fields",
        (head(), data(b": hi\n\nid: 1\nretry: 5\nevent: x\n\n:\n" + _flat(*TEXTS)), end()),
        "whole",
    ),
    Failure("no blank line at the end", (head(), data(_flat(*TEXTS)[:-2]), end()), "whole"),
    Failure(
        "a frame of four mebibytes", (head(), frame(_WIDE), *_complete(), end()), "whole", texts=(_WIDE,)
    ),
    Failure(
        "empty choices and usage",
        (
            head(),
            frame({**chat.frame(), "choices": [], "prompt_filter_results": []}),
            *(frame(text) for text in TEXTS),
            finish(),
            frame(
                {
                    **chat.frame(),
                    "choices": [],
                    "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
                }
            ),
            done(),
            end(),
        ),
        "whole",
    ),
    Failure(
        "gzip",
        (
            head(headers=(EVENT_STREAM, ("content-encoding", "gzip"))),
            pieces(gzip.compress(_flat(*TEXTS), mtime=0), 11),
            end(),
        ),
        "whole",
    ),
)


def named(name: str) -> Failure:
    """The row of that name."""
    return next(each for each in FAILURES if each.name == name)


def read_chat(stream: bytes) -> tuple[str, bool, list[str]]:
    """Text, whether the end mark came, and the error messages of a chat stream that a client got."""
    text, ended, errors = "", False, []
    for block in stream.decode().split("\n\n"):
        for line in block.split("\n"):
            if not line.startswith("data: "):
                continue
            assert not ended, "something came after the end mark"
            if line == "data: [DONE]":
                ended = True
                continue
            value = json.loads(line[6:])
            if "error" in value:
                errors.append(value["error"]["message"])
                continue
            text += "".join(choice["delta"].get("content") or "" for choice in value["choices"])
    return text, ended, errors


def read_messages(stream: bytes) -> tuple[str, bool, list[str]]:
    """The same of an Anthropic stream."""
    text, ended, errors = "", False, []
    for block in stream.decode().split("\n\n"):
        lines = [line[6:] for line in block.split("\n") if line.startswith("data: ")]
        if not lines:
            continue
        assert not ended, "something came after the end mark"
        value = json.loads(lines[0])
        if value["type"] == "content_block_delta":
            text += value["delta"].get("text", "")
        elif value["type"] == "message_stop":
            ended = True
        elif value["type"] == "error":
            errors.append(value["error"]["message"])
    return text, ended, errors
