"""The contract of the component "cache": whole answers that are kept, and the freshness of a list.

The rules of :mod:`copilot_api.engine.interfaces` hold here too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from copilot_api.records import field, record

if TYPE_CHECKING:
    from copilot_api.engine.interfaces import RequestBody

CACHE_OVERHEAD = 512
"""Bytes counted for each entry beside body and headers: its key, the books, the objects."""
CACHE_PATIENCE = 30.0
"""Seconds a request waits for others that fail before it asks for itself."""
CACHE_WAITERS = 1024
"""Requests that wait for others at once; more go alone, and so meet the limit of requests in flight."""


@record
class CacheOptions:
    """Options of the response cache."""

    limit: int
    """Bytes that all entries may take; an entry weighs its body, its headers and `CACHE_OVERHEAD`."""
    time_to_live: float
    """Seconds after which an entry is not given out any more; 0 is never."""


@record
class CachedAnswer:
    """A whole answer for the client, status 200."""

    body: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def weight(self) -> int:
        """Bytes of body and headers."""
        return len(self.body) + sum(len(name) + len(value) for name, value in self.headers)


@record
class CacheLookup:
    """What a request is to do.

    ``hit``: take `answer`, which is `age` seconds old. ``lead``: ask upstream, then settle. ``wait``: another
    request asks for the same; wait until a settlement names this ticket. ``alone``: ask upstream, then
    settle; nobody waits for it.
    """

    outcome: Literal["hit", "lead", "wait", "alone"]
    answer: CachedAnswer | None = None
    age: float = 0.0


@record
class CacheWakes:
    """Whom a settlement wakes, by ticket."""

    served: tuple[int, ...] = ()
    """They get the answer that was settled."""
    leader: int | None = None
    """It leads now: it asks upstream, then settles."""
    alone: tuple[int, ...] = ()
    """They have waited long enough: each asks upstream, then settles."""


@record
class CacheStatistics:
    """What a cache has done since the start, and what it holds."""

    hits: int = 0
    misses: int = 0
    """Requests that had to ask upstream."""
    coalesced: int = 0
    """Requests that got the answer another one was waiting for."""
    evictions: int = 0
    """Entries that made room for others."""
    expirations: int = 0
    entries: int = 0
    bytes: int = 0
    waiting: int = 0
    """Requests that wait now for the answer to an equal one."""


class ResponseCache(Protocol):
    """Keeps whole answers, and lets one of several equal requests ask for all. No I/O; a call never waits.

    Entries are evicted as S3-FIFO does it (Yang et al., SOSP 2023), so that many that are asked for once do
    not drive out those asked for often. Tickets are the caller's, each used once; every request that was told
    ``lead``, ``wait`` or ``alone`` settles its ticket, however it ends.
    """

    def key(self, body: RequestBody, dialect: str, scope: tuple[str, ...]) -> bytes | None:
        """Return the key of a request that validation accepted; None when it may not be cached.

        May be cached: embeddings, and what has ``temperature`` 0. The key is a SHA-256 over the scope (whose
        answer, which model, which upstream) and the body in canonical form: white space, order of members,
        spelling of numbers and of strings do not matter. Left out are ``model``, which the scope has as it
        was resolved, and ``stream``, since streams are not cached. All other members count, also ``user``
        and ``metadata``.
        """

    def begin(self, key: bytes, ticket: int, max_age: float | None = None) -> CacheLookup:
        """Look a request up. `max_age`: seconds that a hit may be old; 0 means: ask upstream, alone."""

    def settle(self, ticket: int, answer: CachedAnswer | None) -> CacheWakes:
        """End a request: with an answer that is kept and shared, or without one (failed, cancelled).

        When a leader ends without an answer, the first waiter leads, and those that have waited longer than
        `CACHE_PATIENCE` go alone. A waiter that settles leaves. An unknown ticket wakes nobody.
        """

    def statistics(self) -> CacheStatistics:
        """Return the counters."""


class Freshness(Protocol):
    """When a list that is kept is fetched anew: served while it is refreshed, one refresh at a time."""

    @property
    def due(self) -> float:
        """The time before which :meth:`begin` is false, so that a caller need not ask.

        Times are monotonic seconds; it is infinite while a refresh runs.
        """

    def begin(self, now: float) -> bool:
        """Tell whether a refresh is to be started now; if so it is taken to be under way."""

    def end(self, now: float, *, refreshed: bool) -> None:
        """Note the end of a refresh, or that the list was loaded."""
