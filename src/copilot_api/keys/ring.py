"""The keys that are good now, in a running gateway."""

from __future__ import annotations

import asyncio
import logging
import time

# What `hmac.compare_digest` is; that module brings OpenSSL's hashes with it, 3.6 MB.
from _operator import _compare_digest as compare_digest
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from copilot_api.keys.caller import Caller
from copilot_api.keys.secrets import digest
from copilot_api.keys.store import Identity, KeyFileProblem, KeyStore
from copilot_api.records import field, record
from copilot_api.redaction import Secret

if TYPE_CHECKING:
    from copilot_api.keys.stored import StoredKey

logger = logging.getLogger("copilot_api.keys")

POLL = 1.0
"""Seconds between two looks at the file's identity."""


@record
class GivenKey:
    """A key of an option or of the key file: good for everything."""

    name: str
    """``option`` or ``file``."""
    key: Secret


@record
class _Held:
    digest: bytes = field(repr=False)
    caller: Caller
    expires: int | None


class KeyRing:
    """Knows the holder of a key. `clock` gives Unix seconds.

    Once the store had a key, one is needed until the process ends: revoking the last key, or losing the file,
    shuts the gateway and does not open it.
    """

    def __init__(
        self,
        given: Iterable[GivenKey] = (),
        store: KeyStore | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raise :class:`KeyFileProblem` when the store cannot be read."""
        self.on = False
        """A key is needed."""
        self.when_ended: Callable[[frozenset[str]], None] | None = None
        """Called with the ids of callers whose keys are no longer good."""
        self.when_changed: Callable[[], None] | None = None
        """Called when other keys are good than before, or one is needed that was not."""
        self._given = tuple(given)
        self._store = store
        self._clock = clock
        self._identity: Identity | None = None
        self._stored: tuple[StoredKey, ...] = ()
        self._had_stored = False
        self._held: tuple[_Held, ...] = ()
        self._by_digest: dict[bytes, _Held] = {}
        self._former: frozenset[bytes] = frozenset()
        self._timer: asyncio.TimerHandle | None = None
        if store is not None:
            self._stored, self._identity = store.read()
        self._settle()

    @property
    def several(self) -> bool:
        """There are at least two holders."""
        return len(self._held) > 1

    @property
    def count(self) -> int:
        """Keys that are good now."""
        now = self._clock()
        return sum(held.expires is None or now < held.expires for held in self._held)

    def find(self, shown: str) -> Caller | None:
        """Return the holder of a key; None for a key that is not good.

        What is looked up is the SHA-256, in a table whose order a random secret of the process decides, and
        what is found is compared in constant time: how long it takes says nothing about any key that is near.
        It takes a microsecond for one key and for a thousand.
        """
        given = digest(shown)
        found = self._by_digest.get(given)
        if found is None or not compare_digest(given, found.digest):
            return None
        if found.expires is not None and self._clock() >= found.expires:
            return None
        return found.caller

    def was_good(self, shown: str) -> bool:
        """Tell whether a key that is not good was so once: it is then no guess."""
        given = digest(shown)
        return given in self._former or given in self._by_digest

    def adopt(self, given: Iterable[GivenKey]) -> None:
        """Use other keys of options and key file from now on."""
        self._given = tuple(given)
        self._settle()

    def reload(self) -> None:
        """Read the store now. One that cannot be used changes nothing, and the log says why."""
        if self._store is None:
            return
        # Of a state that could not be read, so that it is told once and not each second.
        self._identity = self._store.identity()
        if self._identity is None:
            if self._stored:
                logger.error("The keys in %s are gone; those that were read stay good", self._store.path)
            return
        try:
            self._stored, self._identity = self._store.read()
        except KeyFileProblem as problem:
            logger.error("%s; the keys that were read before stay as they were", problem)
            return
        before = {held.caller.id: held.caller for held in self._held}
        self._settle()
        if told := self._changes(before):
            logger.info("Client keys changed: %s; %d are good", told, self.count)

    def poll(self) -> None:
        """Read the store again if it has changed."""
        if self._store is not None and self._store.identity() != self._identity:
            self.reload()

    def watch(self) -> None:
        """Poll each second, on the running loop, until :meth:`close`."""
        if self._store is not None:
            self._timer = asyncio.get_running_loop().call_later(POLL, self._tick)

    def close(self) -> None:
        """Stop polling."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        try:
            self.poll()
        finally:
            self.watch()

    def _changes(self, before: dict[str, Caller]) -> str:
        after = {held.caller.id: held.caller for held in self._held}
        kinds = (
            ("new", [after[each] for each in after if each not in before]),
            ("ended", [before[each] for each in before if each not in after]),
            ("other limits", [after[each] for each in after if before.get(each, after[each]) != after[each]]),
        )
        return ", ".join(f"{kind} {', '.join(each.name for each in some)}" for kind, some in kinds if some)

    def _settle(self) -> None:
        before = {held.caller.id: held.caller for held in self._held}
        known = self._by_digest.keys() | {key.digest for key in self._stored}
        held = [_held(given) for given in self._given]
        stored = [_Held(key.digest, key.caller, key.expires) for key in self._stored if key.revoked is None]
        # An unchanged caller stays the same object: the gateway keeps its counts by it.
        self._held = tuple(
            _Held(each.digest, before[each.caller.id], each.expires)
            if before.get(each.caller.id) == each.caller
            else each
            for each in (*held, *stored)
        )
        self._by_digest = {each.digest: each for each in self._held}
        self._former = (self._former | known) - self._by_digest.keys()
        self._had_stored = self._had_stored or bool(stored)
        self.on = self._had_stored or bool(held)
        ended = before.keys() - {each.caller.id for each in self._held}
        if ended and self.when_ended is not None:
            self.when_ended(frozenset(ended))
        if self.when_changed is not None:
            self.when_changed()


def _held(given: GivenKey) -> _Held:
    hashed = digest(given.key.reveal())
    # By its content, so that after a reload another key is another caller.
    return _Held(hashed, Caller(f"{given.name}-{hashed[:8].hex()}", given.name), None)
