"""The reference relay: silence, keep-alive, cancellation, back-pressure, in virtual time (R-27 to R-33)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from copilot_api.engine.interfaces import ConnectionLost, StreamEnd, StreamFacts, StreamPlan, StreamRefused
from copilot_api.engine.reference.relay import ReferenceRelay
from copilot_api.records import replace
from tests.support.virtual_time import now, run_virtual

PLAN = StreamPlan("chat", "chat", keepalive_interval=15, idle_timeout=120, content_timeout=300)


class Echo:
    """A translator that passes bytes on: `!` is an error frame, `.` the end mark, `#` a comment."""

    def __init__(self) -> None:
        self.done = False
        self.refusal: StreamRefused | None = None
        self.events = 0
        self.error: str | None = None
        self.ends: list[StreamEnd] = []
        self.wrote = False

    @property
    def facts(self) -> StreamFacts:
        return StreamFacts(events=self.events, error=self.error)

    def feed(self, data: bytes) -> bytes:
        if data == b"#":
            return b""
        self.events += 1
        if data == b"!":
            self.done = True
            if not self.wrote:
                self.refusal = StreamRefused("refused", b"{}", 502)
                return b""
            self.error = "broken"
            return b"<error>"
        self.done = data.endswith(b".")
        self.wrote = True
        return data

    def finish(self, end: StreamEnd, message: str = "") -> bytes:
        self.ends.append(end)
        self.done = True
        if end == "end" and self.wrote:
            return b"."
        if not self.wrote:
            self.refusal = StreamRefused(message or end)
            return b""
        self.error = message or end
        return f"<{end}>".encode()

    def keep_alive(self) -> bytes:
        self.wrote = True
        return b":"


Step = bytes | float | Exception


class Source:
    """Plays bytes, waits (seconds) and failures; counts what was read and when it was closed."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.read = 0
        self.closed: float | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        for step in self.steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, bytes):
                self.read += 1
                yield step
            else:
                await asyncio.sleep(step)

    async def close(self) -> None:
        if self.closed is None:
            self.closed = now()


def relay_of(source: Source, plan: StreamPlan = PLAN) -> tuple[ReferenceRelay, Echo]:
    echo = Echo()
    return ReferenceRelay(source.chunks(), source.close, echo, plan, clock=now), echo


async def drain(relay: ReferenceRelay) -> list[tuple[bytes, float]]:
    await relay.first()
    return [(piece, now()) async for piece in relay]


def play(*steps: Step) -> tuple[list[tuple[bytes, float]], ReferenceRelay, Source]:
    source = Source(*steps)

    async def main() -> tuple[list[tuple[bytes, float]], ReferenceRelay, Source]:
        relay, _ = relay_of(source)
        return await drain(relay), relay, source

    return run_virtual(main())


def summary_of(relay: ReferenceRelay) -> tuple[str, int, int]:
    assert relay.summary is not None
    return relay.summary.outcome, relay.summary.bytes_in, relay.summary.bytes_out


def test_bytes_pass_as_they_come() -> None:
    pieces, relay, source = play(b"a", 1.0, b"b", 1.0, b"c.")
    assert pieces == [(b"a", 0.0), (b"b", 1.0), (b"c.", 2.0)]
    assert summary_of(relay) == ("completed", 4, 4)
    assert source.closed == 2.0


def test_r25_clean_end_gets_the_end_mark() -> None:
    pieces, relay, _ = play(b"a")
    assert [piece for piece, _ in pieces] == [b"a", b"."]
    assert summary_of(relay)[0] == "completed"


def test_r26_cut_gives_one_in_band_error() -> None:
    pieces, relay, _ = play(b"a", ConnectionLost("reset"))
    assert [piece for piece, _ in pieces] == [b"a", b"<cut>"]
    assert summary_of(relay)[0] == "upstream_failed"


@pytest.mark.parametrize("steps", [(b"!",), (), (ConnectionLost("reset"),), (1.0, b"!")])
def test_r27_failure_before_the_first_byte_is_a_refusal(steps: tuple[Step, ...]) -> None:
    source = Source(*steps)

    async def main() -> None:
        relay, _ = relay_of(source)
        with pytest.raises(StreamRefused):
            await relay.first()
        assert relay.summary is not None
        assert relay.summary.outcome == "upstream_failed"
        assert source.closed is not None

    run_virtual(main())


