"""GitHub and Copilot on raw sockets, playing what a test wrote, one step at a time (reliability.md 4).

A *script* is a tuple of steps (`tests.support.upstream_steps`) for one request. Scripts are planned by path;
a request without a plan gets a good answer, so the gateway starts. Nothing here waits for time: a script
stops at a named mark until the test releases it, and the test waits for marks, attempts and closed
connections.

    with ScriptedUpstream() as upstream, GatewayProcess(home, upstream.url) as gateway:
        upstream.plan("/chat/completions", head(), frame(text("a")), wait("go"), reset())
        ...
        attempt = upstream.attempt("/chat/completions")     # waits for the request
        attempt.release("go")
        assert attempt.closed() == "fin"                    # waits until the gateway closes
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from tests.support.upstream_wire import Connection, Ended, PeerGone, Wire

PATIENCE = 20.0
"""Seconds that a test waits for an event before it fails."""

STALLED_AFTER = 0.5
"""Seconds in which the peer's kernel takes nothing, after which a hose calls itself stalled."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do for one request; `name` is for the record."""

    name: str
    run: Callable[[Attempt], Awaitable[None]]


Script = tuple[Step, ...]
Chooser = Callable[["Attempt"], Script | None]


class Attempt:
    """One request that came, and the script that is played for it. Safe to use from the test's thread."""

    def __init__(self, owner: ScriptedUpstream, wire: Wire, head: bytes, body: bytes) -> None:
        line, *fields = head.decode("latin-1").split("\r\n")
        self.method, self.target, self.version = line.split(" ")
        self.path = self.target.partition("?")[0]
        self.headers = [(name, value.strip()) for name, _, value in (each.partition(":") for each in fields)]
        self.body = body
        self.connection = wire.record
        self.number_on_connection = wire.record.requests
        self.came_at = time.monotonic()
        self.played: list[str] = []
        """Names of the steps that have been begun."""
        self.sent = 0
        """Bytes of the answer that the kernel has taken."""
        self.finished = False
        self.chunked = False
        self.wire = wire
        self._owner = owner
        self._gates: dict[str, asyncio.Event] = {}

    # ------------------------------------------------------------------------------- for the test's thread

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def header_names(self) -> list[str]:
        """As they came: order, case and repetitions."""
        return [name for name, _ in self.headers]

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def reached(self, mark: str) -> None:
        """Wait until the script is at a mark."""
        self._owner.wait_for(lambda: mark in self.played, f"{mark!r}; played {self.played}")

    def release(self, mark: str) -> None:
        """Let the script go on that waits, or will wait, at a mark."""
        self._owner.call(lambda: self.gate(mark).set())

    def closed(self) -> Ended:
        """Wait until the gateway has closed the connection of this request, and say how."""
        self._owner.wait_for(
            lambda: self.connection.ended is not None, f"close of connection {self.connection}"
        )
        assert self.connection.ended is not None
        return self.connection.ended

    def done(self) -> None:
        """Wait until the script is over."""
        self._owner.wait_for(lambda: self.finished, f"end of the script; played {self.played}")

    # ------------------------------------------------------------------------------- for steps, in the loop

    def gate(self, mark: str) -> asyncio.Event:
        return self._gates.setdefault(mark, asyncio.Event())

    def note(self, mark: str) -> None:
        """Tell the test that the script is here."""
        self._owner.change(lambda: self.played.append(mark))

    async def write(self, data: bytes) -> None:
        """Hand bytes to the kernel. Raises :class:`PeerGone`."""
        await self.wire.write(data)
        self.sent += len(data)

    async def until_gone(self, other: Awaitable[T]) -> T:
        """Wait for something, or raise :class:`PeerGone` when the gateway closes first."""
        return await self.wire.until_gone(other)


@dataclass(slots=True)
class _Plan:
    script: Script
    times: int


@dataclass(slots=True)
class _Route:
    planned: deque[_Plan] = field(default_factory=deque)
    always: Script | None = None
    chooser: Chooser | None = None


