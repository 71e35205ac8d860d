"""What belongs to a gateway beside the account: client keys, listener, ledger, engine."""

from __future__ import annotations

import sqlite3
import ssl
import time
from collections.abc import Iterator

from copilot_api.app import client_keys
from copilot_api.doctor.findings import Finding, found, ok
from copilot_api.doctor.modes import is_loose, mode_of, tighten
from copilot_api.doctor.situation import Situation
from copilot_api.engine import flags
from copilot_api.gateway.errors import StartupError
from copilot_api.http.guard import is_loopback
from copilot_api.keys.store import FILE
from copilot_api.keys.stored import BadKeyText, parse
from copilot_api.ledger.schema import UnknownLedger, open_to_read
from copilot_api.version import VERSION


def keys(situation: Situation) -> list[Finding]:
    """Look whether the stored client keys can be used."""
    path = situation.directory / FILE
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return [ok("keys", "there are none; on this machine none is needed")]
    except OSError as error:
        return [found("keys-unusable", f"{path} cannot be read: {error.strerror}", str(path))]
    if is_loose(path):
        says = f"{path} is open to other users (mode {mode_of(path):04o})"
        return [found("keys-open-to-others", says, str(path), repair=tighten(path, 0o600))]
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


def needs_key(situation: Situation) -> bool | None:
    """Tell whether clients need a key; None when it cannot be found out."""
    try:
        if client_keys(situation.settings):
            return True
        return bool(parse((situation.directory / FILE).read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, UnicodeDecodeError, BadKeyText, StartupError):
        return None


def _listener_tls(certificate: str, key: str | None) -> Iterator[Finding]:
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
