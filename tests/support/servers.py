"""Which servers and native parts this build has; what is missing skips the tests that need it, by name."""

from __future__ import annotations

import pytest

SERVERS = ("uvicorn", "native")


def has_native(name: str) -> bool:
    """Tell whether the native module has a part, such as ``Server`` or ``Client``."""
    try:
        from copilot_api import _native
    except ImportError:
        return False
    return hasattr(_native, name)


def need_native(name: str) -> None:
    """Skip the running test while the native module lacks a part."""
    if not has_native(name):
        pytest.skip(f"copilot_api._native has no {name} yet")


def need(server: str) -> None:
    """Skip the running test while this build does not have the server."""
    if server == "native":
        need_native("Server")


def server_arguments(server: str) -> tuple[str, ...]:
    """What `copilot-api start` is told to use a server."""
    return ("--server", server)