class ScriptedUpstream:
    """The server, in a thread with a loop of its own. Use as a context manager."""

    def __init__(self, default: Chooser | None = None) -> None:
        if default is None:
            from tests.support.upstream_steps import good_answer

            default = good_answer
        self.url = ""
        self.connections: list[Connection] = []
        self._default = default
        self._attempts: list[Attempt] = []
        self._routes: dict[str, _Route] = {}
        self._at_accept: deque[Literal["fin", "reset", "deaf"]] = deque()
        self._changed = threading.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._mistakes: list[Exception] = []
        self._listener: socket.socket | None = None

    # ------------------------------------------------------------------------------------------- planning

    def plan(self, path: str, *script: Step, times: int = 1) -> None:
        """The next request for `path` gets this script; plans are used up in order."""
        with self._changed:
            self._route(path).planned.append(_Plan(script, times))

    def always(self, path: str, *script: Step) -> None:
        """Every request for `path` without a plan gets this script."""
        with self._changed:
            self._route(path).always = script

    def choose(self, path: str, chooser: Chooser) -> None:
        """`chooser` looks at each request without a plan; None from it means the good answer."""
        with self._changed:
            self._route(path).chooser = chooser

    def at_accept(self, *what: Literal["fin", "reset", "deaf"]) -> None:
        """The next connections are closed at once, or accepted and never read (`deaf`)."""
        with self._changed:
            self._at_accept.extend(what)

    def forget(self) -> None:
        """Forget plans and attempts, so that the next test counts from zero; connections stay."""
        with self._changed:
            self._routes.clear()
            self._at_accept.clear()
            self._attempts.clear()

    def close_idle(self) -> None:
        """Send a FIN on every connection on which no request is running, as a server does that is bored."""
        self.call(lambda: [wire.bored() for wire in list(self._wires)])

    def stop_listening(self) -> None:
        """New connections are refused from now on."""
        assert self._listener is not None
        listener, self._listener = self._listener, None
        self.call(lambda: self._loop.remove_reader(listener.fileno()))
        listener.close()

    # ------------------------------------------------------------------------------------------- watching

    def attempts(self, path: str | None = None) -> list[Attempt]:
        """The requests so far, in order."""
        with self._changed:
            return [each for each in self._attempts if path in (None, each.path)]

    def attempt(self, path: str, number: int = 0) -> Attempt:
        """Wait for the request of that number (from 0; plans do not matter) and return it."""
        self.wait_for(lambda: len(self._of(path)) > number, f"request {number} for {path}")
        return self._of(path)[number]

    def wait_for(self, condition: Callable[[], bool], what: str = "condition") -> None:
        """Wait until something is so that the upstream's thread makes so."""
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE), f"waited in vain for {what}"

    def _of(self, path: str) -> list[Attempt]:
        return [each for each in self._attempts if each.path == path]

    # ------------------------------------------------------------------------------------------- running

    def __enter__(self) -> Self:
        listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        listener.setblocking(False)
        self._listener = listener
        self._wires: set[Wire] = set()
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="scripted-upstream", daemon=True)
        self._thread.start()
        self.call(lambda: self._loop.add_reader(listener.fileno(), self._accept, listener))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener is not None:
            self.stop_listening()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        if self._mistakes and error is None:
            raise self._mistakes[0]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        for wire in list(self._wires):
            wire.shut("fin")
        self._loop.close()

    def call(self, action: Callable[[], object]) -> None:
        """Do something in the upstream's thread and wait until it is done."""
        done = threading.Event()

        def run() -> None:
            action()
            done.set()

        self._loop.call_soon_threadsafe(run)
        assert done.wait(PATIENCE)

    def change(self, action: Callable[[], object]) -> None:
        """Change the record and wake the test."""
        with self._changed:
            action()
            self._changed.notify_all()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            while True:
                accepted, peer = listener.accept()
                accepted.setblocking(False)
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                record = Connection(len(self.connections), peer)
                wire = Wire(accepted, record, self.change)
                self._wires.add(wire)
                self.change(lambda record=record: self.connections.append(record))  # type: ignore[misc]
                with self._changed:
                    what = self._at_accept.popleft() if self._at_accept else None
                if what in ("fin", "reset"):
                    wire.shut(what)
                elif what is None:
                    task = self._loop.create_task(self._serve(wire))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    async def _serve(self, wire: Wire) -> None:
        wire.start_reading()
        try:
            while not wire.shut_by_us:
                head, body = await wire.request()
                wire.record.requests += 1
                attempt = Attempt(self, wire, head, body)
                script = self._script(attempt)
                self.change(lambda attempt=attempt: self._attempts.append(attempt))  # type: ignore[misc]
                try:
                    for step in script:
                        attempt.note(step.name)
                        await step.run(attempt)
                finally:
                    wire.busy = False
                    self.change(lambda attempt=attempt: setattr(attempt, "finished", True))  # type: ignore[misc]
        except PeerGone:
            pass
        except Exception as error:  # a mistake in a script; the test must hear of it
            self._mistakes.append(error)
        finally:
            if not wire.shut_by_us:
                wire.shut("fin")
            self._wires.discard(wire)

    def _route(self, path: str) -> _Route:
        return self._routes.setdefault(path, _Route())

    def _script(self, attempt: Attempt) -> Script:
        with self._changed:
            route = self._route(attempt.path)
            if route.planned:
                plan = route.planned[0]
                plan.times -= 1
                if plan.times <= 0:
                    route.planned.popleft()
                return plan.script
            chooser, always = route.chooser, route.always
        chosen = chooser(attempt) if chooser is not None else always
        return chosen if chosen is not None else self._default(attempt) or ()
