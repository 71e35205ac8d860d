"""Wrong keys cost their source."""

from __future__ import annotations

from copilot_api.keys.attempts import MOST, PAUSE, SOURCES, WINDOW, Attempts


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def subject() -> tuple[Attempts, Clock]:
    clock = Clock()
    return Attempts(clock), clock


def test_r09_a_source_is_not_heard_after_some_wrong_keys_and_others_are() -> None:
    attempts, clock = subject()
    assert [attempts.failed("a") for _ in range(MOST)] == [False] * (MOST - 1) + [True]
    assert attempts.pause("a") == PAUSE
    assert attempts.pause("b") == 0
    clock.now = PAUSE - 0.5
    assert attempts.pause("a") == 1
    clock.now = PAUSE
    assert attempts.pause("a") == 0


def test_r09_after_the_pause_the_count_begins_anew() -> None:
    attempts, clock = subject()
    for _ in range(MOST):
        attempts.failed("a")
    clock.now = PAUSE
    assert not any(attempts.failed("a") for _ in range(MOST - 1))
    assert attempts.failed("a")


def test_r09_wrong_keys_now_and_then_cost_nothing() -> None:
    attempts, clock = subject()
    for _ in range(10 * MOST):
        assert not attempts.failed("a")
        clock.now += WINDOW / (MOST - 2)
    assert attempts.pause("a") == 0


def test_r09_sources_are_bounded_and_the_oldest_is_forgotten() -> None:
    attempts, _ = subject()
    for _ in range(MOST):
        attempts.failed("first")
    for number in range(SOURCES - 1):
        attempts.failed(f"{number}")
    assert attempts.pause("first") > 0
    attempts.failed("one more")
    assert len(attempts) == SOURCES
    assert attempts.pause("first") == 0
