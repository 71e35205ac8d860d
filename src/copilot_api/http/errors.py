"""Errors in the client's own dialect (compat.md 3.3 with D-H3 and D-H4; upstream.md 8.6).

Two styles, chosen by ``--error-style``:

- ``compat`` (default): ``error.message`` is the text 0.7.0 wrote, for an upstream error its raw body, and
  ``error.type`` is ``error``. Members may be added, none is changed.
- ``dialect``: ``error.message`` is plain text and ``error.type`` the dialect's own type.
"""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import Dialect
from copilot_api.gateway.errors import ErrorKind, GatewayError
from copilot_api.http.asgi import PlainResponse, json_response
from copilot_api.redaction import redact
from copilot_api.settings import ErrorStyle

_OPENAI_TYPES: dict[ErrorKind, str] = {
    "billing_error": "insufficient_quota",
    "overloaded_error": "server_error",
    "api_error": "server_error",
    "timeout_error": "server_error",
    "not_found_error": "invalid_request_error",
    "request_too_large": "invalid_request_error",
}


def render(error: GatewayError, dialect: Dialect, style: ErrorStyle) -> PlainResponse:
    """Return the error as a response. Tokens that an upstream text echoes are masked (R-08)."""
    inner: dict[str, Any]
    if style == "compat":
        inner = {"message": redact(error.compat_message), "type": "error"}
    elif dialect == "messages":
        inner = {"type": error.kind, "message": redact(error.message)}
    else:
        inner = {
            "message": redact(error.message),
            "type": _OPENAI_TYPES.get(error.kind, error.kind),
        }
    if dialect != "messages":
        inner["param"] = error.param
        inner["code"] = error.code
    outer: dict[str, Any] = {"error": inner}
    if dialect == "messages":
        outer = {"type": "error", **outer}
    return json_response(error.status, outer, error.headers)
