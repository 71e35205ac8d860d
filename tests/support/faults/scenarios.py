"""Failures as the official SDKs meet them: which error is raised, and how often upstream was asked.

Each SDK may try once more (``max_retries=1``). The prompt names the scenario: ``scenario NAME``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.support.faults.answers import HTML, MESSAGE, PAGE
from tests.support.faults.legs import LEGS, TEXT, Leg
from tests.support.scripted_upstream import Attempt, Script, ScriptedUpstream
from tests.support.upstream_steps import JSON, data, end, fin, head, hold, raw, reset, whole

_NAMED = re.compile(rb"scenario ([a-z0-9-]+)")
TOO_LONG = "prompt token count of 391491 exceeds the limit of 128000"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One failure. `error` is the class that every official SDK has for it."""

    name: str
    script: Callable[[Leg], Script]
    error: str
    status: int = 0
    """0 for errors within a stream."""
    asked: int = 1
    """Times that upstream is asked."""
    says: str = ""
    retry_after: str = ""
    text: str = ""
    """What was delivered before."""


def _refused(status: int, error: str, asked: int, code: str = "owl", *, retry_after: str = "") -> Scenario:
    headers = (JSON, *((("retry-after", retry_after),) if retry_after else ()))
    body = {"error": {"message": MESSAGE, "code": code}}
    return Scenario(
        f"status-{status}",
        lambda _leg: whole(body, status, headers),
        error,
        status,
        asked,
        MESSAGE,
        retry_after,
    )


def _in_band(name: str, script: Callable[[Leg], Script], says: str = "") -> Scenario:
    return Scenario(name, script, "stream", says=says, text=TEXT)


def _begun(leg: Leg) -> Script:
    return (head(), data(b"".join(leg.parts().broken)))


BEFORE = (
    _refused(400, "BadRequestError", 1),
    # Once with a new token, which is the gateway's doing.
    _refused(401, "AuthenticationError", 2),
    _refused(402, "status", 1, "quota_exceeded"),
    _refused(403, "PermissionDeniedError", 1, "forbidden"),
    _refused(404, "NotFoundError", 1),
    _refused(429, "RateLimitError", 2, "rate_limited", retry_after="1"),
    _refused(500, "InternalServerError", 2),
    _refused(503, "InternalServerError", 2, retry_after="1"),
    _refused(504, "InternalServerError", 2),
    Scenario(
        "web-page",
        lambda _leg: whole(HTML, 502, (PAGE,)),
        "InternalServerError",
        502,
        2,
        "Owl Gateway Error",
    ),
    Scenario("no-head", lambda _leg: (fin(),), "InternalServerError", 502, 2, "closed the connection"),
    Scenario("garbage", lambda _leg: (raw(b"what?\r\n\r\n"), fin()), "InternalServerError", 502, 2),
    Scenario(
        "too-long",
        lambda _leg: whole(
            {"error": {"message": TOO_LONG, "code": "model_max_prompt_tokens_exceeded"}}, 400, (JSON,)
        ),
        "BadRequestError",
        400,
        1,
        "391491",
    ),
)
WITHIN = (
    Scenario(
        "error-first",
        lambda leg: (head(), data(leg.error(MESSAGE, "model_overloaded")), end()),
        "InternalServerError",
        503,
        2,
        MESSAGE,
    ),
    Scenario("head-only", lambda _leg: (head(), fin()), "InternalServerError", 502, 2),
    _in_band("fin", lambda leg: (*_begun(leg), fin())),
    _in_band("reset", lambda leg: (*_begun(leg), reset())),
    _in_band("no-finish", lambda leg: (*_begun(leg), end()), "before the answer was complete"),
    _in_band("error", lambda leg: (*_begun(leg), data(leg.error(MESSAGE, "owl")), end()), MESSAGE),
    _in_band("no-json", lambda leg: (*_begun(leg), data(b"data: {cut\n\n"), end()), "not JSON"),
    _in_band("silence", lambda leg: (*_begun(leg), hold()), "silent for"),
)
"""These fail when a stream was asked for."""
BY_NAME = {scenario.name: scenario for scenario in BEFORE + WITHIN}


def play(upstream: ScriptedUpstream) -> None:
    """Have every request get what its prompt names, on a connection of its own.

    One that was kept may die of having been closed while idle, and is then replaced by another (R-38).
    """

    def choose(attempt: Attempt) -> Script | None:
        found = name_of(attempt)
        leg = next(leg for leg in LEGS.values() if leg.path == attempt.path)
        return (*BY_NAME[found].script(leg), fin()) if found in BY_NAME else None

    for leg in LEGS.values():
        upstream.choose(leg.path, choose)


def name_of(attempt: Attempt) -> str:
    """The scenario that a request asks for."""
    found = _NAMED.search(attempt.body)
    return found[1].decode() if found else ""
