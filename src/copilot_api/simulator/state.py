"""What the simulator remembers: requests, bills, tokens; a test waits for it by condition, not by time."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Recorded:
    """One request as it came. `client_gone`: the peer left before the answer was whole."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    raw_headers: list[tuple[str, str]]
    body: bytes
    client_gone: bool = False


@dataclass(frozen=True, slots=True)
class Billed:
    """What one answer cost; tokens, and nano-AIU or None where the vendor's answer has none."""

    request_id: str
    model: str
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    nano_aiu: int | None
    initiator: str


@dataclass(slots=True)
class State:
    """Shared between the server's thread and the test's. `clock` gives unix seconds."""

    token_lifetime: float
    refresh_in: float | None
    clock: Callable[[], float] = time.time
    requests: list[Recorded] = field(default_factory=list)
    billed: list[Billed] = field(default_factory=list)
    polls: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, float] = field(default_factory=dict)
    """Copilot tokens and when they expire."""
    seen_prefixes: set[int] = field(default_factory=set)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def record(self, entry: Recorded) -> None:
        """Keep a request."""
        with self._changed:
            self.requests.append(entry)
            self._changed.notify_all()

    def mark_gone(self, entry: Recorded) -> None:
        """The peer of a request left."""
        with self._changed:
            entry.client_gone = True
            self._changed.notify_all()

    def bill(self, entry: Billed) -> None:
        """Keep a bill."""
        with self._changed:
            self.billed.append(entry)
            self._changed.notify_all()

    def wait_for(self, predicate: Callable[[], bool], timeout: float = 20.0) -> bool:
        """Wait until `predicate` holds; it is asked again after each change."""
        with self._changed:
            return self._changed.wait_for(predicate, timeout)

    def issue_token(self) -> tuple[str, int]:
        """Return a new Copilot token and when it expires, in unix seconds (shape of upstream.md 1.3)."""
        expires = int(self.clock() + self.token_lifetime)
        token = (
            f"tid={secrets.token_hex(16)};exp={expires};sku=monthly_subscriber_quota;"
            f"st=dotcom;chat=1;8kp=1;ip=127.0.0.1:{secrets.token_hex(32)}"
        )
        self.tokens[token] = self.clock() + self.token_lifetime
        return token, expires

    def reset(self) -> None:
        """Forget requests and bills."""
        self.requests.clear()
        self.billed.clear()
