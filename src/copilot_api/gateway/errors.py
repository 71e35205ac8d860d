"""Every error the gateway answers with. `http.errors` renders them in the client's dialect.

GatewayError
├── BadRequest            the client's body or headers (400, 413, 415 …)
├── UnknownModel          the model's name means nothing here (404)
├── Lossy                 ``--strict``: the request cannot be sent as it is (400)
├── NotAllowed            who or where from (401, 403, 421)
│   └── TooManyAttempts   too many wrong keys from there (429)
├── ModelNotAllowed       the key is not good for the model (403)
├── RateLimitHit          the gateway's own rate limit, or the key's (429)
├── TooManyAtOnce         the key's own requests in flight (429)
├── ApprovalRefused       the person at the terminal said no (403)
├── hooks.Refusal         a hook of the user's said no (403), or failed: hooks.HookFailed (500)
├── BudgetSpent           the user's own budget is spent (402)
├── Overloaded            more requests in flight than allowed (503)
├── OutOfMemory           more memory in use than allowed (503)
├── ShuttingDown          the answer had not begun when the drain time was over (503)
├── CredentialTrouble     no valid Copilot token (401, 503)
├── UpstreamRefused       Copilot answered outside 2xx: its status, text and some headers pass on
└── UpstreamFailed        no answer, or an unusable one (502, 504)
"""

from __future__ import annotations

import re
import time
from typing import Literal

from copilot_api.gateway.failures import FailureClass
from copilot_api.records import record

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\[\]-]{0,79}")

ErrorKind = Literal[
    "invalid_request_error",
    "authentication_error",
    "billing_error",
    "permission_error",
    "not_found_error",
    "request_too_large",
    "rate_limit_error",
    "timeout_error",
    "overloaded_error",
    "api_error",
]
"""Anthropic's error types, the finest of the vocabularies; other dialects map from them."""

_KINDS: dict[int, ErrorKind] = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def kind_of(status: int) -> ErrorKind:
    """Return the error type that fits a status (upstream.md 8.6)."""
    if status in _KINDS:
        return _KINDS[status]
    return "invalid_request_error" if 400 <= status < 500 else "api_error"


@record
class Overflow:
    """The prompt is longer than the model takes; 0 is a number that is not known."""

    tokens: int
    limit: int


class StartupError(Exception):
    """The program cannot start. The text is one plain line for the user."""


class GatewayError(Exception):
    """An answer to the client that is an error.

    `message` is plain text. `compat_message` is the text of ``error.message`` as 0.7.0 wrote it
    (compat.md 3.3: often JSON text); None means the same as `message`.
    """

    failure: FailureClass | None = None
    """The class under which it is counted; None when nothing failed but the request was wrong (R-59)."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        compat_message: str | None = None,
        code: str | None = None,
        param: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.compat_message = message if compat_message is None else compat_message
        self.code = code
        self.param = param
        self.headers = headers
        self.hint = ""
        """What the user can do about it, for errors that do not say so themselves."""
        self.overflow: Overflow | None = None
        """Set when the prompt is too long: each dialect has words for it that make its clients compact."""
        self.unknown_model = ""
        """Set when the model's name means nothing: to the gateway, or to upstream."""
        self.resets_at: int | None = None
        """Unix seconds at which a spent allowance is full again, if upstream told."""

    @property
    def log_text(self) -> str:
        """What the log says of it. A text of upstream's is not in it: it may quote a prompt (R-08)."""
        return self.message

    @property
    def kind(self) -> ErrorKind:
        """The error type for dialects that have one."""
        return kind_of(self.status)


class BadRequest(GatewayError):
    """The client's body or headers are at fault."""


class UnknownModel(GatewayError):
    """There is no model by the name that can answer this kind of request."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(404, message, code="model_not_found", param="model")
        self.unknown_model = name


class Lossy(GatewayError):
    """``--strict``: something of the request would not reach the model."""

    def __init__(self, lost: tuple[str, ...]) -> None:
        super().__init__(
            400,
            f"refused because of --strict, since this would be lost: {'; '.join(lost)}"[:2000],
            code="lossy_request",
        )


class NotAllowed(GatewayError):
    """The client may not do this, or not from there."""


class TooManyAttempts(NotAllowed):
    """Too many wrong keys came from one address (R-09)."""

    def __init__(self, wait: int) -> None:
        super().__init__(
            429,
            f"too many wrong keys came from this address; try again in {wait} seconds",
            code="too_many_attempts",
            headers=(("retry-after", str(wait)),),
        )


class ModelNotAllowed(GatewayError):
    """The client key is not good for the model (R-09)."""

    def __init__(self, key: str, model: str) -> None:
        super().__init__(
            403,
            f'the key "{key}" is not good for the model {model[:200]}; /v1/models lists those it is good for',
            code="model_not_allowed",
            param="model",
        )


class TooManyAtOnce(GatewayError):
    """A client key has as many requests in flight as it may have."""

    def __init__(self, key: str, limit: int) -> None:
        super().__init__(
            429,
            f'the key "{key}" may have {limit} requests in flight at once; try again in a second',
            code="concurrency_limit_exceeded",
            headers=(("retry-after", "1"),),
        )


class RateLimitHit(GatewayError):
    """The gateway's own limit (compat.md 3.3, 3.9), with ``Retry-After`` (D-H5)."""

    def __init__(self, wait: int) -> None:
        super().__init__(
            429,
            f"Rate limit exceeded; try again in {wait} seconds",
            compat_message='{"message":"Rate limit exceeded"}',
            code="rate_limit_exceeded",
            headers=(("retry-after", str(wait)),),
        )


