"""Checks of what lies on this machine: environment, directory, token, keys, ledger, engine, listener."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from copilot_api.configuration import CONFIG_FILE
from copilot_api.doctor.findings import Finding, Repair, found, ok, skipped
from copilot_api.doctor.situation import Situation, known_variables
from copilot_api.github.credentials import CredentialProblem, TokenFile
from copilot_api.github.kinds import kind_of, masked
from copilot_api.github.sources import Source, all_sources, chosen, store_of

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
    import ssl

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
        sources = _sources(situation)
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


def _sources(situation: Situation) -> tuple[Source, ...]:
    store = store_of(situation.settings, situation.directory)
    return all_sources(situation.settings, situation.origins, store, situation.environ)


# ------------------------------------------------------------------------------------------ data directory


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
        repair = _tighten(directory, 0o700)
        says = f"{directory} is open to other users (mode {_mode(directory):04o})"
        findings.append(found("data-open-to-others", says, str(directory), repair=repair))
    return findings or [ok("data", f"{directory} is writable", str(directory))]


def _refusal(directory: Path, *, probe: bool) -> OSError | None:
    """Return why nothing can be written; a file is tried only in the data directory itself."""
    try:
        if probe:
            import tempfile

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
    says = f"{path} holds a secret and is open to other users (mode {_mode(path):04o})"
    return [found("config-open-to-others", says, str(path), repair=_tighten(path, 0o600))]


# ---------------------------------------------------------------------------------------------- credential


def credential(situation: Situation) -> tuple[list[Finding], Source | None]:
    """Look for the token that a start would use; return it too, where it is worth asking GitHub about."""
    try:
        store = store_of(situation.settings, situation.directory)
        sources = _sources(situation)
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
        says = f"{path} is open to other users (mode {_mode(path):04o})"
        yield found("token-open-to-others", says, str(path), repair=_tighten(path, 0o600))


# ---------------------------------------------------------------------------- keys, listener, ledger, engine


def keys(situation: Situation) -> list[Finding]:
    """Look whether the stored client keys can be used."""
    import time

    from copilot_api.keys.store import FILE
    from copilot_api.keys.stored import BadKeyText, parse

    path = situation.directory / FILE
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return [ok("keys", "there are none; on this machine none is needed")]
    except OSError as error:
        return [found("keys-unusable", f"{path} cannot be read: {error.strerror}", str(path))]
    if is_loose(path):
        says = f"{path} is open to other users (mode {_mode(path):04o})"
        return [found("keys-open-to-others", says, str(path), repair=_tighten(path, 0o600))]
    try:
        stored = parse(content.decode("utf-8"))
    except UnicodeDecodeError:
        return [found("keys-unusable", f"{path} is no UTF-8", str(path))]
    except BadKeyText as error:
        return [found("keys-unusable", f"{path} line {error.line}: {error}", str(path))]
    good = sum(key.is_good(time.time()) for key in stored)
    if stored and not good:
        return [found("keys-none-good", f"none of the {len(stored)} keys is good now", str(path))]
    return [ok("keys", f"{good} of {len(stored)} keys are good")]


def listener(situation: Situation) -> list[Finding]:
    """Look whether the gateway may listen where it is to listen."""
    from copilot_api.app import client_keys
    from copilot_api.gateway.errors import StartupError
    from copilot_api.http.guard import is_loopback
    from copilot_api.keys.store import FILE

    settings = situation.settings
    findings = []
    given = 0
    try:
        given = len(client_keys(settings))
    except StartupError as error:
        findings.append(found("key-file-unusable", str(error)))
    if settings.tls_certificate:
        findings += _listener_tls(settings.tls_certificate, settings.tls_key)
    beyond = bool(settings.host) and not is_loopback(settings.host or "")
    has_keys = bool(given) or (situation.directory / FILE).exists()
    if beyond and not has_keys and not settings.no_auth and not findings:
        says = f"--host {settings.host} lets others on the network in, and there is no client key"
        findings.append(found("listener-needs-key", says))
    where = f"the network, by {settings.host}" if beyond else "this machine only"
    return findings or [ok("listener", where)]


def _listener_tls(certificate: str, key: str | None) -> Iterator[Finding]:
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or type(error).__name__
        yield found("listener-tls-unusable", f"certificate or key cannot be used: {reason}", certificate)


def ledger(situation: Situation) -> list[Finding]:
    """Look whether the ledger can be read."""
    path = situation.directory / "ledger.sqlite"
    if not situation.settings.ledger:
        return [ok("ledger", "it is off (--no-ledger)")]
    if not path.exists():
        return [ok("ledger", "there is none yet; the first request makes it")]
    import sqlite3

    from copilot_api.ledger.schema import UnknownLedger, open_to_read

    try:
        connection = open_to_read(path)
        if connection is None:
            return [ok("ledger", "it is empty")]
        try:
            (rows,) = connection.execute("SELECT count(*) FROM requests").fetchone()
        finally:
            connection.close()
    except UnknownLedger as error:
        return [found("ledger-newer", str(error), str(path))]
    except (sqlite3.Error, OSError) as error:
        return [found("ledger-unreadable", f"{path} cannot be read: {error}", str(path))]
    return [ok("ledger", f"{rows} requests are in it")]


def engine(situation: Situation) -> list[Finding]:
    """Look whether the compiled part is there, loads, and is of this version."""
    from copilot_api.engine import flags
    from copilot_api.version import VERSION

    states = flags.describe(situation.settings)
    wanted = [state for state in states if state.implementation != "reference"]
    if any(state.reason == "native module missing" for state in states):
        return [found("native-missing", "the compiled part is not installed")]
    if not wanted:
        return [ok("engine", "the reference, as asked for")]
    try:
        version = flags.native_build()["version"]
    except ImportError as error:
        return [found("native-broken", f"the compiled part cannot be loaded: {type(error).__name__}")]
    if version != VERSION:
        says = f"the compiled part is of version {version}, the program of {VERSION}"
        return [found("native-other-version", says)]
    native = len(wanted) if len(wanted) < len(states) else "all"
    return [ok("engine", f"version {VERSION}, {native} components native")]


def _tighten(path: Path, mode: int) -> Repair:
    return lambda: path.chmod(mode)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def is_loose(path: Path) -> bool:
    """Tell whether others than the owner may do anything with a file."""
    return sys.platform != "win32" and bool(_mode(path) & 0o077)


def no_token(why: str) -> list[Finding]:
    """Return what is left of the account's checks without a token."""
    return [skipped("account", why), skipped("models", why)]
