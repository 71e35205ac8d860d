"""The GitHub token that a start would use: is there one, of which kind, safe from others."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from copilot_api.doctor.findings import Finding, found, ok
from copilot_api.doctor.modes import is_loose, mode_of, tighten
from copilot_api.doctor.situation import Situation
from copilot_api.github.credentials import CredentialProblem, TokenFile
from copilot_api.github.kinds import kind_of
from copilot_api.github.sources import Source, all_sources, chosen, store_of


def sources_of(situation: Situation) -> tuple[Source, ...]:
    """Return every place that may hold a token. Raises :class:`CredentialProblem`."""
    store = store_of(situation.settings, situation.directory)
    return all_sources(situation.settings, situation.origins, store, situation.environ)


def credential(situation: Situation) -> tuple[list[Finding], Source | None]:
    """Look for the token that a start would use; return it too, where it is worth asking GitHub about."""
    try:
        store = store_of(situation.settings, situation.directory)
        sources = sources_of(situation)
    except CredentialProblem as problem:
        return [found("token-unreadable", str(problem))], None
    used = chosen(sources)
    if used is None:
        return [found("not-signed-in", "no place that is looked at holds a GitHub token")], None
    if used.problem:
        cause = "token-unreadable" if used.name == store.place else "token-file-unusable"
        return [found(cause, used.problem, used.name)], None
    findings = list(_stored_file(store)) if used.name == store.place else []
    usable: Source | None = used
    kind = kind_of(used.token) if used.token else None
    if kind is not None and kind.works == "no":
        cause = "token-kind-refused" if kind.name == "classic" else "token-no-credential"
        findings.append(found(cause, f"{used.name} holds a {kind.title}. {kind.says}", used.name))
        usable = None
    elif kind is not None and kind.name == "installation":
        findings.append(found("token-short-lived", f"{used.name} holds an {kind.title}", used.name))
    if any(each.cause == "token-of-another-user" for each in findings):
        usable = None
    if not findings and kind is not None:
        findings.append(ok("credential", f"{used.name} holds a {kind.title}"))
    return findings, usable


def _stored_file(store: TokenFile) -> Iterator[Finding]:
    path = store.path
    if sys.platform == "win32" or store.place != str(path) or not path.exists():
        return
    if path.stat().st_uid != os.getuid():
        yield found("token-of-another-user", f"{path} belongs to another user", str(path))
    elif is_loose(path):
        says = f"{path} is open to other users (mode {mode_of(path):04o})"
        yield found("token-open-to-others", says, str(path), repair=tighten(path, 0o600))
