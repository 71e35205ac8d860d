"""Counting stays within its allowance, and never in the way of a request (D-H14, D-T20)."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator

import pytest

from copilot_api.engine.interfaces import (
    AnswerPlan,
    EngineError,
    RequestFacts,
    RequestPlan,
    TokenCount,
)
from copilot_api.gateway.catalog import Model
from copilot_api.gateway.counting import Allowance, Counting
from copilot_api.gateway.plan import Plan
from copilot_api.gateway.resolver import Resolution
from copilot_api.records import replace

FACTS = RequestFacts("messages", 10, "gpt-4o", stream=True)
PLAN = Plan(
    leg="chat",
    path="/chat/completions",
    resolution=Resolution("gpt-4o", Model("gpt-4o"), ""),
    request=RequestPlan("messages", "chat"),
    answer=AnswerPlan("messages", "chat"),
    rewrites=(),
)
BODY = b"x" * 400


class Tokenizer:
    """Counts 7 and 2, and notes in which thread; waits for `go` when it is told to."""

    def __init__(self) -> None:
        self.threads: list[str] = []
        self.error: Exception | None = None
        self.go = threading.Event()
        self.go.set()
        self.begun = threading.Event()

    def count_text(self, text: str, encoding: str) -> int:
        raise AssertionError((text, encoding))

    def count_chat(self, _body: bytes, _encoding: str, _model: str) -> TokenCount:
        self.threads.append(threading.current_thread().name)
        self.begun.set()
        assert self.go.wait(20)
        if self.error is not None:
            raise self.error
        return TokenCount(7, 2)


class Fixed(Allowance):
    """Says what it is told to, and notes what is spent."""

    def __init__(self, *, left: bool) -> None:
        super().__init__(1, 1)
        self.left = left
        self.spent = 0

    def is_left(self) -> bool:
        return self.left

    def spend(self, seconds: float) -> None:
        assert seconds > 0
        self.spent += 1


@pytest.fixture
async def counting() -> AsyncIterator[tuple[Counting, Tokenizer, Fixed]]:
    tokenizer, allowance = Tokenizer(), Fixed(left=True)
    subject = Counting(tokenizer, allowance)
    yield subject, tokenizer, allowance
    tokenizer.go.set()
    subject.close()


Parts = tuple[Counting, Tokenizer, Fixed]


async def test_small_prompts_are_counted_in_the_thread_until_their_cost_is_known(counting: Parts) -> None:
    subject, tokenizer, allowance = counting
    for _ in range(2):
        estimate = subject.start_estimate(PLAN, FACTS, BODY)
        assert await subject.finish_estimate(estimate, len(BODY)) == 9
    main = threading.current_thread().name
    assert tokenizer.threads == ["tokens", main]
    assert allowance.spent == 2


async def test_a_large_prompt_is_counted_in_the_thread(counting: Parts) -> None:
    subject, tokenizer, _ = counting
    subject._seconds_per_byte = 1e-6
    for size in (50, 1000):
        estimate = subject.start_estimate(PLAN, FACTS, b"x" * size)
        assert await subject.finish_estimate(estimate, size) == 9
        subject._seconds_per_byte = 1e-6
    assert tokenizer.threads == [threading.current_thread().name, "tokens"]


async def test_an_estimate_that_takes_too_long_is_made_from_the_size(
    counting: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject, tokenizer, _ = counting
    monkeypatch.setattr("copilot_api.gateway.counting.PATIENCE", 0.0)
    tokenizer.go.clear()
    estimate = subject.start_estimate(PLAN, FACTS, BODY)
    assert await subject.finish_estimate(estimate, len(BODY)) == 100


async def turn() -> None:
    """Let timers run that are due: they come behind what was ready before them."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_without_an_allowance_nothing_is_counted(
    counting: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    subject, tokenizer, allowance = counting
    allowance.left = False
    assert subject.start_estimate(PLAN, FACTS, BODY) == 100
    with caplog.at_level(logging.INFO):
        subject.log(PLAN, BODY)
    # What a client asks for is counted whatever it costs.
    assert await subject.count(PLAN, FACTS, BODY, "") == 9
    assert len(tokenizer.threads) == 1
    assert allowance.spent == 0
    assert not caplog.records


