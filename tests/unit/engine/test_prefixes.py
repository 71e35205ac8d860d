"""Prefixes beside their switch: which implementation runs, and what happens when the native one fails."""

from __future__ import annotations

import json

import pytest

from copilot_api.engine import flags
from copilot_api.engine.interfaces import Dialect, RequestBody
from copilot_api.engine.prefix_interfaces import Turn
from copilot_api.engine.reference.prefixes import Chain, ReferencePrefixes
from copilot_api.engine.switch import Switch
from copilot_api.engine.switched_prefixes import SwitchedPrefixes
from copilot_api.settings import Settings

BODY = json.dumps({"messages": [{"role": "user", "content": "hello"}]}).encode()


class Broken:
    """Fails where it is told to."""

    def __init__(self, *, chains: bool) -> None:
        self._chains = chains

    def chain(self, body: RequestBody, dialect: Dialect) -> object | None:
        """Make what is no chain of the reference, or fail."""
        if not self._chains:
            raise ZeroDivisionError
        return object()

    def turn(self, *_given: object) -> Turn | None:
        """Fail."""
        raise ZeroDivisionError


@pytest.mark.parametrize("chains", [False, True])
def test_what_fails_is_replaced_and_begins_anew(chains: bool) -> None:
    switch = Switch("validation", "native", "default")
    subject = SwitchedPrefixes(switch, Broken(chains=chains), ReferencePrefixes)
    chain = subject.chain(BODY, "chat")
    if chains:
        assert subject.turn("s", True, "m", chain, 1, 1.0) is None
        # A chain of the one that failed says nothing to the other.
        assert subject.turn("s", True, "m", chain, 1, 1.0) is None
    assert switch.state.reason == "rolled back: ZeroDivisionError"
    again = subject.chain(BODY, "chat")
    assert isinstance(again, Chain)
    assert subject.turn("s", True, "m", again, 1, 1.0) is None
    found = subject.turn("s", True, "m", again, 1, 3.0)
    assert found is not None
    assert (found.change, found.gap, found.previous_tokens) == ("kept", 2.0, 1)


def test_what_nobody_can_cure_is_raised() -> None:
    class Interrupted(Broken):
        def chain(self, body: RequestBody, dialect: Dialect) -> object | None:
            raise KeyboardInterrupt

    subject = SwitchedPrefixes(
        Switch("validation", "native", "default"), Interrupted(chains=False), ReferencePrefixes
    )
    with pytest.raises(KeyboardInterrupt):
        subject.chain(BODY, "chat")


@pytest.mark.parametrize("native", [("validation=off",), ("validation=on",), ("validation=shadow",)])
def test_they_follow_the_validation(native: tuple[str, ...]) -> None:
    made = flags.build_engine(Settings(native=native)).make_prefixes()
    assert isinstance(made, ReferencePrefixes) == (native == ("validation=off",))
    chain = made.chain(BODY, "chat")
    assert isinstance(chain, Chain) == (native == ("validation=off",))
    assert made.turn("s", True, "m", chain, 1, 1.0) is None
