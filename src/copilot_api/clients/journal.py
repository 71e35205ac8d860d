"""What `setup` wrote where, with a copy of what was there before, so that `setup --undo` can take it back."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from copilot_api.clients.base import SetupProblem
from copilot_api.private_files import make_private, replace_private
from copilot_api.records import record


@record
class FileEntry:
    """One file that was changed."""

    path: Path
    existed: bool
    backup: Path | None
    """The copy of what was there; None where nothing was."""
    before: str
    after: str
    """Hashes."""
    memo: Mapping[str, Any]
    """By which the edit is taken back from a text that was changed since."""
    made: tuple[Path, ...] = ()
    """Folders that were made for it, the outermost first."""


@record
class Entry:
    """One client that was set up."""

    url: str
    when: int
    files: tuple[FileEntry, ...]


class Journal:
    """The record in the data directory; private, since configurations of others hold secrets."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "setup.json"
        self._backups = directory / "setup-backups"

    def read(self) -> dict[str, Entry]:
        """Return the clients that were set up, by name. Raises :class:`SetupProblem`."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return {name: _entry(entry) for name, entry in found["clients"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SetupProblem(f"{self._path} cannot be read ({error}); move it away to begin anew") from None

    def write(self, entries: Mapping[str, Entry]) -> None:
        """Replace the record. Raises OSError."""
        make_private(self._path.parent)
        clients = {name: _plain(entry) for name, entry in entries.items()}
        replace_private(self._path, json.dumps({"clients": clients}, indent=2, ensure_ascii=False) + "\n")

    def keep(self, client: str, path: Path, content: bytes) -> Path:
        """Store a copy and return its place; equal copies are one. Raises OSError."""
        make_private(self._backups.parent)
        make_private(self._backups)
        backup = self._backups / f"{client}-{path.name.lstrip('.')}-{digest(content)[:12]}"
        if not backup.exists():
            write_whole(backup, content)
        return backup

    def forget(self, backup: Path | None) -> None:
        """Remove a copy that is no longer needed."""
        if backup is not None:
            with contextlib.suppress(OSError):
                backup.unlink()


def digest(content: bytes | None) -> str:
    """Return the hash of a content; that of no file is empty."""
    return "" if content is None else hashlib.sha256(content).hexdigest()


def read_bytes(path: Path) -> bytes | None:
    """Return a file's content, None where there is none. Raises :class:`SetupProblem`."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SetupProblem(f"{path} cannot be read: {error.strerror}") from None


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file in one step, where links lead; its mode is kept, a new one is for this user alone.

    Raises OSError.
    """
    target = Path(os.path.realpath(path))
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            there = target.stat()
            temporary.chmod(stat.S_IMODE(there.st_mode))
            if hasattr(os, "chown") and there.st_uid != temporary.stat().st_uid:
                os.chown(temporary, there.st_uid, there.st_gid)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def make_folders(path: Path) -> tuple[Path, ...]:
    """Make the folders that a file lacks and return them. Raises OSError."""
    missing = [each for each in path.parents if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700)
    return tuple(reversed(missing))


def remove_folders(made: tuple[Path, ...]) -> None:
    """Remove the folders that were made, as far as nobody put something into them."""
    with contextlib.suppress(OSError):
        for each in reversed(made):
            each.rmdir()


def now() -> int:
    """Return the time as records have it."""
    return int(time.time())


def _plain(entry: Entry) -> dict[str, Any]:
    files = [
        {
            "path": str(file.path),
            "existed": file.existed,
            "backup": str(file.backup) if file.backup else None,
            "before": file.before,
            "after": file.after,
            "memo": dict(file.memo),
            "made": [str(folder) for folder in file.made],
        }
        for file in entry.files
    ]
    return {"url": entry.url, "when": entry.when, "files": files}


def _entry(plain: Mapping[str, Any]) -> Entry:
    files = tuple(
        FileEntry(
            Path(file["path"]),
            bool(file["existed"]),
            Path(file["backup"]) if file["backup"] else None,
            str(file["before"]),
            str(file["after"]),
            dict(file["memo"]),
            tuple(map(Path, file["made"])),
        )
        for file in plain["files"]
    )
    return Entry(str(plain["url"]), int(plain["when"]), files)
