"""``--memory-limit``."""

from __future__ import annotations

import sys

import pytest

from copilot_api.gateway.errors import OutOfMemory
from copilot_api.gateway.memory import LOOKS, RETURNS, MemoryLimit, resident_bytes


class Machine:
    """Memory and time, moved by hand."""

    def __init__(self, held: int) -> None:
        self.held, self.freed, self.now = held, 0, 0.0
        self.looks = self.returns = 0
        self.limit = MemoryLimit(100, self.resident, self.give_back, lambda: self.now)

    def resident(self) -> int:
        self.looks += 1
        return self.held

    def give_back(self) -> None:
        self.returns += 1
        self.held -= self.freed

    def refuses(self) -> bool:
        try:
            self.limit.check()
        except OutOfMemory:
            return True
        return False


def test_r60_above_the_limit_requests_are_refused_until_it_is_below() -> None:
    machine = Machine(100)
    assert not machine.refuses()
    machine.held, machine.now = 101, LOOKS
    assert machine.refuses()
    machine.held, machine.now = 100, 3 * LOOKS
    assert not machine.refuses()


def test_r60_the_memory_is_looked_at_ten_times_a_second_at_most() -> None:
    machine = Machine(100)
    for _ in range(1000):
        machine.refuses()
    assert machine.looks == 1
    machine.now = LOOKS
    machine.refuses()
    assert machine.looks == 2


def test_r60_what_is_free_already_is_given_back_and_refuses_nobody() -> None:
    machine = Machine(150)
    machine.freed = 60
    assert not machine.refuses()
    assert machine.returns == 1
    machine.held, machine.freed = 150, 0
    machine.now = LOOKS
    assert machine.refuses()
    assert machine.returns == 1
    machine.now = RETURNS + LOOKS
    assert machine.refuses()
    assert machine.returns == 2


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_r60_the_system_says_how_much_is_held() -> None:
    before = resident_bytes()
    held = bytearray(b"x") * (64 << 20)
    assert resident_bytes() - before > 48 << 20
    del held
