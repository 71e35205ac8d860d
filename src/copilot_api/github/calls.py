"""One call to GitHub: short timeouts, a bounded body, its JSON (D-R5, D-R9)."""

from __future__ import annotations

import json
from typing import Any

from copilot_api.engine.client_interfaces import Client, Timeouts, UpstreamCall
from copilot_api.engine.interfaces import ConnectFailed, EngineError
from copilot_api.redaction import Secret, without

TIMEOUTS = Timeouts(connect=10, first_byte=20, idle=20)
LIMIT = 1024 * 1024


class GitHubRefused(EngineError):
    """GitHub answered outside 2xx; `status` and `body` say how."""

    def __init__(self, what: str, status: int, body: bytes) -> None:
        text = message_of(body) or "no reason given"
        super().__init__(f"{what}: GitHub answered {status}: {text}")
        self.status = status
        self.body = body


async def call_json(
    client: Client,
    what: str,
    method: str,
    url: str,
    headers: tuple[tuple[str, str], ...],
    payload: Any = None,
) -> Any:
    """Return the JSON answer. `what` names the call in errors.

    A connection that failed before anything was sent is tried once more. Raises :class:`GitHubRefused`, and
    :class:`EngineError` when no usable answer came.
    """
    body = await call_bytes(client, what, method, url, headers, payload)
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise EngineError(f"{what}: GitHub's answer is not JSON") from None


async def call_bytes(
    client: Client,
    what: str,
    method: str,
    url: str,
    headers: tuple[tuple[str, str], ...],
    payload: Any = None,
) -> bytes:
    """Return the body of a 2xx answer; errors as :func:`call_json`."""
    sent = None if payload is None else json.dumps(payload, separators=(",", ":")).encode()
    call = UpstreamCall(method, url, headers, sent, TIMEOUTS)
    try:
        upstream = await client.request(call)
    except ConnectFailed:
        upstream = await client.request(call)
    body = await upstream.read(LIMIT)
    # GitHub has no cause to send the credential back; what a stranger sends goes no further.
    body = without(body, _credential(headers))
    if not 200 <= upstream.status < 300:
        raise GitHubRefused(what, upstream.status, body)
    return body


def _credential(headers: tuple[tuple[str, str], ...]) -> Secret:
    """Return the token of the Authorization header; empty where there is none."""
    given = next((value for name, value in headers if name.lower() == "authorization"), "")
    return Secret(given.rpartition(" ")[2])


def message_of(body: bytes) -> str:
    """Return the reason in an error body: GitHub's own words, or the text, shortened."""
    text = body.decode("utf-8", "replace").strip()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return " ".join(text.split())[:200]
    if isinstance(value, dict):
        details = value.get("error_details")
        if isinstance(details, dict) and isinstance(details.get("message"), str):
            parts = [details.get("title"), details["message"], details.get("url")]
            return " - ".join(part for part in parts if isinstance(part, str) and part)[:500]
        for name in ("error_description", "message", "error"):
            if isinstance(value.get(name), str):
                return str(value[name])[:500]
    return " ".join(text.split())[:200]
