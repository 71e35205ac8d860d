"""Signing in by the device flow of RFC 8628 (compat.md 2.3; upstream.md 1.2; D-R6, D-R7, R-49)."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from copilot_api.engine.client_interfaces import Client
from copilot_api.engine.interfaces import EngineError
from copilot_api.github.calls import GitHubRefused, call_json
from copilot_api.github.headers import CLIENT_ID, SCOPE, STANDARD
from copilot_api.records import record
from copilot_api.redaction import Secret
from copilot_api.settings import Settings

logger = logging.getLogger("copilot_api.signin")

DEFAULT_INTERVAL = 5.0
SLOW_DOWN = 5.0
"""Seconds added for good when GitHub says ``slow_down`` and names no interval."""
MARGIN = 1.0
"""Seconds added to each wait: a poll that is slightly early costs a ``slow_down`` (upstream.md 1.2)."""
LONGEST = 900.0
_USER_CODE = re.compile(r"[A-Za-z0-9-]{1,40}")
_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class SignInFailed(EngineError):
    """The flow ended without a token; the text says why and what to do."""


@record
class DeviceCode:
    """What the user must enter where; times in seconds."""

    user_code: str
    verification_uri: str
    device_code: Secret
    interval: float
    expires_in: float


async def request_code(client: Client, settings: Settings) -> DeviceCode:
    """Ask GitHub for a code. Raises :class:`EngineError`; the address shown is the official one (R-49)."""
    base = settings.github_url.rstrip("/")
    payload = {"client_id": CLIENT_ID, "scope": SCOPE}
    answer = await call_json(
        client, "Failed to get device code", "POST", f"{base}/login/device/code", STANDARD, payload
    )
    if not isinstance(answer, dict):
        raise SignInFailed("GitHub's device code answer cannot be read")
    code, user_code = answer.get("device_code"), answer.get("user_code")
    if not isinstance(code, str) or not isinstance(user_code, str) or not _USER_CODE.fullmatch(user_code):
        raise SignInFailed("GitHub's device code answer holds no code")
    return DeviceCode(
        user_code=user_code,
        # Whatever the answer names: people enter codes only where they should.
        verification_uri=f"{base}/login/device",
        device_code=Secret(code),
        interval=_seconds(answer.get("interval"), DEFAULT_INTERVAL),
        expires_in=min(_seconds(answer.get("expires_in"), LONGEST), LONGEST),
    )


async def poll_for_token(
    client: Client,
    settings: Settings,
    code: DeviceCode,
    *,
    margin: float = MARGIN,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Secret:
    """Poll until the user has approved. Raises :class:`SignInFailed` on denial, expiry or a withdrawn app."""
    url = f"{settings.github_url.rstrip('/')}/login/oauth/access_token"
    payload = {"client_id": CLIENT_ID, "device_code": code.device_code.reveal(), "grant_type": _GRANT}
    deadline = clock() + code.expires_in
    interval = code.interval
    while True:
        try:
            answer = await call_json(client, "Failed to poll access token", "POST", url, STANDARD, payload)
        except GitHubRefused as error:
            logger.error("%s", error)
        except EngineError as error:
            logger.warning("Polling goes on after a failure: %s", error)
        else:
            token, interval = _verdict(answer, interval)
            if token is not None:
                return token
        if clock() + interval + margin > deadline:
            raise SignInFailed("the code expired before it was entered; start again")
        await sleep(interval + margin)


def _verdict(answer: Any, interval: float) -> tuple[Secret | None, float]:
    """Return the token or the pace from now on. Every poll answers 200: the body decides."""
    if not isinstance(answer, dict):
        raise SignInFailed("GitHub's answer to the poll cannot be read; start again")
    token = answer.get("access_token")
    if isinstance(token, str) and token:
        return Secret(token), interval
    error = answer.get("error")
    if error == "authorization_pending":
        return None, interval
    if error == "slow_down":
        return None, max(interval + SLOW_DOWN, _seconds(answer.get("interval"), 0.0))
    if error in ("expired_token", "token_expired"):
        raise SignInFailed("the code expired before it was entered; start again")
    if error == "access_denied":
        raise SignInFailed("the sign-in was denied at GitHub")
    described = answer.get("error_description") or error or "no token and no error"
    raise SignInFailed(f"GitHub ended the sign-in: {described}")


def _seconds(value: Any, default: float) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return float(value)
    return default
