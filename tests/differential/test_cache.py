"""Both response caches: the same keys for any body, and the same steps for the same calls."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_api.engine.cache_interfaces import CachedAnswer, CacheOptions
from copilot_api.engine.native.cache import NativeResponseCache
from copilot_api.engine.reference.cache import ReferenceResponseCache
from tests.differential import strategies
from tests.differential.comparing import examples, no_time_limit, recorded_bodies, same

OPTIONS = CacheOptions(100_000, 0)
REFERENCE, NATIVE = ReferenceResponseCache(OPTIONS), NativeResponseCache(OPTIONS)
DIALECTS = ("chat", "messages", "embeddings")

pytestmark = no_time_limit


def compare(body: bytes, dialect: str, scope: tuple[str, ...] = ("a", "é")) -> bytes | None:
    found = REFERENCE.key(body, dialect, scope)
    same(found, NATIVE.key(body, dialect, scope), f"key ({dialect})", body)
    return found


@examples(500)
@given(body=strategies.documents, dialect=st.sampled_from(DIALECTS))
def test_keys_of_any_bytes(body: bytes, dialect: str) -> None:
    compare(body, dialect)


@examples(400)
@given(text=strategies.json_texts, temperature=st.sampled_from(strategies.NUMBERS))
def test_keys_of_any_value(text: str, temperature: str) -> None:
    found = compare(f'{{"a":{text},"temperature":{temperature}}}'.encode(), "chat")
    assert (found is None) == (Decimal(temperature) != 0)
    assert compare(f'{{"a":{text}}}'.encode(), "embeddings")


@examples(300)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(st.characters()),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=6),
    ),
    seeds=st.tuples(strategies.seeds, strategies.seeds),
    order=st.randoms(use_true_random=False),
)
def test_every_spelling_of_a_value_has_one_key(value: Any, seeds: tuple[int, int], order: Any) -> None:
    def shuffled(node: Any) -> Any:
        if isinstance(node, dict):
            items = [(name, shuffled(inner)) for name, inner in node.items()]
            order.shuffle(items)
            return dict(items)
        return [shuffled(inner) for inner in node] if isinstance(node, list) else node

    one = compare(strategies.spell({"input": value}, seeds[0]), "embeddings")
    other = compare(strategies.spell({"input": shuffled(value)}, seeds[1]), "embeddings")
    assert one is not None
    assert one == other


@examples(200)
@given(
    digits=st.from_regex(r"\A-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,4})?\Z"),
    exponents=st.tuples(*[st.integers(-9, 9)] * 2),
)
def test_numbers_are_one_by_value(digits: str, exponents: tuple[int, int]) -> None:
    numbers = [Decimal(f"{digits}e{exponent}") for exponent in exponents]
    keys = [compare(f'{{"n":{digits}e{exponent}}}'.encode(), "embeddings") for exponent in exponents]
    assert (keys[0] == keys[1]) == (numbers[0] == numbers[1])
    plain = format(numbers[0], "f")
    assert compare(f'{{"n":{plain}}}'.encode(), "embeddings") == keys[0]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_keys_of_recorded_bodies(dialect: str) -> None:
    for _, body in recorded_bodies():
        compare(body, dialect)
        try:
            value = json.loads(body)
        except ValueError:
            continue
        if isinstance(value, dict):
            compare(json.dumps({**value, "temperature": 0.0}).encode(), dialect)


keys = st.integers(0, 11).map(lambda number: bytes([number]) * 32)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), keys, st.sampled_from([None, None, None, 0.0, 3.0])),
        st.tuples(st.just("settle"), st.integers(0, 20), st.none() | st.integers(0, 5000)),
        st.tuples(st.just("settle"), st.integers(0, 5), st.none() | st.integers(0, 500)),
        st.tuples(st.just("pass"), st.sampled_from([0.25, 1.0, 6.5]), st.none()),
    ),
    max_size=120,
)


@examples(400)
@given(
    limit=st.integers(0, 12_000),
    time_to_live=st.sampled_from([0.0, 2.0, 10.0]),
    waiters=st.integers(0, 4),
    steps=steps,
)
def test_the_same_steps(
    limit: int, time_to_live: float, waiters: int, steps: list[tuple[str, Any, Any]]
) -> None:
    now = 0.0
    options = CacheOptions(limit, time_to_live)
    both = [
        made(options, clock=lambda: now, patience=5.0, waiters=waiters)
        for made in (ReferenceResponseCache, NativeResponseCache)
    ]
    tickets: list[int] = []
    for number, (act, one, other) in enumerate(steps):
        if act == "pass":
            now += one
            continue
        if act == "begin":
            found = [subject.begin(one, number, other) for subject in both]
            if found[0].outcome != "hit":
                tickets.append(number)
        else:
            # Tickets settle in any order; some of them were served before, or never were.
            ticket = tickets.pop(one % len(tickets)) if tickets else one
            answer = None if other is None else CachedAnswer(b"x" * other, (("number", str(number)),))
            found = [subject.settle(ticket, answer) for subject in both]
        assert found[0] == found[1], (number, act, one, other)
        assert both[0].statistics() == both[1].statistics()
        assert both[0].statistics().bytes <= limit


@examples(60)
@given(
    seed=st.integers(0, 1 << 32),
    room=st.integers(3, 14),
    asks_at_once=st.sampled_from([1, 3, 12]),
    time_to_live=st.sampled_from([0.0, 40.0]),
)
def test_the_same_in_the_long_run(seed: int, room: int, asks_at_once: int, time_to_live: float) -> None:
    """Popular keys among many, so that queues move, ghosts come back and waiters gather."""
    chance = random.Random(seed)  # noqa: S311 - for variety only
    now = 0.0
    options = CacheOptions(room * 600, time_to_live)
    both = [
        made(options, clock=lambda: now, patience=5.0, waiters=8)
        for made in (ReferenceResponseCache, NativeResponseCache)
    ]
    asking: list[int] = []
    for ticket in range(700):
        now += chance.choice((0.0, 0.0, 0.25, 1.0))
        popular = int(room * 1.5 * chance.random() ** 2)
        key = bytes([popular if chance.random() < 0.8 else chance.randrange(256)]) * 32
        max_age = 0.0 if chance.random() < 0.05 else None
        begun = [subject.begin(key, ticket, max_age) for subject in both]
        assert begun[0] == begun[1], ticket
        if begun[0].outcome != "hit":
            asking.append(ticket)
        while len(asking) >= asks_at_once:
            settled = asking.pop(chance.randrange(len(asking)))
            # Of about 600 bytes with the overhead; now and then one that fills the room exactly, or a tenth.
            size = chance.choice((88, 88, 30, 700, 60 * room - 512, 600 * room - 512))
            answer = CachedAnswer(b"x" * max(size, 0)) if chance.random() < 0.8 else None
            wakes = [subject.settle(settled, answer) for subject in both]
            assert wakes[0] == wakes[1], ticket
            asking = [other for other in asking if other not in wakes[0].served]
        assert both[0].statistics() == both[1].statistics(), ticket
        assert both[0].statistics().bytes <= options.limit
