"""Every order in which things can happen to code that waits in asyncio, for small models.

A model has actors; each does its acts in their order. Between any two acts the loop may make no turn, one, or
as many as it takes until nothing is ready, and time may pass to the next timer. `explore` tries all of these:
it runs the model again and again, in virtual time, each time with another list of choices.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from tests.support.virtual_time import VirtualLoop

Act = tuple[str, Callable[[], object]]
"""A name, and what is done."""


class Model(Protocol):
    """One system and what is done to it. It is made anew for each schedule, inside its loop."""

    time_passes: bool
    """Whether time may pass before all acts were done."""

    def actors(self) -> Sequence[Sequence[Act]]:
        """Return the acts of each actor."""

    def check(self) -> None:
        """Assert what must hold at any time."""

    def is_done(self) -> bool:
        """Whether what is left are timers of no interest, after all acts."""

    async def end(self) -> None:
        """Assert what must hold when nothing happens any more, and close what is open."""


class _Choices:
    def __init__(self, taken: list[int]) -> None:
        self.taken, self.offered = taken, [0] * len(taken)
        self._at = 0

    def choose(self, number: int) -> int:
        if self._at == len(self.taken):
            self.taken.append(0)
            self.offered.append(0)
        self.offered[self._at] = number
        self._at += 1
        return self.taken[self._at - 1]

    def next(self) -> list[int] | None:
        """Return the choices of the next schedule: depth first."""
        taken = self.taken[: self._at]
        while taken and taken[-1] + 1 >= self.offered[len(taken) - 1]:
            taken.pop()
        if not taken:
            return None
        return [*taken[:-1], taken[-1] + 1]


def explore(make: Callable[[], Model], most: int = 50_000) -> int:
    """Run a model in all schedules and return their number. Fails if there are more than `most`."""
    number, taken = 0, list[int]()
    while True:
        number += 1
        assert number <= most, "the model is too large"
        choices = _Choices(taken)
        steps: list[str] = []
        try:
            with asyncio.Runner(loop_factory=VirtualLoop) as runner:
                runner.run(_run(make, choices, steps))
        except BaseException as error:
            error.add_note(f"schedule {number}: {', '.join(steps)}")
            raise
        following = choices.next()
        if following is None:
            return number
        taken = following


async def _run(make: Callable[[], Model], choices: _Choices, steps: list[str]) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    model = make()
    left = [list(acts) for acts in model.actors()]
    while True:
        ready, due = bool(loop.ready), loop.due
        actors = [acts for acts in left if acts]
        if not actors and ((not ready and due is None) or model.is_done()):
            break
        options: list[Act | None] = [acts[0] for acts in actors]
        if ready:
            options.append(None)
        passes = not ready and due is not None and (model.time_passes or not actors)
        if passes:
            options.append(None)
        choice = choices.choose(len(options)) if len(options) > 1 else 0
        act = options[choice]
        if act is not None:
            actors[choice].pop(0)
            steps.append(act[0])
            act[1]()
        elif ready:
            steps.append("turn")
            await asyncio.sleep(0)
        else:
            assert due is not None
            steps.append(f"until {due:g}")
            loop.jump(due)
            await asyncio.sleep(0)
        model.check()
    await model.end()