@pytest.mark.parametrize("cost", [0.0, 1.0], ids=["on the loop", "in the thread"])
async def test_the_log_line(
    counting: Parts, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, cost: float
) -> None:
    subject, tokenizer, _ = counting
    monkeypatch.setattr("copilot_api.gateway.counting.LATER", 0.0)
    subject._seconds_per_byte = cost
    with caplog.at_level(logging.INFO):
        subject.log(PLAN, BODY)
        assert tokenizer.threads == [], "the request goes upstream first"
        await turn()
        # The thread works in order: when this is counted, the line is written.
        await subject.count(PLAN, FACTS, BODY, "")
        tokenizer.error = EngineError("why not")
        subject.log(PLAN, BODY)
        await turn()
        with pytest.raises(EngineError):
            await subject.count(PLAN, FACTS, BODY, "")
    assert [record.getMessage() for record in caplog.records] == [
        "Current token count: { input: 7, output: 2 }",
        "Failed to calculate token count: why not",
    ]


async def test_under_load_most_lines_are_left_out(
    counting: Parts, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject, tokenizer, allowance = counting
    subject._seconds_per_byte = 0.0
    monkeypatch.setattr("copilot_api.gateway.counting.LATER", 0.0)
    with caplog.at_level(logging.INFO):
        for _ in range(50):
            subject.log(PLAN, BODY)
        await turn()
        assert len(caplog.records) == len(tokenizer.threads) == 8
        subject.log(PLAN, BODY)
        allowance.left = False
        await turn()
        assert len(caplog.records) == 8, "all was spent meanwhile"
        allowance.left = True
        subject.log(PLAN, BODY)
        await turn()
    assert len(caplog.records) == 9


async def test_a_line_that_nobody_sees_is_not_counted(
    counting: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    subject, tokenizer, _ = counting
    with caplog.at_level(logging.WARNING, logger="copilot_api"):
        subject.log(PLAN, BODY)
        assert await subject.count(PLAN, FACTS, BODY, "") == 9
    assert len(tokenizer.threads) == 1


async def test_an_unknown_model_is_told(counting: Parts, caplog: pytest.LogCaptureFixture) -> None:
    subject, tokenizer, _ = counting
    subject.log(replace(PLAN, resolution=Resolution("x", None, "")), BODY)
    assert "No model selected, skipping token count calculation" in caplog.text
    assert tokenizer.threads == []


@pytest.mark.parametrize("cost", [0.0, 1.0], ids=["on the loop", "in the thread"])
async def test_a_body_that_cannot_be_counted_is_estimated_by_its_size(counting: Parts, cost: float) -> None:
    subject, tokenizer, _ = counting
    tokenizer.error = EngineError("no")
    subject._seconds_per_byte = cost
    estimate = subject.start_estimate(PLAN, FACTS, BODY)
    assert await subject.finish_estimate(estimate, len(BODY)) == 100


async def test_what_nobody_waits_for_is_not_begun(counting: Parts) -> None:
    subject, tokenizer, _ = counting
    tokenizer.go.clear()
    first = subject.start_estimate(PLAN, FACTS, BODY)
    second = subject.start_estimate(PLAN, FACTS, BODY)
    assert isinstance(first, asyncio.Future)
    assert isinstance(second, asyncio.Future)
    await asyncio.to_thread(tokenizer.begun.wait, 20)
    second.cancel()
    tokenizer.go.set()
    assert await first == 9
    await subject.count(PLAN, FACTS, BODY, "")
    assert len(tokenizer.threads) == 2


async def test_the_queue_has_an_end(counting: Parts) -> None:
    subject, tokenizer, _ = counting
    tokenizer.go.clear()
    estimates = [subject.start_estimate(PLAN, FACTS, BODY) for _ in range(200)]
    waiting = [estimate for estimate in estimates if isinstance(estimate, asyncio.Future)]
    assert 32 <= len(waiting) <= 33
    assert {estimate for estimate in estimates if isinstance(estimate, int)} == {100}
    for estimate in waiting:
        estimate.cancel()


def test_an_allowance_is_a_share_of_the_time_and_a_burst() -> None:
    now = 1000.0
    subject = Allowance(0.1, 0.5, lambda: now)
    assert subject.is_left()
    for _ in range(5):
        assert subject.is_left()
        subject.spend(0.1)
    assert subject.is_left()
    subject.spend(0.1)
    assert not subject.is_left()
    now += 1.0
    assert subject.is_left()
    # A long pause saves up no more than the burst.
    now += 10_000
    spent = 0.0
    while subject.is_left():
        subject.spend(0.1)
        spent += 0.1
    assert spent == pytest.approx(0.6)
