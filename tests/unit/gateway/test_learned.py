"""What is remembered of refusals, for how long, and how much of it."""

from __future__ import annotations

import math

from copilot_api.gateway import learned
from copilot_api.gateway.learned import Learned


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_member_is_left_out_for_a_while() -> None:
    clock = Clock()
    subject = Learned(clock)
    assert subject.note_refused_member("m", "temperature")
    assert not subject.note_refused_member("m", "temperature")
    assert subject.dropped("m") == ("temperature",)
    assert subject.dropped("other") == ()
    assert not subject.is_due()
    clock.now += learned.MEMBER_TTL
    assert subject.dropped("m") == ()
    assert subject.is_due()
    assert (subject.is_due(), subject.due) == (False, math.inf)
    assert subject.note_refused_member("m", "temperature")


def test_the_next_to_expire_is_the_one_that_is_due() -> None:
    clock = Clock()
    subject = Learned(clock)
    subject.note_refused_member("m", "a")
    clock.now += 100
    subject.note_refused_member("m", "b")
    clock.now += learned.MEMBER_TTL - 100
    assert subject.is_due()
    assert subject.dropped("m") == ("b",)
    assert subject.due == clock.now + 100


def test_legs_until_the_list_changes() -> None:
    subject = Learned()
    assert subject.note_refused_leg("m", "chat")
    assert not subject.note_refused_leg("m", "chat")
    assert subject.note_refused_leg("m", "messages")
    assert subject.refused_legs("m") == {"chat", "messages"}
    subject.forget_legs()
    assert subject.refused_legs("m") == frozenset()


def test_memory_has_an_end() -> None:
    subject = Learned()
    for number in range(3 * learned.MOST_MODELS):
        subject.note_completion_cap(f"m{number}")
        subject.note_refused_leg(f"m{number}", "chat")
        subject.note_refused_member(f"m{number}", "a")
    for kept in (subject._completion_caps, subject._refused_legs, subject._members):
        assert len(kept) <= learned.MOST_MODELS
    for number in range(3 * learned.MOST_MEMBERS):
        subject.note_refused_member("one", f"a{number}")
    assert len(subject.dropped("one")) == learned.MOST_MEMBERS
