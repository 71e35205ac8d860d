"""The response cache, both implementations: keys, ages, room, and requests that wait for equal ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_api.engine.cache_interfaces import (
    CACHE_OVERHEAD,
    CachedAnswer,
    CacheLookup,
    CacheOptions,
    CacheWakes,
)
from copilot_api.engine.native.cache import NativeResponseCache
from copilot_api.engine.reference.cache import ReferenceResponseCache

Subject = ReferenceResponseCache | NativeResponseCache
_made: list[type[Subject]] = [ReferenceResponseCache]
_time = [0.0]

WEIGHT = CACHE_OVERHEAD + 100
ANSWER = CachedAnswer(b"x" * 90, (("name", "value1"),))
SCOPE = ("key", "gpt-4.1", "/chat/completions", "https://host")


@pytest.fixture(params=[ReferenceResponseCache, NativeResponseCache], autouse=True)
def _implementation(request: pytest.FixtureRequest) -> None:
    _made[0] = request.param
    _time[0] = 0.0


def cache(limit: int = 10 * WEIGHT, time_to_live: float = 60.0, **more: Any) -> Subject:
    return _made[0](CacheOptions(limit, time_to_live), clock=lambda: _time[0], **more)


def key(number: int) -> bytes:
    return bytes([number]) * 32


def put(subject: Subject, number: int, answer: CachedAnswer = ANSWER) -> None:
    assert subject.begin(key(number), -number % 2**32, 0).outcome == "alone"
    assert subject.settle(-number % 2**32, answer) == CacheWakes()


def holds(subject: Subject, number: int) -> bool:
    found = subject.begin(key(number), 2**40)
    subject.settle(2**40, None)
    return found.outcome == "hit"


def request(**members: Any) -> bytes:
    return json.dumps({"model": "m", "temperature": 0, **members}).encode()


# ------------------------------------------------------------------------------------------------- keys

SAME = [
    (b'{"temperature":0,"a":1}', b' {\n"a" : 1.0 ,\t"temperature" : -0 }\r\n'),
    (b'{"temperature":0.0,"a":[{"x":1,"y":2}]}', b'{"a":[{"y":2,"x":1}],"temperature":0e5}'),
    (b'{"temperature":0,"a":"\xc3\xa9/\\n"}', b'{"temperature":0,"a":"\\u00E9\\/\\u000a"}'),
    (b'{"temperature":0,"model":"a","stream":false}', b'{"temperature":0,"model":"b"}'),
    (b'{"temperature":1,"temperature":0}', b'{"temperature":0}'),
    (b'{"temperature":0,"a":1200}', b'{"temperature":0,"a":1.2E+3}'),
    (b'{"temperature":0,"a":0.05}', b'{"temperature":0,"a":5e-2}'),
    (b'{"temperature":0,"a":0}', b'{"temperature":0,"a":-0.000e-99999999999999999999}'),
    (b'{"temperature":0,"\xc3\xa9":1,"z":2}', b'{"z":2,"\\u00e9":1,"temperature":0}'),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spelling_does_not_matter(one: bytes, other: bytes) -> None:
    found = cache().key(one, "chat", SCOPE)
    assert found is not None
    assert len(found) == 32
    assert cache().key(other, "chat", SCOPE) == found


def test_everything_else_matters() -> None:
    bodies = [
        request(),
        request(n=1),
        request(n=-1),
        request(n="1"),
        request(n=10),
        request(n=None),
        request(n=[1]),
        request(n=[1, 1]),
        request(user="a"),
        request(user="b"),
        request(metadata={"user_id": "a"}),
        request(n={"model": "a"}),
        request(n={"model": "b"}),
        request(n="\ud800"),
        request(n="\\ud800"),
        b'{"temperature":0,"n":1.00000000000000000001}',
        b'{"temperature":0,"n":1e99999999999999999999}',
        b'{"temperature":0,"n":1e' + b"9" * 5000 + b"}",
    ]
    assert len({cache().key(body, "chat", SCOPE) for body in bodies}) == len(bodies)
    scopes = [("a", "b"), ("ab", ""), ("", "ab"), ("ab",), ("a\0b",), ()]
    assert len({cache().key(request(), "chat", scope) for scope in scopes}) == len(scopes)
    assert cache().key(request(), "chat", SCOPE) != cache().key(request(), "messages", SCOPE)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"nothing",
        b"\xff",
        b'{"temperature":0.1}',
        b'{"temperature":1e-400}',
        b'{"temperature":null}',
        b'{"temperature":"0"}',
        b'{"temperature":false}',
        b'{"temperature":0,"temperature":1}',
        b'{"options":{"temperature":0}}',
    ],
)
def test_what_may_differ_the_next_time_is_not_kept(body: bytes) -> None:
    assert cache().key(body, "chat", SCOPE) is None
    assert cache().key(body, "messages", SCOPE) is None


def test_embeddings_are_kept_at_any_temperature() -> None:
    assert cache().key(b'{"input":["a"]}', "embeddings", SCOPE)
    assert cache().key(b"[]", "embeddings", SCOPE) is None
    assert cache().key(request(), "gemini", SCOPE) is None


# ------------------------------------------------------------------------------------------ what is kept


def test_an_answer_is_given_out_until_it_is_too_old() -> None:
    subject = cache()
    assert subject.begin(key(1), 1) == CacheLookup("lead")
    subject.settle(1, ANSWER)
    _time[0] = 59.5
    assert subject.begin(key(1), 2) == CacheLookup("hit", ANSWER, 59.5)
    assert subject.begin(key(1), 3, 59.0).outcome == "lead"
    subject.settle(3, None)
    _time[0] = 60.0
    assert subject.begin(key(1), 4).outcome == "lead"
    found = subject.statistics()
    assert (found.hits, found.misses, found.expirations, found.entries, found.bytes) == (1, 3, 1, 0, 0)


def test_zero_seconds_are_for_ever() -> None:
    subject = cache(time_to_live=0)
    put(subject, 1)
    _time[0] = 1e9
    assert subject.begin(key(1), 1).answer is ANSWER


def test_a_newer_answer_takes_the_place_of_an_older() -> None:
    subject = cache()
    put(subject, 1)
    newer = CachedAnswer(b"newer")
    put(subject, 1, newer)
    assert subject.begin(key(1), 1).answer == newer
    assert subject.statistics().bytes == CACHE_OVERHEAD + 5
    # One that is too large leaves nothing: the older would be given out for newer ones.
    put(subject, 1, CachedAnswer(b"x" * 10 * WEIGHT))
    assert subject.statistics().bytes == 0


def test_a_crowd_asked_for_once_drives_out_nothing_else() -> None:
    subject = cache()
    for number in range(5):
        put(subject, number)
        assert holds(subject, number)
    for number in range(100, 250):
        put(subject, number)
        assert subject.statistics().bytes <= 10 * WEIGHT
    assert all(holds(subject, number) for number in range(5))
    assert subject.statistics().evictions == 145


def test_what_comes_back_soon_after_it_went_out_stays() -> None:
    subject = cache()
    for number in range(12):
        put(subject, number)
    put(subject, 1)
    for number in range(100, 200):
        put(subject, number)
    assert holds(subject, 1)


def test_what_is_not_asked_for_any_more_goes() -> None:
    subject = cache()
    for numbers in (range(10), *[range(20, 30)] * 4):
        for number in numbers:
            put(subject, number)
            assert holds(subject, number)
    assert not any(holds(subject, number) for number in range(10))


@given(
    limit=st.integers(0, 6000),
    acts=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3000), st.booleans()), max_size=60),
)
@pytest.mark.parametrize("made", [ReferenceResponseCache, NativeResponseCache])
def test_the_bound_is_never_exceeded(
    made: Callable[..., Subject], limit: int, acts: list[tuple[int, int, bool]]
) -> None:
    subject = made(CacheOptions(limit, 0), clock=lambda: 0.0)
    for number, size, hit in acts:
        if hit:
            holds(subject, number)
        else:
            put(subject, number, CachedAnswer(b"x" * size))
        assert subject.statistics().bytes <= limit


# -------------------------------------------------------------------------------------- equal requests


def test_equal_requests_wait_for_the_first_and_get_its_answer() -> None:
    subject = cache()
    outcomes = [
        subject.begin(key(number), ticket, age).outcome
        for ticket, number, age in [(1, 1, None), (2, 1, None), (3, 2, None), (4, 1, 5.0), (5, 1, 0.0)]
    ]
    assert outcomes == ["lead", "wait", "lead", "wait", "alone"]
    assert subject.settle(1, CachedAnswer(b"x" * 100_000)) == CacheWakes(served=(2, 4))
    found = subject.statistics()
    assert (found.misses, found.coalesced, found.bytes) == (3, 2, 0)
    assert subject.begin(key(1), 6).outcome == "lead"


def test_a_waiter_that_leaves_is_not_woken() -> None:
    subject = cache()
    for ticket in (1, 2, 3):
        subject.begin(key(1), ticket)
    assert subject.settle(2, None) == CacheWakes()
    assert subject.settle(1, ANSWER) == CacheWakes(served=(3,))


def test_a_leader_that_ends_without_an_answer_hands_over() -> None:
    subject = cache()
    for ticket, at in [(1, 0.0), (2, 0.0), (3, 1.0), (4, 20.0), (5, 31.0)]:
        _time[0] = at
        subject.begin(key(1), ticket)
    assert subject.settle(1, None) == CacheWakes(leader=2, alone=(3,))
    assert subject.begin(key(1), 6).outcome == "wait"
    assert subject.settle(3, ANSWER) == CacheWakes()
    assert subject.begin(key(1), 7).outcome == "hit"
    assert subject.settle(2, ANSWER) == CacheWakes(served=(4, 5, 6))
    assert subject.settle(2, ANSWER) == CacheWakes()
    assert subject.statistics().misses == 3


def test_too_many_do_not_wait() -> None:
    subject = cache(waiters=1)
    assert [subject.begin(key(1), ticket).outcome for ticket in (1, 2, 3)] == ["lead", "wait", "alone"]
    subject.settle(2, None)
    assert subject.begin(key(1), 4).outcome == "wait"
