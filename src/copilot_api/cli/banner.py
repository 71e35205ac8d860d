"""What `start` says when it listens: where, for whom, and what to point at it."""

from __future__ import annotations

from typing import Any

from copilot_api.http.guard import is_loopback
from copilot_api.redaction import one_line
from copilot_api.settings import Settings


def listening(settings: Settings, address: Any) -> str:
    """Return the line of 0.7.0 (compat.md 1.5), with who can reach it; `address` is the socket's."""
    if not isinstance(address, tuple):
        return f"➜ Listening on: {address} (this user only)"
    host, base = settings.host, root(settings, address)
    if host is None or host.lower() == "localhost":
        return f"➜ Listening on: {base}/ (this machine only)"
    if host in ("0.0.0.0", "::"):
        who = "all interfaces" + (
            ", no key needed: anyone who reaches it spends your quota" * settings.no_auth
        )
        return f"➜ Listening on: {base}/ ({who})"
    return f"➜ Listening on: {base}/{' (this machine only)' if is_loopback(host) else ''}"


def root(settings: Settings, address: tuple[Any, ...]) -> str:
    """Return the URL that programs on this machine use, without a slash at its end."""
    scheme, host = "https" if settings.tls_certificate else "http", settings.host
    if host is None or host.lower() == "localhost" or host in ("0.0.0.0", "::"):
        return f"{scheme}://localhost:{address[1]}"
    return f"{scheme}://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{address[1]}"


def guide(settings: Settings, address: Any, models: int) -> list[str]:
    """Return the lines that follow: endpoints, what there is, and what to do next."""
    if not isinstance(address, tuple):
        return []
    base = root(settings, address)
    rows = [
        ("OpenAI", f"{base}/v1"),
        ("Anthropic, Gemini, Ollama", base),
        ("Models", f"{models}, with limits and prices: copilot-api models"),
        *(("Budget", one_line(budget)) for budget in settings.budget),
    ]
    if settings.dashboard:
        rows.append(("Dashboard", f"{base}/dashboard, or in the terminal: copilot-api top"))
    if not settings.simulate:
        rows.append(("Clients", "copilot-api run claude, or for good: copilot-api setup claude"))
    width = max(len(name) for name, _ in rows)
    return [f"{name:{width}}  {text}" for name, text in rows]
