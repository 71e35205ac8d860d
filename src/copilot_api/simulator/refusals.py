"""Error answers in the shapes that Copilot's endpoints give them (upstream.md 8.1)."""

from __future__ import annotations

import json
from typing import Any


class Refused(Exception):
    """An error answer: status and the exact body."""

    def __init__(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.content_type = content_type


def error(status: int, message: str, code: str, **more: Any) -> Refused:
    """Return the usual JSON error."""
    body = {"error": {"message": message, "code": code, **more}}
    return Refused(status, json.dumps(body).encode() + b"\n")


def plain(status: int, message: str) -> Refused:
    """Return an error that is text."""
    return Refused(status, message.encode() + b"\n", "text/plain; charset=utf-8")


def anthropic(status: int, message: str, kind: str = "invalid_request_error") -> Refused:
    """Return an error of the Messages endpoint."""
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_simulator"}
    return Refused(status, json.dumps(body).encode())