def test_r29_silence_ends_the_stream_at_the_limit() -> None:
    pieces, relay, source = play(b"a", 500.0, b"b")
    times = [time for piece, time in pieces if piece == b":"]
    assert times == [15.0 * number for number in range(1, 8)]
    assert pieces[-1] == (b"<idle>", 120.0)
    assert summary_of(relay)[0] == "deadline"
    assert source.closed == 120.0


def test_r31_head_is_held_one_keep_alive_interval_at_most() -> None:
    pieces, _, _ = play(40.0, b"late.")
    assert pieces == [(b":", 15.0), (b":", 30.0), (b"late.", 40.0)]


def test_r27_failure_after_the_head_went_out_is_in_band() -> None:
    pieces, relay, _ = play(20.0, b"!")
    assert pieces == [(b":", 15.0), (b"<error>", 20.0)]
    assert relay.summary is not None
    assert relay.summary.outcome == "upstream_failed"


def test_r31_comments_alone_end_at_the_larger_limit() -> None:
    beat: list[Step] = [b"a"]
    for _ in range(100):
        beat += [10.0, b"#"]
    pieces, relay, _ = play(*beat)
    assert pieces[-1] == (b"<idle>", 300.0)
    assert summary_of(relay)[0] == "deadline"


def test_off_switches() -> None:
    async def main() -> list[bytes]:
        source = Source(b"a", 10_000.0, b"b.")
        plan = StreamPlan("chat", "chat", keepalive_interval=0, idle_timeout=0, content_timeout=0)
        relay, _ = relay_of(source, plan)
        return [piece for piece, _ in await drain(relay)]

    assert run_virtual(main()) == [b"a", b"b."]


@pytest.mark.parametrize("outcome", ["shutdown", "cancelled"])
def test_r50_cancel_ends_with_an_in_band_error(outcome: str) -> None:
    source = Source(b"a", 60.0, b"b")

    async def main() -> list[tuple[bytes, float]]:
        relay, _ = relay_of(source)
        asyncio.get_running_loop().call_later(5, relay.cancel, outcome)
        pieces = await drain(relay)
        assert summary_of(relay)[0] == outcome
        return pieces

    assert run_virtual(main()) == [(b"a", 0.0), (f"<{outcome}>".encode(), 5.0)]


def test_r32_closing_a_silent_relay_closes_upstream_at_once() -> None:
    source = Source(b"a", 60.0, b"b")

    async def main() -> None:
        relay, _ = relay_of(source)
        await relay.first()
        reader = asyncio.create_task(drain_rest(relay))
        await asyncio.sleep(3)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        await relay.aclose()
        await relay.aclose()
        assert source.closed == 3.0
        assert summary_of(relay)[0] == "client_gone"

    run_virtual(main())


async def drain_rest(relay: ReferenceRelay) -> None:
    async for _ in relay:
        pass


def test_r33_an_unread_relay_does_not_read() -> None:
    source = Source(*([b"x"] * 100))

    async def main() -> None:
        relay, _ = relay_of(source)
        await relay.first()
        await asyncio.sleep(50)
        assert source.read <= 2
        await relay.aclose()

    run_virtual(main())


def test_complete_answer_stays_complete_when_the_connection_then_fails() -> None:
    class Finished(Echo):
        def finish(self, end: StreamEnd, message: str = "") -> bytes:
            self.done = True
            return b"."

    async def main() -> Callable[[], object]:
        source = Source(b"a", ConnectionLost("reset"))
        relay = ReferenceRelay(source.chunks(), source.close, Finished(), PLAN, clock=now)
        await drain(relay)
        return lambda: summary_of(relay)[0]

    assert run_virtual(main())() == "completed"


@pytest.mark.parametrize(
    ("limit", "came", "went"), [(100, b"abc.", b"a:bc."), (3, b"abc", b"a:b"), (0, None, None)]
)
def test_what_passed_is_kept_where_it_was_asked_for(limit: int, came: bytes, went: bytes) -> None:
    source = Source(b"a", 20.0, b"bc", b".")

    async def main() -> tuple[bytes, bytes] | None:
        relay, _ = relay_of(source, replace(PLAN, capture=limit))
        assert relay.captured() is None, "not while it runs"
        await drain(relay)
        return relay.captured()

    assert run_virtual(main()) == (None if came is None else (came, went))
