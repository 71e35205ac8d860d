"""One request as the ledger keeps it: numbers and names, no content."""

from __future__ import annotations

from copilot_api.records import fields, record

NANO_AIU_PER_CREDIT = 1_000_000_000
NANO_AIU_PER_DOLLAR = 100_000_000_000
"""One AI credit is 1e9 nano-AIU and costs one cent (users.md, fact 3; upstream.md 4.4)."""


@record
class Entry:
    """What is known of a request when it is over. None is "upstream did not say", never 0.

    Token counts are in the chat leg's sense: `input_tokens` has the cached ones in it.
    """

    at: float
    """Unix seconds at which the request came."""
    request_id: str
    dialect: str
    leg: str
    """Where it was sent; empty when nothing was."""
    asked: str
    """The model's name as the client wrote it."""
    model: str
    """The name that upstream saw."""
    client: str
    """Family of the program that asked, by its User-Agent."""
    key: str
    """Name of the client key; empty where none is configured."""
    session: str
    """The client's own name for its conversation, if it tells one."""
    initiator: str
    reason: str
    """Why that initiator, in words."""
    streamed: bool
    status: int
    outcome: str
    """How it ended: ``complete``, or the class of the failure."""
    attempts: int
    """Calls that were made for it, so that all but one are retries; 0 where none got as far as upstream."""
    input_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    nano_aiu: int | None = None
    """The billed amount, exactly as upstream said it."""
    multiplier: float | None = None
    """Premium requests that it counts as, on accounts billed by request."""
    first_byte_ms: float | None = None
    duration_ms: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    rewrites: str = ""
    """What was changed on the way, as in the response header."""


COLUMNS = tuple(each.name for each in fields(Entry))
