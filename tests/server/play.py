"""Words for the steps that the player app plays (`tests.server.apps.Player`)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

Step = list[Any]

_numbers = itertools.count(1)


def tag() -> str:
    """A name that no other test has."""
    return f"tag-{next(_numbers)}"


def play(name: str, *steps: Step) -> str:
    """The target of a request that plays these steps."""
    return f"/play?tag={name}&steps={quote(json.dumps(steps))}"


def start(status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(text: str = "", *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": text, "more_body": more}


def fill(size: int, *, more: bool = False) -> dict[str, Any]:
    """A body message of so many bytes."""
    return {"type": "http.response.body", "fill": size, "more_body": more}


def send(*messages: dict[str, Any]) -> list[Step]:
    return [["send", message] for message in messages]


def whole(text: str = "ok", status: int = 200) -> list[Step]:
    """A complete response with a length."""
    return send(start(status, [("content-length", str(len(text)))]), body(text))


def gate(name: str) -> Step:
    return ["gate", name]
