"""The account: who is signed in, and what of the quota is left (upstream.md 1.4)."""

from __future__ import annotations

from copilot_api.engine.client_interfaces import Client
from copilot_api.engine.interfaces import EngineError
from copilot_api.github.calls import call_bytes, call_json
from copilot_api.github.headers import github_headers, user_headers
from copilot_api.redaction import Secret
from copilot_api.settings import Settings


async def fetch_login(client: Client, settings: Settings, token: Secret) -> str:
    """Return the login of the token's owner (``GET /user``). Raises :class:`EngineError`."""
    url = f"{settings.github_api_url.rstrip('/')}/user"
    user = await call_json(client, "Failed to get GitHub user", "GET", url, user_headers(token))
    login = user.get("login") if isinstance(user, dict) else None
    if not isinstance(login, str):
        raise EngineError("Failed to get GitHub user: the answer names no login")
    return login


async def fetch_usage(client: Client, settings: Settings, token: Secret) -> bytes:
    """Return the body of ``GET /copilot_internal/user``. Raises :class:`EngineError`."""
    url = f"{settings.github_api_url.rstrip('/')}/copilot_internal/user"
    headers = github_headers(token, settings.editor_version)
    return await call_bytes(client, "Failed to get Copilot usage", "GET", url, headers)
