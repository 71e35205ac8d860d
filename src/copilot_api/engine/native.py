"""Thin adapters over `copilot_api._native`, the Rust engine. Importing this raises ImportError without it."""

from __future__ import annotations

from copilot_api import _native
from copilot_api.engine.interfaces import Dialect, RequestFacts, TokenCount

__all__ = ["NativeTokenizer", "NativeValidation"]


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


class NativeValidation:
    """Implements :class:`copilot_api.engine.interfaces.Validation`. Holds nothing; thread-safe."""

    __slots__ = ()

    def inspect(self, body: bytes, dialect: Dialect) -> RequestFacts:
        """Return the facts. Raises :class:`~copilot_api.engine.interfaces.InvalidRequest`."""
        model, stream, vision, agent, reason, messages, tools, cap, completion_cap, mcp = (
            _native.inspect_request(body, dialect)
        )
        return RequestFacts(
            dialect=dialect,
            size=len(body),
            model=model,
            stream=stream,
            vision=vision,
            initiator="agent" if agent else "user",
            initiator_reason=reason,
            messages=messages,
            tools=tools,
            output_cap=cap,
            has_max_completion_tokens=completion_cap,
            has_mcp_tool=mcp,
        )
