"""Reference and native translate streams alike, step by step; how the bytes are cut changes nothing."""

from __future__ import annotations

from collections.abc import Container
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_api.engine.interfaces import Dialect, Leg, StreamEnd, StreamPlan, StreamTranslator, Translation
from copilot_api.engine.native import NativeTranslation
from copilot_api.engine.reference.translation import ReferenceTranslation
from tests.differential import answer_strategies
from tests.differential.comparing import examples, no_time_limit, recorded_streams, same
from tests.differential.pairs import STREAMED, name_of, plain_stream_plans, stream_plans

REFERENCE: Translation = ReferenceTranslation()
NATIVE: Translation = NativeTranslation()
ENDS: tuple[StreamEnd, ...] = get_args(StreamEnd)
PLANS = plain_stream_plans()

pytestmark = no_time_limit


def state(translator: StreamTranslator) -> tuple[object, ...]:
    """Everything that can be asked of a translator."""
    refusal = translator.refusal
    refused = None if refusal is None else (type(refusal), str(refusal), refusal.body, refusal.status)
    return translator.done, refused, translator.facts


def compare(
    plan: StreamPlan,
    pieces: list[bytes],
    end: StreamEnd = "end",
    message: str = "",
    *,
    pings: Container[int] = (),
    where: str = "stream",
) -> None:
    """Drive both with the same pieces; `pings`: before which piece keep-alives are asked for."""
    both = REFERENCE.stream(plan), NATIVE.stream(plan)
    given: dict[str, object] = {
        "plan": plan,
        "pieces": pieces,
        "end": end,
        "message": message,
        "pings": pings,
    }

    def step(name: str, *results: object) -> None:
        same(
            *((result, *state(one)) for result, one in zip(results, both, strict=True)),
            f"{where}, {name}",
            given,
        )

    step("at the start", None, None)
    for number, piece in enumerate(pieces):
        # Nothing may follow the end mark, so nobody asks for a keep-alive then.
        if number in pings and not both[0].done:
            step(f"keep-alive {number}", *(one.keep_alive() for one in both))
        step(f"piece {number}", *(one.feed(piece) for one in both))
    step("finish", *(one.finish(end, message) if message else one.finish(end) for one in both))
    step("finish again", *(one.finish("cut") for one in both))
    step("piece after the end", *(one.feed(b"data: {}\n\n") for one in both))


messages = st.sampled_from(["", "", "gone away", 'quo"te \u2028 é'])


@pytest.mark.parametrize(("dialect", "leg"), STREAMED)
@examples(450)
@given(data=st.data())
def test_streams(dialect: Dialect, leg: Leg, data: st.DataObject) -> None:
    raw = data.draw(answer_strategies.streams[leg], label="raw")
    plan = data.draw(stream_plans(dialect, leg, [0, 40, 120, 300]), label="plan")
    compare(
        plan,
        data.draw(answer_strategies.pieces(raw), label="pieces"),
        data.draw(st.sampled_from(ENDS), label="end"),
        data.draw(messages, label="message"),
        pings=data.draw(st.sets(st.integers(0, 6), max_size=2), label="pings"),
    )


def total(
    translation: Translation, plan: StreamPlan, pieces: list[bytes], end: StreamEnd
) -> tuple[object, ...]:
    """Everything that one implementation gives for a stream."""
    translator = translation.stream(plan)
    out = b"".join([translator.feed(piece) for piece in pieces])
    return (out + translator.finish(end), *state(translator))


@pytest.mark.parametrize("translation", [REFERENCE, NATIVE], ids=["reference", "native"])
@examples(200)
@given(data=st.data())
def test_any_split_gives_the_same(translation: Translation, data: st.DataObject) -> None:
    plan = data.draw(st.sampled_from(PLANS), label="plan")
    raw = data.draw(answer_strategies.streams[plan.leg], label="raw")
    end = data.draw(st.sampled_from(ENDS), label="end")
    pieces = data.draw(answer_strategies.pieces(raw), label="pieces")
    whole, split = total(translation, plan, [raw], end), total(translation, plan, pieces, end)
    assert split == whole


@pytest.mark.parametrize("plan", PLANS, ids=name_of)
@pytest.mark.parametrize(("name", "raw"), recorded_streams(), ids=[name for name, _ in recorded_streams()])
def test_recorded_streams(name: str, raw: bytes, plan: StreamPlan) -> None:
    compare(plan, [raw], where=name)
    compare(plan, answer_strategies.each_byte(raw), where=name)
    # A stride that shares no factor with the length of the lines visits all kinds of places.
    for place in range(1, len(raw), 1 if len(raw) < 400 else len(raw) // 12 | 1):
        compare(plan, [raw[:place], raw[place:]], where=name)
        compare(plan, [raw[:place]], "end" if place % 2 else "cut", where=f"{name} up to {place}")


@pytest.mark.parametrize("plan", PLANS, ids=name_of)
@pytest.mark.parametrize("end", ENDS)
def test_ends(end: StreamEnd, plan: StreamPlan) -> None:
    """Each end at each stage of a stream, with and without a message of the caller's."""
    raw = dict(recorded_streams())[answer_strategies.RECORDED[plan.leg]]
    stages = [0, *(place + 2 for place in range(len(raw)) if raw[place : place + 2] == b"\n\n")]
    for stage in stages:
        for message in ("", "why"):
            for pings in ((), (0,)):
                compare(plan, [raw[:stage]], end, message, pings=pings)
