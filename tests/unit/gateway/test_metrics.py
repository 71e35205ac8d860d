"""What is added up when a request is over."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from copilot_api.gateway import metrics as module
from copilot_api.gateway.failures import Trace
from copilot_api.gateway.metrics import OTHER, Histogram, Metrics
from copilot_api.ledger.entry import Entry
from copilot_api.records import replace

ENTRY = Entry(
    at=0.0,
    request_id="r",
    dialect="chat",
    leg="chat",
    asked="gpt",
    model="gpt-4.1",
    client="",
    key="",
    session="",
    initiator="user",
    reason="",
    streamed=False,
    status=200,
    outcome="complete",
    attempts=1,
    input_tokens=100,
    cached_tokens=60,
    cache_write_tokens=10,
    output_tokens=7,
    reasoning_tokens=3,
    nano_aiu=5_000,
    first_byte_ms=120.0,
    duration_ms=130.0,
)


def trace(*, listed: bool = True, calls: int = 1, elsewhere: float = 0.1) -> Trace:
    made = Trace("POST", "/v1/chat/completions")
    plan: Any = SimpleNamespace(resolution=SimpleNamespace(model=object() if listed else None))
    made.plan, made.calls, made.elsewhere = plan, calls, elsewhere
    return made


def test_a_request_is_counted_under_its_labels() -> None:
    metrics = Metrics()
    metrics.count(ENTRY, trace())
    metrics.count(replace(ENTRY, status=404), trace())
    assert {key: kind.requests for key, kind in metrics.kinds.items()} == {
        ("chat", "chat", "gpt-4.1", False, 2): 1,
        ("chat", "chat", "gpt-4.1", False, 4): 1,
    }
    assert metrics.times["chat", "gpt-4.1", False].duration.total == 0.26


def test_each_token_is_of_one_kind() -> None:
    metrics = Metrics()
    metrics.count(ENTRY, trace())
    spent = metrics.spent["gpt-4.1"]
    assert dict(zip(module.TOKEN_KINDS, spent.tokens, strict=True)) == {
        "input": 30,
        "input_cached": 60,
        "input_cache_write": 10,
        "output": 7,
    }
    assert sum(spent.tokens) == 107
    assert (spent.reasoning, spent.nano_aiu) == (3, 5_000)


def test_what_upstream_did_not_say_counts_nothing() -> None:
    metrics = Metrics()
    metrics.count(replace(ENTRY, input_tokens=None, output_tokens=None, nano_aiu=None), trace())
    assert metrics.spent["gpt-4.1"].tokens == [0, 0, 0, 0]


def test_the_overhead_is_without_upstream_and_waiting() -> None:
    metrics = Metrics()
    metrics.count(ENTRY, trace())
    assert round(metrics.until_first_byte.total, 6) == 0.02
    assert round(metrics.until_end.total, 6) == 0.03
    metrics.count(replace(ENTRY, streamed=True), trace())
    assert sum(metrics.until_first_byte.counts) == 2
    assert sum(metrics.until_end.counts) == 1, "of a stream's length nobody knows whose it was"


def test_what_never_went_upstream_has_no_overhead() -> None:
    metrics = Metrics()
    metrics.count(ENTRY, trace(calls=0, elsewhere=0.0))
    metrics.count(replace(ENTRY, first_byte_ms=None), trace())
    assert sum(metrics.until_first_byte.counts) == 0


def test_names_that_clients_make_up_share_a_label() -> None:
    metrics = Metrics()
    for number in range(1000):
        metrics.count(replace(ENTRY, model=f"made-up-{number}"), trace(listed=False))
    assert list(metrics.spent) == [OTHER]
    assert len(metrics.kinds) == 1


def test_a_list_that_grows_without_end_does_not() -> None:
    metrics = Metrics()
    for number in range(module.MOST_MODELS + 50):
        metrics.count(replace(ENTRY, model=f"model-{number}"), trace())
    assert len(metrics.spent) == module.MOST_MODELS + 1
    assert metrics.kinds["chat", "chat", OTHER, False, 2].requests == 50


def test_a_bound_is_in_its_bucket() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 9.0):
        histogram.add(value)
    assert histogram.counts == [2, 2, 1]
    assert histogram.total == 14.0
