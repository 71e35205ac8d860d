"""Errors in each dialect's shape, for what the running program's tests do not reach."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot_api.engine.interfaces import Dialect
from copilot_api.gateway.errors import BadRequest, GatewayError, NotAllowed, Overflow, UpstreamRefused
from copilot_api.http.errors import render


def shown(error: GatewayError, dialect: Dialect, style: Any = "dialect") -> tuple[int, Any]:
    response = render(error, dialect, style)
    return response.status, json.loads(response.content)


SECRET = "Bearer gho_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
DIALECTS: tuple[Dialect, ...] = (
    "chat",
    "responses",
    "messages",
    "gemini",
    "ollama",
    "completions",
    "embeddings",
)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("style", ["compat", "dialect"])
def test_no_dialect_shows_a_token(dialect: Dialect, style: str) -> None:
    error = UpstreamRefused(500, f"no {SECRET}", compat_message=f"no {SECRET}")
    assert "gho_a" not in json.dumps(shown(error, dialect, style))
    unknown = UpstreamRefused(400, "no")
    unknown.unknown_model = SECRET
    assert "gho_a" not in json.dumps(shown(unknown, dialect, style))


@pytest.mark.parametrize("dialect", ["chat", "responses", "completions", "embeddings"])
def test_openai_shapes(dialect: Dialect) -> None:
    assert shown(BadRequest(400, "bad", param="input", code="invalid_request"), dialect) == (
        400,
        {
            "error": {
                "message": "bad",
                "type": "invalid_request_error",
                "param": "input",
                "code": "invalid_request",
            }
        },
    )


def test_new_dialects_have_their_own_style_always() -> None:
    error = UpstreamRefused(429, "slow down", compat_message="raw", headers=(("retry-after", "3"),))
    for style in ("compat", "dialect"):
        assert shown(error, "responses", style)[1]["error"]["code"] == "rate_limit_exceeded"
        assert shown(error, "gemini", style)[1]["error"]["status"] == "RESOURCE_EXHAUSTED"
        assert shown(error, "ollama", style)[1] == {"error": "slow down. Please try again in 3s."}


def test_an_overflow_without_numbers_still_has_the_words() -> None:
    error = UpstreamRefused(413, "x", compat_message="raw")
    error.overflow = Overflow(0, 0)
    assert shown(error, "messages", "compat")[1]["error"]["message"].startswith("prompt is too long: ")
    assert shown(error, "gemini")[0] == 400


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (NotAllowed(401, "key"), 401, "UNAUTHENTICATED"),
        (BadRequest(413, "large"), 400, "INVALID_ARGUMENT"),
        (BadRequest(408, "slow"), 408, "DEADLINE_EXCEEDED"),
        (GatewayError(418, "tea"), 418, "INVALID_ARGUMENT"),
        (GatewayError(502, "gone"), 502, "INTERNAL"),
    ],
)
def test_names_of_google(error: GatewayError, status: int, name: str) -> None:
    found, body = shown(error, "gemini")
    assert (found, body["error"]["code"], body["error"]["status"]) == (status, status, name)


def test_anthropic_has_the_request_id() -> None:
    error = UpstreamRefused(500, "no", headers=(("x-request-id", "req_1"),))
    assert shown(error, "messages") == (
        500,
        {"type": "error", "error": {"type": "api_error", "message": "no"}, "request_id": "req_1"},
    )
