"""A reader that stops makes the gateway stop reading upstream, and costs little meanwhile (R-33)."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.server.conftest import Pair
from tests.support.instrumented import InstrumentedGateway, ask
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.servers import server_arguments
from tests.support.stalling import CHAT, MIB, fire_hose, silent_streams

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

Wide = tuple[InstrumentedGateway, ScriptedUpstream]
KERNEL = 24 * MIB
"""More than the kernel's buffers of two loopback connections ever hold."""
MANY = 500


def test_r33_fire_hose_comes_to_a_halt(pair: Pair) -> None:
    with fire_hose(pair.gateway, pair.upstream, 1, 256 * MIB) as held:
        assert held.most_sent < KERNEL
        assert held.grown < 8 * MIB
        attempt = pair.upstream.attempt(CHAT)
        sent = attempt.sent
        # Others are served meanwhile, and nothing more is taken of this stream than the kernels do.
        with pair.gateway.connect() as other:
            other.request("GET", "/v1/models")
            assert other.response().status == 200
        assert attempt.sent - sent < KERNEL
        assert not attempt.finished


@pytest.fixture(scope="module")
def wide(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wide]:
    """A gateway with room for many streams, at rest."""
    arguments = ("--max-concurrency", "600", "--max-connections", "1024", *server_arguments(server))
    home = tmp_path_factory.mktemp("home")
    with ScriptedUpstream() as upstream, InstrumentedGateway(home, upstream.url, *arguments) as gateway:
        with gateway.connect() as first:
            ask(first, "chat")
            assert first.response().status == 200
        yield gateway, upstream


def test_r33_five_hundred_silent_streams(
    wide: tuple[InstrumentedGateway, ScriptedUpstream], server: str
) -> None:
    gateway, upstream = wide
    with silent_streams(gateway, upstream, MANY) as held:
        # The gate is 64 KiB, which `make reliability` measures; uvicorn has Python objects for each.
        ceiling = 256 * 1024 if server == "native" else 512 * 1024
        assert held.each < ceiling
