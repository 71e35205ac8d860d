"""Rows that are measured by probes: a gateway process before a scripted upstream, over loopback."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.soak.watching import percentile

from tests.support.departures import DIALECTS, SITUATIONS, WAYS, depart
from tests.support.http import request
from tests.support.instrumented import InstrumentedGateway, ask, body_of
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.stalling import CHAT, MIB, fire_hose, silent_streams
from tests.support.upstream_failures import read_chat
from tests.support.upstream_steps import frame, head, hold, whole

from .row import Measured

EXCHANGE = "/copilot_internal/v2/token"
KIB = 1024
CANCEL_GATE = 0.1
EACH_GATE = 64 * KIB
STOPPED_GATE = MIB + 4096
NO_LEDGER = ("--no-ledger",)
"""The ledger takes its 2 MB once, at some moment after the first request: no stream's memory."""
RECOVERY_GATE = 3.0
STALL_GATE = 0.5
STALL_LIMIT = 0.5


@dataclass(frozen=True, slots=True)
class Pair:
    """A gateway and the upstream behind it."""

    gateway: InstrumentedGateway
    upstream: ScriptedUpstream


@contextlib.contextmanager
def pair(*arguments: str) -> Iterator[Pair]:
    """Run both; the gateway has answered once."""
    with (
        tempfile.TemporaryDirectory(prefix="reliability-") as home,
        ScriptedUpstream() as upstream,
        InstrumentedGateway(Path(home), upstream.url, "--max-concurrency", "600", *arguments) as gateway,
    ):
        with gateway.connect() as connection:
            ask(connection, "chat")
            assert connection.response().status == 200
        yield Pair(gateway, upstream)


def cancel(rounds: int = 10) -> Measured:
    """Go away in every situation, from every dialect."""
    turns = list(itertools.product(range(rounds), SITUATIONS, DIALECTS, WAYS))
    with pair() as both:
        delays = [
            depart(both.gateway, both.upstream, dialect, situation, how)
            for _, situation, dialect, how in turns
        ]
    p50, p99, worst = percentile(delays, 0.5), percentile(delays, 0.99), max(delays)
    text = (
        f"p99 {p99 * 1000:.1f} ms (p50 {p50 * 1000:.1f}, longest {worst * 1000:.1f}; "
        f"{len(delays)} departures, {len(SITUATIONS)} situations, {len(DIALECTS)} dialects)"
    )
    return Measured(text, p99 <= CANCEL_GATE)


def stalled() -> Measured:
    """Hold many streams: silent ones, and ones whose reader stopped while upstream goes on."""
    with pair(*NO_LEDGER) as both, silent_streams(both.gateway, both.upstream, 500) as held:
        silent = held.each
    with pair(*NO_LEDGER) as both, fire_hose(both.gateway, both.upstream, 50, 64 * MIB) as held:
        stopped = held.each
    text = (
        f"{silent / KIB:.0f} KiB of each of 500 silent streams; {stopped / KIB:.0f} KiB of each of 50 whose "
        "reader stopped while upstream would send more"
    )
    return Measured(text, max(silent, stopped) <= EACH_GATE)


def stopped_reader() -> Measured:
    """Point a fire-hose of 256 MiB at a reader that stops."""
    with pair(*NO_LEDGER) as both, fire_hose(both.gateway, both.upstream, 1, 256 * MIB) as held:
        grown, sent = held.grown, held.most_sent
    text = f"{grown / KIB:.0f} KiB; upstream came to a halt after {sent / MIB:.1f} of 256 MiB"
    return Measured(text, grown <= STOPPED_GATE)


def recovery(rounds: int = 5) -> Measured:
    """Let the token service fail for two seconds while requests come, and look when one succeeds again."""
    delays = []
    for _ in range(rounds):
        with pair() as both:
            upstream, gateway = both.upstream, both.gateway
            upstream.always(EXCHANGE, *whole({"message": "down"}, 503))
            upstream.plan(CHAT, *whole(b"unauthorized: token expired\n", 401))
            until = time.monotonic() + 2
            statuses = set()
            while time.monotonic() < until:
                statuses.add(request(gateway.url, "POST", "/v1/chat/completions", body_of("chat")).status)
            assert statuses == {503}, statuses
            upstream.forget()
            back = time.monotonic()
            while request(gateway.url, "POST", "/v1/chat/completions", body_of("chat")).status != 200:
                assert time.monotonic() - back < 60
            delays.append(time.monotonic() - back)
    median = percentile(delays, 0.5)
    text = f"longest {max(delays):.2f} s of {rounds} outages of two seconds (median {median:.2f} s)"
    return Measured(text, max(delays) <= RECOVERY_GATE)


def stall(rounds: int = 20) -> Measured:
    """Let upstream fall silent within a stream and look when the client hears of it."""
    late = []
    with pair("--stream-idle-timeout", str(STALL_LIMIT)) as both:
        for _ in range(rounds):
            both.upstream.forget()
            both.upstream.plan(CHAT, head(), frame("some"), hold())
            with both.gateway.connect() as connection:
                ask(connection, "chat")
                connection.head()
                got = connection.chunk()
                heard = time.monotonic()
                while piece := connection.chunk():
                    got += piece
                late.append(time.monotonic() - heard - STALL_LIMIT)
            text, ended, errors = read_chat(got)
            assert (text, ended, len(errors)) == ("some", False, 1)
    worst = max(late)
    found = f"limit + {worst * 1000:.0f} ms at the latest (limit {STALL_LIMIT:g} s, {rounds} stalls)"
    return Measured(found, worst <= STALL_GATE)
