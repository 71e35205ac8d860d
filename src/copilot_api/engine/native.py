"""Thin adapters over `copilot_api._native`, the Rust engine. Importing this raises ImportError without it."""

from __future__ import annotations

from copilot_api import _native
from copilot_api.engine.interfaces import TokenCount

__all__ = ["NativeTokenizer"]


class NativeTokenizer:
    """Implements :class:`copilot_api.engine.interfaces.Tokenizer`. Holds nothing; thread-safe.

    Counting runs without the interpreter lock.
    """

    __slots__ = ()

    def count_text(self, text: str, encoding: str) -> int:
        """Return the number of tokens of `text`; a lone surrogate counts as U+FFFD."""
        try:
            return _native.count_text(text, encoding)
        except UnicodeEncodeError:
            well_formed = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            return _native.count_text(well_formed, encoding)

    def count_chat(self, body: bytes, encoding: str, model: str) -> TokenCount:
        """Count a chat request. Raises :class:`~copilot_api.engine.interfaces.InvalidRequest`."""
        return TokenCount(*_native.count_chat(body, encoding, model))
