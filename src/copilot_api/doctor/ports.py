"""The port, who has it, and the gateway that may answer there."""

from __future__ import annotations

import errno
import http.client
import json
import ssl
import sys
from pathlib import Path
from typing import Any

from copilot_api.doctor.findings import Finding, found, ok, skipped
from copilot_api.doctor.situation import Situation
from copilot_api.records import record
from copilot_api.server.sockets import PortTaken, bind
from copilot_api.version import VERSION

_LISTENING = "0A"
_MOST = 1 << 20
"""Bytes of an answer that are read."""


@record
class Answer:
    """What a gateway that runs says of itself; `health` has only its status where a key is needed."""

    health: dict[str, Any]
    metrics: str = ""


def port(situation: Situation) -> tuple[list[Finding], Answer | None]:
    """Look whether the port is free, or a gateway has it; return what that says."""
    settings = situation.settings
    if settings.unix_socket:
        return [skipped("port", "a Unix socket is used"), skipped("gateway", "a Unix socket is used")], None
    nothing = skipped("gateway", f"none answers on port {settings.port}")
    try:
        for opened in bind(settings.host, settings.port):
            opened.close()
    except PortTaken as error:
        if error.errno == errno.EADDRINUSE:
            return _taken(situation)
        cause = "port-privileged" if error.errno == errno.EACCES else "host-not-here"
        return [found(cause, str(error.strerror)), nothing], None
    return [ok("port", f"{settings.port} is free"), nothing], None


def _taken(situation: Situation) -> tuple[list[Finding], Answer | None]:
    settings = situation.settings
    who = holder(settings.port) or "another program"
    try:
        answer = ask(situation)
    except TimeoutError:
        says = f"{who} listens on port {settings.port} and does not answer"
        return [found("gateway-silent", says), skipped("port", f"in use by {who}")], None
    except (OSError, ValueError):
        answer = None
    if answer is None:
        says = f"port {settings.port} is in use by {who}, which is no gateway"
        return [found("port-taken", says), skipped("gateway", "another program has the port")], None
    findings = [ok("port", f"a gateway has {settings.port} ({who})")]
    return [*findings, *_judge(answer)], answer


def _judge(answer: Answer) -> list[Finding]:
    version = answer.health.get("version")
    if version is None:
        return [ok("gateway", "it answers; without a key it says no more")]
    findings = []
    if version != VERSION:
        findings.append(
            found("gateway-other-version", f"it is of version {version}, here is {VERSION} installed")
        )
    components = answer.health.get("engine")
    for name, state in components.items() if isinstance(components, dict) else ():
        reason = str(state.get("reason", "")) if isinstance(state, dict) else ""
        if reason.startswith("rolled back"):
            findings.append(found("gateway-rolled-back", f"{name}: {reason}", name))
    load = answer.health.get("requests_in_flight", 0)
    return findings or [ok("gateway", f"it answers; requests in flight: {load}")]


def ask(situation: Situation) -> Answer | None:
    """Return what the gateway at the port says; None when it is none. Raises OSError and ValueError."""
    status, body = _get(situation, "/health")
    if status != 200:
        return None
    health = json.loads(body)
    if not isinstance(health, dict) or health.get("status") != "ok":
        return None
    status, metrics = _get(situation, "/metrics") if "version" in health else (0, b"")
    return Answer(health, metrics.decode("utf-8", "replace") if status == 200 else "")


def _get(situation: Situation, path: str) -> tuple[int, bytes]:
    settings = situation.settings
    host = settings.host if settings.host not in (None, "0.0.0.0", "::") else "127.0.0.1"
    connection = http.client.HTTPConnection(str(host), settings.port, timeout=situation.patience)
    if settings.tls_certificate:
        # Its certificate is for the name that clients use; here it is only asked how it is.
        context = ssl._create_unverified_context()  # noqa: S323, SLF001 - no secret goes there without a check
        connection = http.client.HTTPSConnection(
            str(host), settings.port, timeout=situation.patience, context=context
        )
    headers = {"Host": f"localhost:{settings.port}", "Accept": "application/json"}
    if settings.api_key and not settings.tls_certificate:
        headers["Authorization"] = f"Bearer {settings.api_key[0].reveal()}"
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(_MOST)
    except http.client.HTTPException as error:
        raise ValueError(f"no HTTP: {type(error).__name__}") from None
    finally:
        connection.close()


def holder(number: int) -> str | None:
    """Return which program listens on a port, as far as this system and this user can tell."""
    if sys.platform != "linux":
        return None
    inodes = {inode for name in ("tcp", "tcp6") for inode in _listeners(Path("/proc/net") / name, number)}
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if any(str(each.readlink()) in wanted for each in (process / "fd").iterdir()):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                return f"{name} (process {process.name})"
        except OSError:
            continue
    return None


def _listeners(table: Path, number: int) -> list[str]:
    try:
        rows = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return []
    columns = [row.split() for row in rows]
    return [
        each[9]
        for each in columns
        if len(each) > 9 and each[3] == _LISTENING and int(each[1].rpartition(":")[2], 16) == number
    ]
