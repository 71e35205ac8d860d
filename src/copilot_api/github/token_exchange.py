"""The GitHub token for a Copilot token: ``GET /copilot_internal/v2/token`` (upstream.md 1.3)."""

from __future__ import annotations

import math
from typing import Any

from copilot_api.engine.client_interfaces import Client
from copilot_api.engine.interfaces import EngineError, TokenGrant, TokenRefused
from copilot_api.github.calls import GitHubRefused, call_json, message_of
from copilot_api.github.headers import github_headers
from copilot_api.redaction import Secret
from copilot_api.settings import Settings

_WHAT = "token exchange"


async def exchange_token(client: Client, settings: Settings, github_token: Secret) -> TokenGrant:
    """Return a fresh Copilot token.

    Raises :class:`TokenRefused` when the credential or the account cannot get one, with words on what to do;
    :class:`EngineError` for what may pass.
    """
    url = f"{settings.github_api_url.rstrip('/')}/copilot_internal/v2/token"
    headers = github_headers(github_token, settings.editor_version)
    try:
        answer = await call_json(client, _WHAT, "GET", url, headers)
    except GitHubRefused as error:
        raise _refusal(error) from None
    token = answer.get("token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token:
        raise EngineError("GitHub's token answer holds no token")
    endpoints = answer.get("endpoints")
    api = endpoints.get("api") if isinstance(endpoints, dict) else None
    return TokenGrant(
        token=Secret(token),
        refresh_in=_number(answer.get("refresh_in")),
        expires_at=_number(answer.get("expires_at")),
        api_url=api if isinstance(api, str) else None,
    )


def _refusal(error: GitHubRefused) -> EngineError:
    reason = message_of(error.body) or f"GitHub answered {error.status}"
    if error.status in (403, 429) and "rate limit" in reason.lower():
        return EngineError(f"GitHub's rate limit is reached: {reason}")
    if error.status == 401:
        return TokenRefused(
            f"GitHub refused the token ({reason}): it was revoked or is of a kind that cannot use Copilot; "
            "sign in again with `copilot-api auth`"
        )
    if error.status == 403:
        return TokenRefused(f"GitHub gives this account no Copilot token: {reason}")
    if error.status == 404:
        return TokenRefused("this GitHub account or token has no access to Copilot (404)")
    return EngineError(f"GitHub answered {error.status}: {reason}")


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
