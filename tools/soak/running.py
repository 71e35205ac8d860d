"""The soak itself: start the gateway, drive it, look at it, and stop."""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.matrix.talk import Dialect
from tests.support.http import request
from tests.support.process import GatewayProcess

from .client import Connection, Pool
from .orders import BEFORE, HARMLESS, WITHIN
from .report import Holding, Result
from .traffic import DIALECTS, LEGS, PLAIN_FAULTS, Tally, Traffic
from .watching import MIB, Memory, Process

ROOT = Path(__file__).resolve().parents[2]
MOST_AT_ONCE = 400
LATEST_CANCEL = 2.0
"""Seconds in which upstream must see that a client has gone (R-32)."""
SETTLE = 30.0
"""Seconds in which everything is free again when the load is over."""
LONGEST_WARM_UP = 600.0
REVOKE_EVERY = 20.0
IDLE = 40
"""Connections that do nothing, at most."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to run. `latest_cancel` is in seconds."""

    minutes: float = 10.0
    rate: float = 60.0
    engine: str = "native"
    server: str = "native"
    seed: int = 1
    latest_cancel: float = LATEST_CANCEL


@contextmanager
def upstream() -> Iterator[str]:
    """Run the pretend upstream and give its URL."""
    command = [sys.executable, "-m", "tools.soak.upstream"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@contextmanager
def gateway(options: Options, url: str) -> Iterator[GatewayProcess]:
    """Run the gateway with limits that let faults be short."""
    arguments = ["--engine", options.engine, "--server", options.server, "--max-concurrency", "600"]
    arguments += ["--stream-idle-timeout", "20", "--keepalive-interval", "1", "--first-byte-timeout", "30"]
    with TemporaryDirectory(prefix="soak-") as home, GatewayProcess(Path(home), url, *arguments) as process:
        yield process


def run(options: Options) -> Result:
    """Run the soak and return what it found."""
    with upstream() as url, gateway(options, url) as process:
        return asyncio.run(Soak(options, url, process).run())


class Soak:
    """One run."""

    def __init__(self, options: Options, url: str, gateway: GatewayProcess) -> None:
        self._options = options
        self._url = url
        self._gateway = gateway
        self._process = Process(gateway.process.pid)
        self._memory = Memory(self._process)
        self._pool = Pool(gateway.port)
        self._begun: set[int] = set()
        self._chance = random.Random(options.seed)  # noqa: S311 - only to vary
        self.result = Result(Tally())
        self.traffic = Traffic(self._pool, gateway.port, self.result.tally, self._chance)

    async def run(self) -> Result:
        """Warm up, load, and come to rest."""
        result = self.result
        await self._each_kind_once()
        result.start = await self._at_rest(None)
        seconds = self._options.minutes * 60
        began, cpu = time.monotonic(), self._process.cpu()
        warm_until = began + min(max(0.2 * seconds, 5), LONGEST_WARM_UP)
        side = [asyncio.create_task(work) for work in (self._idle(), self._look(), self._revoke())]
        watch = asyncio.create_task(self._watch(began, warm_until))
        try:
            await self._load(began + seconds)
        finally:
            for task in (*side, watch):
                task.cancel()
            await asyncio.gather(*side, watch, return_exceptions=True)
        result.seconds = time.monotonic() - began
        result.cpu = self._process.cpu() - cpu
        result.slope = self._memory.slope(warm_until)
        result.late = self._memory.slope(began + result.seconds / 2)
        result.peak = max(size for _, size in self._memory.samples)
        await self._collect()
        result.end = await self._at_rest(result.start)
        await self._collect()
        # Of those that left before their order came to upstream there is nothing to see.
        for number in result.tally.left.keys() & self._begun:
            result.tally.wrong("unexpected", f"upstream never saw that the client of order {number} left")
        if self._gateway.process.poll() is not None:
            result.tally.wrong("unexpected", "the gateway has ended")
        return result

    async def _each_kind_once(self) -> None:
        await asyncio.gather(*(self._each_kind(dialect) for dialect in DIALECTS))

    async def _each_kind(self, dialect: Dialect) -> None:
        for leg in LEGS:
            for stream in (True, False):
                kinds = ("good", *WITHIN[:-1], *BEFORE, *HARMLESS) if stream else ("good", *PLAIN_FAULTS)
                for kind in kinds:
                    order = self.traffic.order(kind, 20, 0, dialect, stream=stream)
                    await self.traffic.run(dialect, leg, order)

    async def _load(self, until: float) -> None:
        running: set[asyncio.Task[None]] = set()
        period = 1 / self._options.rate
        due = time.monotonic()
        while (now := time.monotonic()) < until:
            due = max(due + self._chance.expovariate(1) * period, now - 1)
            if due > now:
                await asyncio.sleep(due - now)
            if len(running) >= MOST_AT_ONCE:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            task = asyncio.create_task(self.traffic.run(*self.traffic.draw()))
            running.add(task)
            task.add_done_callback(running.discard)
        for outcome in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _idle(self) -> None:
        held: list[Connection] = []
        try:
            while True:
                if len(held) >= IDLE or (held and self._chance.random() < 0.4):
                    held.pop(self._chance.randrange(len(held))).leave(reset=self._chance.random() < 0.3)
                else:
                    held.append(await Connection.open(self._gateway.port))
                    self.result.tally.idle += 1
                await asyncio.sleep(self._chance.uniform(0.05, 0.3))
        finally:
            for connection in held:
                connection.leave(reset=False)

    async def _look(self) -> None:
        """Ask now and then for what is no answer of a model."""
        while True:
            for path in ("/v1/models", "/health", "/metrics", "/nothing"):
                connection = await self._pool.take(fresh=False)
                connection.ask("GET", path, {}, b"")
                head = await connection.head()
                await connection.body(head)
                self._pool.give(connection, head)
                if head.status != (404 if path == "/nothing" else 200):
                    self.result.tally.wrong("unexpected", f"{path}: status {head.status}")
                await asyncio.sleep(1)

    async def _revoke(self) -> None:
        while True:
            await asyncio.sleep(REVOKE_EVERY)
            await asyncio.to_thread(request, self._url, "GET", "/_soak/revoke")

    async def _watch(self, began: float, warm_until: float) -> None:
        said = began
        while True:
            now = time.monotonic()
            size = self._memory.sample()
            if now < warm_until or not self.result.warm:
                self.result.warm = size
            if now - said >= 60:
                said = now
                await self._collect()
                tally = self.result.tally
                minutes, faults = (now - began) / 60, sum(tally.faults.values())
                print(
                    f"{minutes:5.1f} min: {tally.requests} requests, {faults} faults, "
                    f"{tally.aborted} aborted, {tally.damaged} damaged, {tally.unexpected} unexpected, "
                    f"{size / MIB:.1f} MiB, {self._process.descriptors()} descriptors, "
                    f"{self._memory.slope(warm_until) or 'no slope yet'}",
                    flush=True,
                )
            await asyncio.sleep(1)

    async def _collect(self) -> None:
        """Ask upstream what it saw."""
        seen = (await asyncio.to_thread(request, self._url, "GET", "/_soak/seen")).json
        self._begun.update(seen.pop("begun"))
        for number, closed in seen.pop("gone"):
            left = self.result.tally.left.pop(number, None)
            if left is None:
                continue
            delay = max(0.0, closed - left)
            self.result.delays.append(delay)
            if delay > self._options.latest_cancel:
                self.result.tally.wrong("unexpected", f"order {number}: cancelled after {delay:.2f} s")
        self.result.upstream = seen

    async def _at_rest(self, start: Holding | None) -> Holding:
        """Close what is idle on both sides and wait until the gateway holds no more than at the start."""
        self._pool.close()
        deadline = time.monotonic() + SETTLE
        quiet = 0
        last = None
        while True:
            await asyncio.to_thread(request, self._url, "GET", "/_soak/close_idle")
            now = await asyncio.to_thread(self._holding)
            quiet = quiet + 1 if last is not None and now.descriptors == last.descriptors else 0
            last = now
            settled = (
                quiet >= 5
                if start is None
                else now.descriptors <= start.descriptors and now.tasks <= start.tasks
            )
            if settled or time.monotonic() > deadline:
                return now
            await asyncio.sleep(0.2)

    def _holding(self) -> Holding:
        process = self._process
        metrics = request(self._gateway.url, "GET", "/metrics").text
        found = re.search(r"^copilot_api_tasks (\d+)$", metrics, re.MULTILINE)
        tasks = int(found[1]) if found else 0
        return Holding(process.descriptors(), process.threads(), tasks, process.resident())


def save(result: Result, path: Path) -> None:
    """Write the result as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result.record(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
