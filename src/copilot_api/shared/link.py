"""The connection to the store: one thread, which sends what is asked for at the same time as one batch.

The store may go away at any moment. Then whoever asks is told so at once (:class:`StoreAway`) and decides
by what this replica knows alone; the thread tries again each second.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from copilot_api.records import record
from copilot_api.redaction import Secret
from copilot_api.shared import scripts

if TYPE_CHECKING:
    import redis

logger = logging.getLogger("copilot_api.shared")

PATIENCE = 0.5
"""Seconds that the store has to take a connection, and to answer."""
RETRY = 1.0
"""Seconds between two tries while it is away."""
LONGEST_BATCH = 512
LONGEST_CLOSE = 2.0
"""Seconds for what was still told when the program ends."""
PREFIX = "{copilot-api}:"
"""Begins each key; the braces keep all of them on one node of a cluster."""

Argument = str | bytes | int
Words = tuple[Argument, ...]


class StoreAway(Exception):
    """The store does not answer now."""


class StoreRefused(Exception):
    """The store answers, but not what it should: another program's key, no memory left, no permission."""


@record
class _Order:
    words: Words
    """A command with its arguments."""
    done: Callable[[Any, Exception | None], None] | None


def connection(url: Secret, patience: float) -> redis.Redis:
    """Return a client that tries once. Raises ValueError for a URL that is none."""
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return redis.Redis.from_url(
        url.reveal(),
        socket_timeout=patience,
        socket_connect_timeout=patience,
        retry=Retry(NoBackoff(), 0),
        protocol=2,  # one shape of answers, from Redis 6 and from Valkey
    )


