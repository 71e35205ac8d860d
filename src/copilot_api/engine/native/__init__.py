"""Thin adapters over `copilot_api._native`, the Rust engine. Importing this raises ImportError without it."""

from __future__ import annotations

from copilot_api._native import build_info
from copilot_api.engine.native.client import NativeClient
from copilot_api.engine.native.limiter import NativeLimiter
from copilot_api.engine.native.stateless import (
    DIALECTS,
    PAIRS,
    NativeStreamTranslator,
    NativeTokenizer,
    NativeTranslation,
    NativeValidation,
)
from copilot_api.engine.native.token import NativeTokenManager


def version() -> str:
    """Return the version of the module."""
    return build_info()["version"]


__all__ = [
    "DIALECTS",
    "PAIRS",
    "NativeClient",
    "NativeLimiter",
    "NativeStreamTranslator",
    "NativeTokenManager",
    "NativeTokenizer",
    "NativeTranslation",
    "NativeValidation",
    "version",
]
