"""What an error of Copilot means: upstream.md 8.2 to 8.4, with the recorded bodies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from copilot_api.copilot.errors import UpstreamFault, read_fault
from copilot_api.copilot.resets import resets_at

ERRORS = Path(__file__).parents[2] / "fixtures/upstream/errors"


def fault(message: str, status: int = 400, **members: Any) -> UpstreamFault:
    return read_fault(status, json.dumps({"error": {"message": message, **members}}).encode())


def recorded() -> list[Path]:
    return sorted(ERRORS.glob("*.json"))


@pytest.mark.parametrize(
    ("made", "numbers"),
    [
        (
            fault(
                "prompt token count of 391491 exceeds the limit of 128000",
                code="model_max_prompt_tokens_exceeded",
            ),
            (391491, 128000),
        ),
        (
            fault(
                "prompt is too long: 1051542 tokens > 1000000 maximum",
                code="model_max_prompt_tokens_exceeded",
            ),
            (1051542, 1000000),
        ),
        (
            fault(
                "Your input exceeds the context window of this model. Please adjust your input.",
                code="invalid_request_body",
            ),
            (0, 0),
        ),
        (fault("no", code="context_length_exceeded"), (0, 0)),
        (fault("failed to parse request", 413), (0, 0)),
        (
            fault("This model's maximum context length is 100 tokens. However, you sent 120 tokens."),
            (120, 100),
        ),
        (fault("prompt is too long", 500), None),
        (fault("The requested model is not supported.", code="model_not_supported"), None),
    ],
)
def test_overflow(made: UpstreamFault, numbers: tuple[int, int] | None) -> None:
    assert made.overflow == numbers


@pytest.mark.parametrize(
    ("message", "code", "wrong"),
    [
        ('model "gpt-5.4-mini" is not accessible via the /chat/completions endpoint', None, True),
        ("model gpt-5.4 is not accessible via the /v1/messages endpoint", "", True),
        ("The /chat/completions endpoint is not supported for this model", None, True),
        ("anything", "unsupported_api_for_model", True),
        (
            "Function tools with reasoning_effort are not supported. Please use /v1/responses instead.",
            None,
            True,
        ),
        ("The requested model is not supported.", "model_not_supported", False),
    ],
)
def test_wrong_endpoint(message: str, code: str | None, wrong: bool) -> None:
    assert fault(message, code=code).wrong_leg is wrong


@pytest.mark.parametrize(
    ("made", "member"),
    [
        (fault("Unsupported parameter: 'temperature' is not supported with this model."), "temperature"),
        (fault("x", code="unsupported_parameter", param="top_p"), "top_p"),
        (fault("x", code="unsupported_value", param="reasoning.summary"), "reasoning.summary"),
        (fault("context_management: Extra inputs are not permitted"), "context_management"),
        (fault("output_config.effort: Extra inputs are not permitted"), "output_config.effort"),
        (fault("Unknown parameter: 'client_metadata'."), "client_metadata"),
        (fault("Unrecognized request argument supplied: prompt_cache_key"), "prompt_cache_key"),
        (fault("`temperature` and `top_p` cannot both be specified for this model."), "top_p"),
        (fault("effort high is not supported", code="invalid_reasoning_effort"), "reasoning_effort"),
        (fault("x", code="unsupported_value", param="model"), ""),
        (fault("x", code="unsupported_value", param="messages[0].content"), ""),
        (fault("x", code="unsupported_value", param="tools.0.custom"), ""),
        (fault("Unsupported parameter: 'max_tokens'"), ""),
        (fault("x", 500, code="unsupported_parameter", param="top_p"), ""),
        (fault("nothing is named here"), ""),
    ],
)
def test_refused_member(made: UpstreamFault, member: str) -> None:
    assert made.refused_member == member


@pytest.mark.parametrize(
    ("message", "code", "refuses"),
    [
        ("messages.1.content.0: Invalid `signature` in `thinking` block", None, True),
        ("Invalid signature in thinking block", None, True),
        ("x", "invalid_encrypted_content", True),
        ("Invalid 'input[1].id': 'x'. Expected an ID that begins with 'rs'.", None, True),
        ("input item ID does not belong to this connection", None, True),
        ("The encrypted content could not be verified.", None, True),
        ("signature of the commit is invalid", None, False),
    ],
)
def test_refused_reasoning(message: str, code: str | None, refuses: bool) -> None:
    assert fault(message, code=code).refuses_reasoning is refuses


def test_recorded_errors_are_read() -> None:
    assert recorded()
    for path in recorded():
        for status in (400, 403, 413, 429):
            found = read_fault(status, path.read_bytes())
            # Whatever the body is, reading it never fails.
            _ = (found.overflow, found.wrong_leg, found.refused_member, found.refuses_reasoning)
            assert found.message


def test_a_failed_response_is_read() -> None:
    error = {"code": "context_length_exceeded", "message": "too long"}
    frame = {"type": "response.failed", "response": {"id": "resp_1", "error": error}}
    found = read_fault(502, json.dumps(frame).encode())
    assert (found.message, found.code, found.overflow) == ("too long", "context_length_exceeded", (0, 0))


def test_seat_changed_is_a_plain_403_only() -> None:
    assert read_fault(403, b"access to this endpoint is forbidden\n").seat_changed
    assert not fault("no", 403, code="model_not_allowed").seat_changed
    assert not read_fault(401, b"unauthorized: token expired").seat_changed


SPENT = "ent=300&ov=0.0&ovPerm=false&rem=0&rst=2026-12-01T00%3A00%3A00Z"
NOW = 1_795_390_000.0


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, None),
        ({"x-quota-snapshot-premium_interactions": SPENT}, 1_796_083_200),
        ({"x-quota-snapshot-premium_interactions": SPENT.replace("rem=0", "rem=57.6")}, None),
        ({"x-quota-snapshot-chat": "rem=0&rst=soon"}, None),
        ({"x-quota-snapshot-chat": SPENT.replace("2026", "1999")}, None),
        ({"retry-after": "7200"}, int(NOW) + 7200),
        ({"retry-after": "3"}, None),
        ({"retry-after": "Thu, 26 Nov 2026 10:00:00 GMT"}, None),
        ({"retry-after": "9" * 40}, None),
    ],
)
def test_reset_times(headers: dict[str, str], found: int | None) -> None:
    assert resets_at(headers, NOW) == found
