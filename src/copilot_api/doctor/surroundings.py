"""What a gateway finds around it: environment variables, its directory, its config file."""

from __future__ import annotations

import errno
import os
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

from copilot_api.configuration import CONFIG_FILE
from copilot_api.doctor.credential import sources_of
from copilot_api.doctor.findings import Finding, found, ok
from copilot_api.doctor.modes import is_loose, mode_of, tighten
from copilot_api.doctor.situation import Situation, known_variables
from copilot_api.github.credentials import CredentialProblem
from copilot_api.github.kinds import masked
from copilot_api.github.sources import chosen

_SECRETS_IN_CONFIG = ("github_token", "api_key")
_CONTAINER_ONLY = frozenset({"COPILOT_API_SIMULATOR_PORT"})
_PROBE = bytes(4096)


def environment(situation: Situation) -> list[Finding]:
    """Look at variables that say nothing, say too much, or name what is not there."""
    environ = situation.environ
    findings = [
        found("environment-unknown-option", f"${name} is set, and there is no such option", name)
        for name in sorted(environ)
        if name.startswith("COPILOT_API_") and name not in known_variables() | _CONTAINER_ONLY
    ]
    findings += _certificates(situation)
    findings += _several_tokens(situation)
    return findings or [ok("environment", "nothing in it contradicts anything")]


def _certificates(situation: Situation) -> Iterator[Finding]:
    file, directory = situation.environ.get("SSL_CERT_FILE"), situation.environ.get("SSL_CERT_DIR")
    if not file and not directory:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=file or None)
    except (OSError, ssl.SSLError, TypeError):
        pass
    else:
        return
    # Certificates of a directory are loaded when they are needed: that there are any must do.
    folders = [Path(each) for each in (directory or "").split(os.pathsep) if each]
    if not any(folder.is_dir() and any(folder.iterdir()) for folder in folders):
        yield found("ca-file-unusable", "no certificate can be read there", "SSL_CERT_FILE, SSL_CERT_DIR")


def _several_tokens(situation: Situation) -> Iterator[Finding]:
    try:
        sources = sources_of(situation)
    except CredentialProblem:
        return
    used = chosen(sources)
    for each in sources:
        if used is None or used.token is None or each.token is None or each.problem:
            continue
        if each.token != used.token:
            says = (
                f"{each.name} holds a token ({masked(each.token)}) that is not used: {used.name} comes first"
            )
            yield found("token-unused", says, each.name)


def data(situation: Situation) -> list[Finding]:
    """Look whether the data directory takes anything, and who may look into it."""
    directory = situation.directory
    nearest = next((each for each in (directory, *directory.parents) if each.exists()), directory)
    if not nearest.is_dir():
        return [found("data-no-directory", f"{nearest} is no directory", str(nearest))]
    error = _refusal(nearest, probe=nearest == directory)
    if error is not None:
        cause = {
            errno.EROFS: "data-read-only",
            errno.ENOSPC: "data-disk-full",
            errno.EDQUOT: "data-disk-full",
        }
        name = cause.get(error.errno or 0, "data-not-writable")
        return [found(name, f"{nearest} takes nothing: {error.strerror}", str(nearest))]
    findings: list[Finding] = []
    if nearest == directory and is_loose(directory):
        repair = tighten(directory, 0o700)
        says = f"{directory} is open to other users (mode {mode_of(directory):04o})"
        findings.append(found("data-open-to-others", says, str(directory), repair=repair))
    return findings or [ok("data", f"{directory} is writable", str(directory))]


def _refusal(directory: Path, *, probe: bool) -> OSError | None:
    """Return why nothing can be written; a file is tried only in the data directory itself."""
    try:
        if probe:
            with tempfile.TemporaryFile(dir=directory) as file:
                file.write(_PROBE)
        elif not os.access(directory, os.W_OK | os.X_OK):
            read_only = hasattr(os, "statvfs") and os.statvfs(directory).f_flag & os.ST_RDONLY
            number = errno.EROFS if read_only else errno.EACCES
            return OSError(number, os.strerror(number))
    except OSError as error:
        return error
    return None


def config_mode(situation: Situation) -> list[Finding]:
    """Look whether others may read secrets of the config file."""
    path = situation.directory / CONFIG_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    names = {line.partition("=")[0].strip().strip("\"'").replace("-", "_") for line in text.splitlines()}
    if not names.intersection(_SECRETS_IN_CONFIG) or not is_loose(path):
        return []
    says = f"{path} holds a secret and is open to other users (mode {mode_of(path):04o})"
    return [found("config-open-to-others", says, str(path), repair=tighten(path, 0o600))]
