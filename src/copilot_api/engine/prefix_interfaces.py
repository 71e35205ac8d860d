"""The contract of what finds where consecutive requests of a conversation stop being the same.

The rules of :mod:`copilot_api.engine.interfaces` hold here too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from copilot_api.records import record

if TYPE_CHECKING:
    from copilot_api.engine.interfaces import Dialect, RequestBody

Change = Literal[
    "kept",
    "model",
    "tool_order",
    "tool_added",
    "tool_removed",
    "tools",
    "tool_changed",
    "billing_header",
    "system",
    "parameter",
    "last_message",
    "shortened",
    "message",
]
"""What changed at the first place that is not the same, as far as its place tells."""


@record
class Turn:
    """A request compared with the one that it goes on from."""

    path: str
    """The first place that is not the same, as ``tools[3].description``; empty where all of it is kept."""
    change: Change
    previous_tokens: int
    """Input tokens of the one before."""
    gap: float
    """Seconds since the one before."""
    was_marked: bool
    """The one before asked upstream to cache it (``cache_control``)."""
    is_marked: bool
    hour: bool
    """The one before asked for an hour of it."""


class Prefixes(Protocol):
    """Remembers the last requests of conversations, by hashes: bounded, and nothing of their content.

    A request is hashed in the order in which models read it: tools, system prompt, parameters that part
    caches, messages. Tools and system blocks have a hash for each member. ``cache_control`` does not count,
    nor how a value is spelled; the order of members does. A text is the same as a list of one text block.
    """

    def chain(self, body: RequestBody, dialect: Dialect) -> object | None:
        """Return the hashes of a request that validation accepted, opaque; None where none are made."""

    def turn(
        self,
        session: str,
        named: bool,
        model: str,
        chain: object,
        tokens: int,
        at: float,
    ) -> Turn | None:
        """Take a request that was answered, with its input tokens and the time it came.

        It goes on from the one of its session that has the most messages in common with it; None where it
        begins a conversation. `named`: the client told the session, so that one whose first message is
        another goes on as well when tools and system prompt are the same and the model had its say in it.
        Otherwise only one with the same first message does: there may be hundreds at once.
        """
