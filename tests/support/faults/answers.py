"""Answers that are errors, and answers of the wrong kind (R-10, R-36, R-37, R-43)."""

from __future__ import annotations

import json
from typing import Any

from tests.support.faults.cases import EVERY_LEG, Case, Fault, both
from tests.support.faults.legs import Leg
from tests.support.scripted_upstream import Script
from tests.support.upstream_steps import EVENT_STREAM, JSON, data, end, head, together, whole

MESSAGE = "The owl has left."
HTML = b"<!DOCTYPE html><html><head><title>Owl Gateway Error</title></head><body>" + b"<p>x</p>" * 2000
PAGE = ("content-type", "text/html; charset=utf-8")
LIMITS = (("retry-after", "7"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1900000000"))
CODES = {
    401: "unauthorized",
    402: "quota_exceeded",
    403: "forbidden",
    429: "rate_limited",
}


def _status(status: int) -> Fault:
    error = {"error": {"message": MESSAGE, "code": CODES.get(status, "owl")}}
    sent = LIMITS if status in (429, 503) else ()
    # A 401 is asked again with a new token.
    return both(
        f"status {status}",
        "R-37 R-43" if status == 401 else "R-37",
        lambda _leg: whole(error, status, (JSON, *sent)),
        "status",
        status=status,
        says="" if status == 413 else MESSAGE,
        headers=sent,
        hint={401: "sign in again", 403: "settings/copilot"}.get(status, ""),
        attempts=2 if status == 401 else 1,
        legs=EVERY_LEG,
    )


def _page(status: int) -> Fault:
    return both(
        f"status {status} as a web page",
        "R-37",
        lambda _leg: whole(HTML, status, (PAGE,)),
        "status",
        status=status,
        says="Owl Gateway Error",
    )


def _other(name: str, body: bytes | Any, status: int, *headers: tuple[str, str], says: str = "") -> Fault:
    return both(name, "R-37", lambda _leg: whole(body, status, headers), "status", status=status, says=says)


def _redirect(status: int) -> Fault:
    return both(
        f"redirect {status}",
        "R-10",
        lambda _leg: whole(b"", status, [("location", "http://127.0.0.1:1/trap")]),
        "status",
        status=502,
        says="redirect",
    )


STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529)

_STATUSES = (
    *(_status(status) for status in STATUSES),
    *(_page(status) for status in (404, 500, 502, 503, 504)),
    _other("status 500 without a body", b"", 500, says="500"),
    _other(
        "status 502 in plain text",
        b"upstream connect error",
        502,
        ("content-type", "text/plain"),
        says="connect",
    ),
    _other("status 503 that says it is JSON", b"{cut", 503, JSON),
    _other("status 500 with a list", [1, 2], 500, JSON),
    _redirect(301),
    _redirect(302),
    _redirect(307),
)


def _sse_for_json(leg: Leg) -> Script:
    return (head(), data(leg.parts().whole), end())


def _kind(content: str) -> tuple[tuple[str, str], ...]:
    return (("content-type", content),)


def _answer(leg: Leg, **members: Any) -> bytes:
    return json.dumps({**leg.whole("x"), **members}).encode()


_KINDS = (
    both("200 with a web page", "R-36", lambda _leg: whole(HTML, 200, (PAGE,)), "status", status=502),
    both("200 with nothing", "R-36", lambda _leg: whole(b"", 200, (JSON,)), "status", status=502),
    both("204", "R-36", lambda _leg: (together(head(204, (), framing=0)),), "status", status=502),
    both("200 with null", "R-36", lambda _leg: whole(b"null", 200, (JSON,)), "status", status=502),
    both("200 with a list", "R-36", lambda _leg: whole(b"[]", 200, (JSON,)), "status", status=502),
    both("200 with two documents", "R-36", lambda _leg: whole(b"{} {}", 200, (JSON,)), "status", status=502),
    both(
        "200 with an error",
        "R-36",
        lambda _leg: whole({"error": {"message": MESSAGE, "code": "owl"}}),
        "status",
        status=502,
    ),
    Fault(
        "200 without choices",
        "R-36",
        plain=Case(lambda _leg: whole({"id": "x", "object": "chat.completion"}), "status", 502),
        stream=Case(lambda _leg: whole({"id": "x", "object": "chat.completion"}), "status", 502),
    ),
    Fault(
        "200 whose choices are none",
        "R-36",
        plain=Case(lambda leg: whole(_answer(leg, choices="none")), "status", 502),
        stream=Case(lambda leg: whole(_answer(leg, choices="none")), "status", 502),
    ),
    Fault(
        "JSON instead of a stream",
        "R-36",
        Case(lambda leg: whole(leg.answer()), "whole"),
        legs=EVERY_LEG,
    ),
    Fault(
        "a stream instead of JSON",
        "R-36",
        plain=Case(_sse_for_json, "status", 502),
        legs=EVERY_LEG,
    ),
    Fault(
        "no content type",
        "R-36",
        Case(lambda leg: (head(headers=()), data(leg.parts().whole), end()), "whole"),
        Case(lambda leg: whole(leg.answer(), 200, ()), "whole"),
        legs=EVERY_LEG,
    ),
    Fault(
        "a content type with parameters, in capitals",
        "R-36",
        Case(
            lambda leg: (
                head(headers=_kind("TEXT/Event-Stream; charset=UTF-8")),
                data(leg.parts().whole),
                end(),
            ),
            "whole",
        ),
        Case(lambda leg: whole(leg.answer(), 200, _kind("Application/JSON; charset=utf-8")), "whole"),
    ),
    Fault(
        "a web page that says it is a stream",
        "R-36",
        Case(lambda _leg: whole(HTML, 200, (EVENT_STREAM,)), "status", 502),
    ),
    Fault(
        "cut JSON with its length right",
        "R-28 R-36",
        plain=Case(lambda leg: whole(leg.answer()[:-9], 200, (JSON,)), "status", 502),
        legs=EVERY_LEG,
    ),
)

ANSWERS: tuple[Fault, ...] = (*_STATUSES, *_KINDS)
