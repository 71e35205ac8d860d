"""Classes of failures: which end is which, what the log says, and what it must not say (R-59, R-08)."""

from __future__ import annotations

import logging
import re
from typing import get_args

import pytest

from copilot_api.engine.client_interfaces import Outcome, RelaySummary
from copilot_api.engine.interfaces import (
    AnswerTooLarge,
    ConnectFailed,
    ConnectionLost,
    ConnectTimeout,
    FirstByteTimeout,
    IdleTimeout,
    StreamEnd,
    StreamFacts,
    UpstreamError,
)
from copilot_api.gateway.failures import (
    ORIGINS,
    FailureClass,
    Failures,
    Origin,
    Trace,
    of_error,
    of_stream,
)

PROMPT = "the prompt, quoted by upstream"


def summary(outcome: Outcome, end: StreamEnd | None = None, error: str | None = None) -> RelaySummary:
    return RelaySummary(outcome, StreamFacts(events=3, error=error), 10, 20, 1.0, 2.0, end)


@pytest.mark.parametrize(
    ("outcome", "end", "message", "kind"),
    [
        ("completed", "end", "", None),
        ("completed", "cut", "", None),
        ("cancelled", "cancelled", "the request was cancelled", None),
        ("client_gone", None, "", "client_gone"),
        ("shutdown", "shutdown", "the gateway is shutting down; try again", "shutdown"),
        ("deadline", "idle", "upstream was silent for 120 s", "stream_silent"),
        ("upstream_failed", "cut", "the answer broke off: reset", "connection_lost"),
        (
            "upstream_failed",
            "end",
            "upstream ended the stream before the answer was complete",
            "incomplete_answer",
        ),
        ("upstream_failed", None, "upstream ended the stream without an answer", "incomplete_answer"),
        ("upstream_failed", None, "upstream sent a frame that is not JSON", "unusable_answer"),
        ("upstream_failed", None, "upstream sent a frame that is too large", "unusable_answer"),
        ("upstream_failed", None, PROMPT, "upstream_error"),
    ],
)
def test_r59_classes_of_streams(
    outcome: Outcome, end: StreamEnd | None, message: str, kind: FailureClass | None
) -> None:
    assert of_stream(summary(outcome, end), message) == kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectFailed("x"), "connect_failed"),
        (ConnectTimeout("x"), "connect_failed"),
        (FirstByteTimeout("x"), "first_byte_timeout"),
        (IdleTimeout("x"), "stream_silent"),
        (AnswerTooLarge("x"), "unusable_answer"),
        (ConnectionLost("x"), "connection_lost"),
    ],
)
def test_r59_classes_of_calls(error: UpstreamError, kind: FailureClass) -> None:
    assert of_error(error) == kind


def test_r59_every_class_has_an_origin_and_a_counter() -> None:
    assert set(ORIGINS) == set(get_args(FailureClass))
    assert set(ORIGINS.values()) == set(get_args(Origin))
    assert Failures().counts == dict.fromkeys(ORIGINS, 0)


def test_r59_event_has_no_text_of_upstream_s(caplog: pytest.LogCaptureFixture) -> None:
    failures, trace = Failures(), Trace("POST", '/v1/"x"\n')
    with caplog.at_level(logging.DEBUG):
        failures.stream(summary("upstream_failed", None, PROMPT), trace)
        failures.stream(summary("upstream_failed", "cut", f"the answer broke off: {PROMPT}"), trace)
        failures.stream(summary("client_gone"), trace)
    events = [record.getMessage() for record in caplog.records]
    assert len(events) == 3
    assert all(PROMPT not in event for event in events)
    assert all(
        re.search(rf' request_id={trace.id} request="POST /v1/\\"x\\"\\n" ', event) for event in events
    )
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "DEBUG"]
    counted = {kind: count for kind, count in failures.counts.items() if count}
    assert counted == {"upstream_error": 1, "connection_lost": 1, "client_gone": 1}
