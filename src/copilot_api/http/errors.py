"""Errors in the client's own dialect (compat.md 3.3 with D-H3 and D-H4; upstream.md 8.6).

Two styles for what 0.7.0 spoke (chat, messages, embeddings, the model list), chosen by ``--error-style``:

- ``compat`` (default): ``error.message`` is the text 0.7.0 wrote, for an upstream error its raw body, and
  ``error.type`` is ``error``. Members may be added, none is changed.
- ``dialect``: ``error.message`` is plain text and ``error.type`` the dialect's own type.

The other dialects have their own style always, and so has a prompt that is too long over messages: Claude
Code compacts only when it reads Anthropic's words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from copilot_api.engine.interfaces import Dialect
from copilot_api.gateway.errors import ErrorKind, GatewayError, UpstreamRefused
from copilot_api.http import error_words as words
from copilot_api.http.asgi import PlainResponse, json_response
from copilot_api.redaction import redact
from copilot_api.settings import ErrorStyle

_COMPAT: tuple[Dialect, ...] = ("chat", "messages", "embeddings")

_OPENAI_TYPES: dict[ErrorKind, str] = {
    "billing_error": "insufficient_quota",
    "overloaded_error": "server_error",
    "api_error": "server_error",
    "timeout_error": "server_error",
    "not_found_error": "invalid_request_error",
    "request_too_large": "invalid_request_error",
}
_GOOGLE_STATUS: dict[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


def render(error: GatewayError, dialect: Dialect, style: ErrorStyle) -> PlainResponse:
    """Return the error as a response. Tokens that an upstream text echoes are masked (R-08)."""
    if dialect in _COMPAT and style == "compat" and not (dialect == "messages" and error.overflow):
        return json_response(error.status, _compat(error, dialect), error.headers)
    status, body = _RENDERERS.get(dialect, _openai)(error)
    return json_response(status, body, error.headers)


def _compat(error: GatewayError, dialect: Dialect) -> dict[str, Any]:
    inner: dict[str, Any] = {"message": redact(error.compat_message), "type": "error"}
    if error.hint:
        inner["hint"] = error.hint
    if dialect == "messages":
        return {"type": "error", "error": inner}
    return {"error": {**inner, "param": error.param, "code": _openai_code(error)}}


def _openai(error: GatewayError) -> tuple[int, dict[str, Any]]:
    status = 400 if error.overflow else 404 if error.unknown_model else error.status
    kind = "invalid_request_error" if status in (400, 404) else _OPENAI_TYPES.get(error.kind, error.kind)
    inner: dict[str, Any] = {
        "message": _message(error, words.openai),
        "type": kind,
        "param": "model" if error.unknown_model else "messages" if error.overflow else error.param,
        "code": _openai_code(error),
    }
    return status, {"error": inner}


def _responses(error: GatewayError) -> tuple[int, dict[str, Any]]:
    status, body = _openai(error)
    if error.status == 402:
        # Codex shows when the allowance is back, and stops, for this type and status only.
        status = 429
        body["error"] |= {"type": "usage_limit_reached", "code": "insufficient_quota"}
        if error.resets_at is not None:
            body["error"]["resets_at"] = error.resets_at
    elif error.overflow:
        body["error"]["param"] = "input"
    return status, body


def _openai_code(error: GatewayError) -> str | None:
    if error.overflow:
        return "context_length_exceeded"
    if error.unknown_model:
        return "model_not_found"
    if isinstance(error, UpstreamRefused):
        if error.status == 402:
            return error.code or "insufficient_quota"
        if error.status == 429:
            return error.code or "rate_limit_exceeded"
    return error.code


def _anthropic(error: GatewayError) -> tuple[int, dict[str, Any]]:
    status = 400 if error.overflow else 404 if error.unknown_model else error.status
    kind: str = error.kind
    if error.overflow:
        kind = "invalid_request_error"
    elif error.unknown_model:
        kind = "not_found_error"
    body: dict[str, Any] = {
        "type": "error",
        "error": {"type": kind, "message": _message(error, words.anthropic)},
    }
    request_id = _header(error, "x-request-id")
    if request_id:
        body["request_id"] = request_id
    return status, body


def _gemini(error: GatewayError) -> tuple[int, dict[str, Any]]:
    status = error.status
    if error.overflow or status in (413, 415, 422):
        status = 400
    elif error.unknown_model:
        status = 404
    elif status == 402:
        status = 429
    name = _GOOGLE_STATUS.get(status, "INVALID_ARGUMENT" if status < 500 else "INTERNAL")
    inner: dict[str, Any] = {"code": status, "message": _message(error, words.gemini), "status": name}
    seconds = words.seconds_of(_header(error, "retry-after"))
    if seconds is not None and error.status in (429, 503):
        # Without it gemini-cli takes the limit for the day's and gives up: right for a spent allowance.
        inner["details"] = [{"@type": _RETRY_INFO, "retryDelay": f"{seconds}s"}]
    return status, {"error": inner}


def _ollama(error: GatewayError) -> tuple[int, dict[str, Any]]:
    status = 400 if error.overflow else 404 if error.unknown_model else error.status
    if status >= 500 and status not in (503, 504):
        status = 502 if isinstance(error, UpstreamRefused) else status
    return status, {"error": _message(error, words.ollama)}


def _message(error: GatewayError, overflow: Callable[[int, int], str]) -> str:
    if error.overflow:
        return overflow(error.overflow.tokens, error.overflow.limit)
    if error.unknown_model and error.status == 400:
        return words.unknown_model(redact(error.unknown_model))
    text = redact(words.with_times(error, _header(error, "retry-after")))
    return f"{text} ({error.hint})" if error.hint else text


def _header(error: GatewayError, wanted: str) -> str:
    return next((value for name, value in error.headers if name == wanted), "")


_RENDERERS: dict[Dialect, Callable[[GatewayError], tuple[int, dict[str, Any]]]] = {
    "messages": _anthropic,
    "responses": _responses,
    "gemini": _gemini,
    "ollama": _ollama,
}