class ApprovalRefused(GatewayError):
    """`--manual`: the request was not approved (compat.md 3.3, 3.10)."""

    def __init__(self) -> None:
        super().__init__(
            403, "Request rejected at the terminal", compat_message='{"message":"Request rejected"}'
        )


class BudgetSpent(GatewayError):
    """The user's own limit of spending is reached (``--budget``); `opens` is Unix seconds."""

    def __init__(self, budget: str, opens: int, now: float) -> None:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(opens))
        super().__init__(
            402,
            f"The budget '{budget}' of this gateway is spent",
            compat_message=f"The budget '{budget}' of this gateway is spent; it opens again at {when}",
            code="budget_spent",
            # SDKs would try again what is not going to change.
            headers=(("retry-after", str(max(1, int(opens - now)))), ("x-should-retry", "false")),
        )
        self.resets_at = opens


class Overloaded(GatewayError):
    """More requests are in flight than `max_concurrency` allows (R-60).

    `kept`: there are places, and they are kept for other keys.
    """

    failure: FailureClass | None = "overloaded"

    def __init__(self, limit: int, *, kept: bool = False) -> None:
        why = (
            "This key holds its share of the gateway's {} places; the others are kept for other keys"
            if kept
            else "The gateway is at its limit of {} requests in flight"
        )
        super().__init__(
            503,
            f"{why.format(limit)}; try again in a second",
            code="overloaded",
            headers=(("retry-after", "1"),),
        )


class ShuttingDown(GatewayError):
    """The drain time is over and the answer has not begun (R-50)."""

    failure: FailureClass | None = "shutdown"

    def __init__(self) -> None:
        super().__init__(
            503,
            "The gateway is shutting down; ask again when it has started",
            code="shutting_down",
            headers=(("retry-after", "5"),),
        )


class OutOfMemory(GatewayError):
    """The process holds more memory than ``--memory-limit`` allows (R-60)."""

    failure: FailureClass | None = "overloaded"

    def __init__(self, limit: int) -> None:
        super().__init__(
            503,
            f"The gateway holds more than its {limit} bytes of memory; try again in a few seconds",
            code="overloaded",
            headers=(("retry-after", "3"),),
        )


class CredentialTrouble(GatewayError):
    """No Copilot token can be had: sign in again (401), or wait (503)."""

    failure: FailureClass | None = "token_unavailable"


class UpstreamRefused(GatewayError):
    """Copilot answered outside 2xx, before a model ran. What may be done about it:"""

    failure: FailureClass | None = "upstream_status"
    renames_cap = False
    """Send ``max_completion_tokens`` (D-H15)."""
    wrong_leg = False
    """Ask on another endpoint (upstream.md 8.4)."""
    refused_member = ""
    """Leave this member out: it is refused by name."""
    refuses_reasoning = False
    """Send no reasoning back: it is not of this model, or of this connection."""
    names_no_model = False
    """The model's name means nothing to upstream."""

    @property
    def log_text(self) -> str:
        """Its code and member, when they are names, and how long the text is that the client got."""
        named = [
            f"{what} {value}"
            for what, value in (("code", self.code), ("member", self.param))
            if value is not None and _NAME.fullmatch(value)
        ]
        facts = ", ".join(
            [
                *named,
                *(["the prompt is too long"] if self.overflow else []),
                f"{len(self.message)} characters",
            ]
        )
        return f"refused by Copilot; the client has its text ({facts})"


class UpstreamFailed(GatewayError):
    """Copilot did not answer, or not with an answer; `failure` says in which way."""

    def __init__(
        self,
        status: int,
        message: str,
        failure: FailureClass = "connection_lost",
        *,
        code: str | None = None,
        compat_message: str | None = None,
    ) -> None:
        super().__init__(status, message, compat_message=compat_message, code=code)
        self.failure = failure
