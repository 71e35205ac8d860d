"""Client keys that all replicas accept: the text of ``keys.json``, kept in the store.

Each replica keeps a copy in its own file, which is what it goes by: when the store is away, the keys are as
they were. Whoever changes keys changes them in the store, by comparing and replacing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_api.keys.store import KeyFileProblem, KeyStore
from copilot_api.keys.stored import BadKeyText, dump, parse
from copilot_api.private_files import make_private, replace_private
from copilot_api.redaction import Secret
from copilot_api.shared import scripts
from copilot_api.shared.link import PATIENCE, PREFIX, Link, StoreAway, StoreRefused, connection
from copilot_api.shared.watching import Watching

if TYPE_CHECKING:
    from copilot_api.keys.stored import StoredKey

logger = logging.getLogger("copilot_api.keys")

KEY = PREFIX + "keys"
LOOK = 1.0
"""Seconds between two looks at the store."""
TRIES = 10


class KeyMirror(Watching):
    """Copies the keys of the store into this replica's file."""

    def __init__(self, link: Link, store: KeyStore) -> None:
        super().__init__()
        self._link = link
        self._store = store
        self._complained = ""

    async def start(self) -> None:
        """Copy once, and then each second until :meth:`close`."""
        await self.copy()
        self.begin()

    async def close(self) -> None:
        """Stop."""
        await self.end()

    async def copy(self) -> None:
        """Bring the file to what the store has; a store that has none gets those of the file."""
        try:
            kept = await self._link.ask("GET", KEY)
            own = _text(self._store.path)
            if kept is None:
                if own and parse(own):
                    await self._link.run(scripts.REPLACE_TEXT, "keys", "", own)
                return
            text = kept.decode()
            if text != own:
                parse(text)  # what cannot be read must not replace what can
                make_private(self._store.path.parent)
                replace_private(self._store.path, text)
            self._complained = ""
        except (StoreAway, StoreRefused):
            return
        except (BadKeyText, UnicodeDecodeError, OSError) as error:
            if str(error) != self._complained:
                logger.error("The shared keys cannot be used (%s); those of before stay good", error)
                self._complained = str(error)

    async def watch(self) -> None:
        """Look each second."""
        while True:
            await asyncio.sleep(LOOK)
            await self.copy()


def fetch(url: Secret, directory: Path) -> None:
    """Copy the keys once, before a gateway decides whether it may listen; a store may be away.

    Raises :class:`copilot_api.keys.store.KeyFileProblem` for keys that cannot be used.
    """
    import redis

    try:
        with connection(url, PATIENCE) as client:
            kept = client.get(KEY)
    except (redis.RedisError, OSError, ValueError):
        return  # what is wrong with it is told when it is opened
    if isinstance(kept, bytes):
        text = kept.decode("utf-8", "replace")
        try:
            parse(text)
            make_private(directory)
            replace_private(KeyStore(directory).path, text)
        except (BadKeyText, OSError) as error:
            raise KeyFileProblem(f"the shared keys cannot be used: {error}") from None


class SharedKeyStore(KeyStore):
    """The file, and the store before it. For programs that change keys: it waits for the store."""

    def __init__(self, directory: Path, url: Secret) -> None:
        super().__init__(directory)
        self._url = url

    def change(self, edit: Callable[[tuple[StoredKey, ...]], tuple[StoredKey, ...]]) -> None:
        """Change the keys of all replicas. Raises what :meth:`KeyStore.change` raises."""
        import redis

        try:
            with connection(self._url, 10 * PATIENCE) as client:
                for _ in range(TRIES):
                    kept = client.get(KEY)
                    # redis-py's types allow for its asynchronous client too.
                    before = kept.decode() if isinstance(kept, bytes) else ""
                    text = dump(edit(parse(before) if before else self.read()[0]))
                    parse(text)
                    if client.eval(scripts.REPLACE_TEXT, 1, KEY, before, text):
                        made = parse(text)
                        break
                else:
                    raise KeyFileProblem("the keys are being changed by others: try again")
        except (redis.ConnectionError, redis.TimeoutError):
            # A change that only this replica knew would be undone by the others.
            raise KeyFileProblem("the shared store does not answer, so nothing was changed") from None
        except (redis.RedisError, ValueError) as error:
            raise KeyFileProblem(f"the shared store cannot be used: {str(error)[:100]}") from None
        super().change(lambda _: made)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
