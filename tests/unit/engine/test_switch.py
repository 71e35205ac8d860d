"""A native component that fails is replaced by the reference (architecture.md 5)."""

from __future__ import annotations

import asyncio

import pytest

from copilot_api.engine.client_interfaces import Client, Upstream, UpstreamCall
from copilot_api.engine.interfaces import ConnectFailed, ConnectionLost
from copilot_api.engine.switch import Switch, SwitchedClient

CALL = UpstreamCall("GET", "http://127.0.0.1:1/", ())


class Scripted:
    """A client that raises what it was given, or answers with itself."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.calls = 0
        self.closed = False

    async def request(self, _call: UpstreamCall) -> Upstream:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return self  # type: ignore[return-value]

    async def aclose(self) -> None:
        self.closed = True


def made(native: Scripted) -> tuple[Switch, Client, Scripted]:
    switch = Switch("client", "native", "default")
    reference = Scripted()
    return switch, SwitchedClient(switch, native, lambda: reference), reference


async def test_a_broken_client_is_replaced_and_the_call_that_met_it_is_not_repeated() -> None:
    native = Scripted(RuntimeError("a task of the native engine panicked"))
    switch, client, reference = made(native)
    with pytest.raises(ConnectionLost):
        await client.request(CALL)
    assert reference.calls == 0
    assert switch.state.implementation == "reference"
    assert switch.state.reason == "rolled back: RuntimeError"
    await client.request(CALL)
    assert (native.calls, reference.calls) == (1, 1)
    await client.aclose()
    assert native.closed
    assert reference.closed


@pytest.mark.parametrize("error", [ConnectFailed("no"), asyncio.CancelledError()])
async def test_what_the_contract_knows_is_no_reason_to_go_back(error: BaseException) -> None:
    switch, client, reference = made(Scripted(error))
    with pytest.raises(type(error)):
        await client.request(CALL)
    assert switch.state.implementation == "native"
    assert reference.calls == 0


def test_a_panic_in_a_relay_switches_streams_to_the_reference() -> None:
    switch = Switch("streaming", "native", "default")
    switch.translated(3, 0.5, panicked=False)
    assert switch.state.implementation == "native"
    assert switch.timings["native"].calls == 3
    switch.translated(1, 0.5, panicked=True)
    assert (switch.state.implementation, switch.state.reason) == ("reference", "rolled back: panic")
    assert switch.failures == 1