def digest(script: str) -> str:
    """Return the name by which the store knows a script."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


class Link:
    """Made once, in `app`. Every method but :meth:`close` returns at once."""

    def __init__(self, url: Secret) -> None:
        self._url = url
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._client: redis.Redis | None = None
        self._thread = threading.Thread(target=self._run, name="shared", daemon=True)
        self._tried = float("-inf")
        self.is_up = False
        """It answered the last time."""
        self.lost = 0
        """Orders that nobody waited for and that could not be carried out."""
        self.when_up: list[Callable[[], None]] = []
        """Called by the thread each time the store is there again."""
        self.why = "not asked yet"
        """Why it is away, in words without secrets."""

    def start(self) -> None:
        """Connect for the first time, and start the thread. Raises :class:`StoreRefused` for a wrong URL."""
        try:
            self._connect()
        except StoreAway as error:
            self._note_away(error)
        self._thread.start()

    async def ask(self, *words: Argument) -> Any:
        """Run a command. Raises :class:`StoreAway` and :class:`StoreRefused`."""
        if not self.is_up:
            raise StoreAway(self.why)
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[Any] = loop.create_future()

        def done(answer: Any, error: Exception | None) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, turn, answer, error)

        self._orders.put(_Order(words, done))
        return await turn

    async def run(self, script: str, key: str, *arguments: Argument) -> Any:
        """Run one of `scripts.ALL`. Raises :class:`StoreAway` and :class:`StoreRefused`."""
        return await self.ask(*script_words(script, key, arguments))

    def tell(self, *words: Argument) -> None:
        """Run a command whose answer nobody needs; while the store is away it is not run."""
        if self.is_up:
            self._orders.put(_Order(words, None))
        else:
            self.lost += 1

    def tell_script(self, script: str, key: str, *arguments: Argument) -> None:
        """The same for a script."""
        self.tell(*script_words(script, key, arguments))

    def close(self) -> None:
        """Run what was told, and end the thread."""
        if self._thread.is_alive():
            self._orders.put(None)
            self._thread.join(timeout=LONGEST_CLOSE)

    # ------------------------------------------------------------------------------------- the thread

    def _run(self) -> None:
        while True:
            try:
                first = self._orders.get(timeout=None if self.is_up else RETRY)
            except queue.Empty:
                self._try_again()
                continue
            batch = [first, *islice(self._rest(), LONGEST_BATCH - 1)]
            self._carry_out([order for order in batch if order is not None])
            if None in batch:
                break
            self._try_again()
        # Who asks from now on hears that nobody is there.
        self.is_up, self.why = False, "closed"
        self._carry_out([order for order in self._rest() if order is not None])
        if self._client is not None:
            self._client.close()

    def _rest(self) -> Iterator[_Order | None]:
        while True:
            try:
                yield self._orders.get_nowait()
            except queue.Empty:
                return

    def _try_again(self) -> None:
        if self.is_up or time.monotonic() - self._tried < RETRY:
            return
        try:
            self._connect()
        except (StoreAway, StoreRefused) as error:
            self._note_away(error)

    def _connect(self) -> None:
        import redis

        self._tried = time.monotonic()
        try:
            if self._client is None:
                self._client = connection(self._url, PATIENCE)
            with self._client.pipeline(transaction=False) as pipeline:
                for script in scripts.ALL:
                    pipeline.script_load(script)
                pipeline.execute()
        except ValueError as error:
            raise StoreRefused(f"--shared: {error}") from None
        except redis.AuthenticationError:
            raise StoreRefused("the store asks for another password") from None
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            raise StoreAway(_words(error)) from None
        except redis.RedisError as error:
            raise StoreRefused(_words(error)) from None
        self.is_up = True
        self.why = ""
        logger.info("The shared store answers")
        for each in self.when_up:
            each()

    def _note_away(self, error: Exception) -> None:
        if self.is_up or not self.why or self.why == "not asked yet":
            logger.warning(
                "The shared store is away (%s): limits, budgets and kept answers are this process's own until"
                " it is back",
                error,
            )
        self.is_up = False
        self.why = str(error) or "no answer"

    def _carry_out(self, orders: Sequence[_Order]) -> None:
        if not orders:
            return
        if not self.is_up or self._client is None:
            self._refuse(orders, StoreAway(self.why))
            return
        import redis

        try:
            answers = self._send(orders)
            if any(isinstance(answer, redis.exceptions.NoScriptError) for answer in answers):
                # It was started anew, or its scripts were flushed; nothing of those orders was done.
                self._connect()
                again = [
                    at
                    for at, answer in enumerate(answers)
                    if isinstance(answer, redis.exceptions.NoScriptError)
                ]
                for at, answer in zip(again, self._send([orders[at] for at in again]), strict=True):
                    answers[at] = answer
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            self._note_away(StoreAway(_words(error)))
            self._tried = time.monotonic()
            self._refuse(orders, StoreAway(self.why))
            return
        except (StoreAway, StoreRefused) as error:
            self._note_away(error)
            self._refuse(orders, StoreAway(self.why))
            return
        for order, answer in zip(orders, answers, strict=True):
            failed = isinstance(answer, Exception)
            if order.done is not None:
                order.done(None if failed else answer, StoreRefused(_words(answer)) if failed else None)
            elif failed:
                self.lost += 1

    def _send(self, orders: Sequence[_Order]) -> list[Any]:
        if self._client is None:
            raise StoreAway(self.why)
        with self._client.pipeline(transaction=False) as pipeline:
            for order in orders:
                pipeline.execute_command(*order.words)  # type: ignore[no-untyped-call]
            found: list[Any] = pipeline.execute(raise_on_error=False)
        return found

    def _refuse(self, orders: Sequence[_Order], error: Exception) -> None:
        for order in orders:
            if order.done is not None:
                order.done(None, error)
            else:
                self.lost += 1


def script_words(script: str, key: str, arguments: Sequence[Argument]) -> Words:
    """Return the command that runs a script over one key."""
    return ("EVALSHA", digest(script), 1, PREFIX + key, *arguments)


def _settle(turn: asyncio.Future[Any], answer: Any, error: Exception | None) -> None:
    if turn.done():
        return
    if error is None:
        turn.set_result(answer)
    else:
        turn.set_exception(error)


def _words(error: Any) -> str:
    """Return the reason without addresses or arguments: the URL may hold a password."""
    import redis

    if isinstance(error, redis.TimeoutError | TimeoutError):
        return "no answer in time"
    if isinstance(error, redis.ConnectionError | OSError):
        return "no connection"
    return str(error).split("\n", 1)[0][:100]
