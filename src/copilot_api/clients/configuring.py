"""Carrying out what a client's configuration needs, and taking it back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from copilot_api.clients.base import Change, SetupProblem
from copilot_api.clients.edits import CannotEdit, withdraw
from copilot_api.clients.journal import (
    Entry,
    FileEntry,
    Journal,
    digest,
    make_folders,
    now,
    read_bytes,
    remove_folders,
    write_whole,
)
from copilot_api.records import record, replace


@record
class Step:
    """One file: what is there, what is to be there, and what was there before us."""

    path: Path
    there: bytes | None
    wanted: bytes | None
    pristine: bytes | None
    entry: FileEntry | None
    """For the record; None once nothing of ours is in the file."""
    left: tuple[str, ...] = ()
    """What others changed since, and is left as it is."""

    @property
    def changes(self) -> bool:
        """Whether there is something to write."""
        return self.there != self.wanted


def plan(changes: Sequence[Change], known: Entry | None) -> tuple[Step, ...]:
    """Return what is to be written. Raises :class:`SetupProblem`."""
    entries = {file.path: file for file in known.files} if known else {}
    return tuple(_plan(change, entries.get(change.path)) for change in changes)


def _plan(change: Change, known: FileEntry | None) -> Step:
    there = read_bytes(change.path)
    pristine, left = _without_ours(change.path, there, known)
    try:
        text, memo = change.edit.apply(_decoded(change.path, pristine))
    except CannotEdit as problem:
        raise SetupProblem(f"{change.path} is left alone: {problem}") from None
    wanted = text.encode("utf-8")
    if wanted == (pristine or b""):
        # Its user wrote the same by hand: nothing of it is ours.
        return Step(change.path, there, there, pristine, known, left)
    made = known.made if known else ()
    existed = known.existed if known else pristine is not None
    entry = FileEntry(change.path, existed, None, digest(pristine), digest(wanted), memo, made)
    return Step(change.path, there, wanted, pristine, entry, left)


def _without_ours(
    path: Path, there: bytes | None, known: FileEntry | None
) -> tuple[bytes | None, tuple[str, ...]]:
    """Return the content without what an earlier `setup` put in."""
    if known is None or there is None:
        return there, ()
    if digest(there) == known.after:
        return _backup(known), ()
    try:
        text, left = withdraw(_decoded(path, there), known.memo)
    except CannotEdit as problem:
        raise SetupProblem(f"{path} is left alone: {problem}") from None
    return text.encode("utf-8"), left


def _backup(known: FileEntry) -> bytes | None:
    if known.backup is None:
        return None
    content = read_bytes(known.backup)
    if content is None or digest(content) != known.before:
        raise SetupProblem(f"the copy of {known.path} in {known.backup} is gone or was changed")
    return content


def _decoded(path: Path, content: bytes | None) -> str:
    try:
        return (content or b"").decode("utf-8")
    except UnicodeDecodeError:
        raise SetupProblem(f"{path} is left alone: it is no text in UTF-8") from None


def carry_out(client: str, url: str, steps: Sequence[Step], journal: Journal) -> Entry:
    """Write the files, after the record of them. Raises :class:`SetupProblem` and OSError."""
    entries = journal.read()
    earlier = entries.get(client)
    now_at = {step.path for step in steps}
    # What was written at another place stays in the record: the client may have moved its configuration.
    files = [file for file in earlier.files if file.path not in now_at] if earlier else []
    for step in steps:
        if step.entry is None:
            continue
        if step.changes:
            backup = journal.keep(client, step.path, step.pristine) if step.pristine is not None else None
            made = (*step.entry.made, *_missing(step.path))
            files.append(replace(step.entry, backup=backup, made=tuple(dict.fromkeys(made))))
        else:
            files += [file for file in earlier.files if file.path == step.path] if earlier else []
    entry = Entry(url, now(), tuple(files))
    journal.write({**entries, client: entry})
    for step in steps:
        _write(step)
    kept = {file.backup for file in files}
    for file in earlier.files if earlier else ():
        if file.backup not in kept:
            journal.forget(file.backup)
    return entry


def _missing(path: Path) -> tuple[Path, ...]:
    return tuple(reversed([each for each in path.parents if not each.exists()]))


def _write(step: Step) -> None:
    if not step.changes:
        return
    if read_bytes(step.path) != step.there:
        raise SetupProblem(f"{step.path} was changed by another program meanwhile; run this again")
    if step.wanted is None:
        step.path.unlink()
        return
    make_folders(step.path)
    write_whole(step.path, step.wanted)


def plan_undo(known: Entry) -> tuple[Step, ...]:
    """Return what takes `setup` back. Raises :class:`SetupProblem`."""
    return tuple(_plan_undo(file) for file in known.files)


def _plan_undo(known: FileEntry) -> Step:
    there = read_bytes(known.path)
    if there is None or digest(there) == known.before:
        return Step(known.path, there, there, there, None)
    wanted, left = _without_ours(known.path, there, known)
    if not known.existed and wanted is not None and not wanted.strip(b" \t\r\n{}"):
        wanted = None
    return Step(known.path, there, wanted, wanted, None, left)


def undo(client: str, steps: Sequence[Step], journal: Journal) -> tuple[Path, ...]:
    """Write the files, and strike the client from the record; return the copies that are kept.

    A copy is kept of each file that was changed since. Raises :class:`SetupProblem` and OSError.
    """
    entries = journal.read()
    known = entries.pop(client)
    kept = []
    for file, step in zip(known.files, steps, strict=True):
        _write(step)
        if not file.existed and step.wanted is None:
            remove_folders(file.made)
        if digest(step.wanted) == file.before or not file.existed:
            journal.forget(file.backup)
        elif file.backup is not None:
            kept.append(file.backup)
    journal.write(entries)
    return tuple(kept)
