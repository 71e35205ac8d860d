"""Thin adapters over `copilot_api._native`, the Rust engine. Importing this raises ImportError without it."""

from __future__ import annotations

from collections.abc import Mapping

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


def build() -> Mapping[str, str]:
    """Return how the module was built: ``version``, ``profile``, ``pyo3`` and ``abi``."""
    return {name: str(value) for name, value in build_info().items()}


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
    "build",
]
