"""What HTTP says of a request beside its body: URL and headers."""

from __future__ import annotations

from copilot_api.copilot.betas import NONE, Betas
from copilot_api.engine.interfaces import Framing, Initiator
from copilot_api.records import record


@record
class Hints:
    """Filled by the routes. Nothing in it was checked against the body."""

    model: str = ""
    """From the URL, for dialects that name it there."""
    stream: bool | None = None
    """From the URL; None for dialects whose bodies say it."""
    framing: Framing = "sse"
    embeds: bool = False
    """The request is for embeddings, in whatever dialect."""
    betas: Betas = NONE
    initiator: Initiator | None = None
    """Who asks, by the client's own word (upstream.md 2.5); None leaves it to the body."""
    steered: str = ""
    """The model's name as the client wrote it, where a hook chose `model` instead."""


NO_HINTS = Hints()
