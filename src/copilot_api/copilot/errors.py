"""What an error answer of Copilot means (upstream.md 8): its text, its code, what passes to the client."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from copilot_api.records import record
from copilot_api.redaction import redact_tokens

PASSED_HEADERS = (
    "retry-after",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-exceeded",
    "x-request-id",
    "x-github-request-id",
)
"""Headers of an upstream answer that a client gets (D-H4, R-11); all others stay here."""

_PLAIN_VALUE = re.compile(r"[\x20-\x7e]{0,1024}")

_OVERFLOW_CODES = ("model_max_prompt_tokens_exceeded", "context_length_exceeded")
_OVERFLOW_TEXT = re.compile(
    r"prompt is too long|exceeds the context window|too large for model context window|maximum context length"
    r"|prompt token count of \d+ exceeds|input token count .{0,20}exceeds",
    re.IGNORECASE,
)
_OVERFLOW_NUMBERS = (
    re.compile(r"prompt token count of (?P<n>\d+) exceeds the limit of (?P<m>\d+)", re.IGNORECASE),
    re.compile(r"prompt is too long: (?P<n>\d+) tokens? > (?P<m>\d+)", re.IGNORECASE),
    re.compile(r"maximum context length is (?P<m>\d+) tokens.{0,80}?(?P<n>\d+) tokens", re.IGNORECASE),
)
_WRONG_LEG = re.compile(
    r"not accessible via the .+ endpoint|the \S+ endpoint is not supported for this model"
    r"|please use /?v1/responses instead",
    re.IGNORECASE,
)
_REASONING = re.compile(
    r"invalid\W+signature\W+in\W+thinking|expected an id that begins with .?rs|could not be verified"
    r"|does not belong to this connection|encrypted[ _]content .{0,40}(?:invalid|decrypt)",
    re.IGNORECASE,
)
_MEMBER_CODES = (
    "unsupported_parameter",
    "unsupported_value",
    "unknown_parameter",
    "invalid_reasoning_effort",
)
_MEMBER = r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*"
_MEMBER_TEXTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:unsupported|unknown|unrecognized) (?:parameter|value|argument|field):? ['\"`]?({_MEMBER})",
        rf"unrecognized request arguments? supplied: ({_MEMBER})",
        rf"(?:^|[\s'\"`])({_MEMBER})['\"`]?: extra inputs are not permitted",
        rf"['\"`]({_MEMBER})['\"`] (?:parameter )?is (?:not supported|unsupported|not allowed|deprecated)",
        rf"`temperature` and `({_MEMBER})` cannot both be specified",
    )
)
_NEEDED = (
    "model",
    "messages",
    "input",
    "instructions",
    "system",
    "tools",
    "stream",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "store",
)
"""Members that are never left out: the request would be another one, or not one at all."""

_TAG = re.compile(r"<[^>]{0,500}>")
_SPACE = re.compile(r"\s+")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_LONGEST_TEXT = 2000


@record
class UpstreamFault:
    """One error answer, read tolerantly: JSON (nested or flat), text, or HTML."""

    status: int
    message: str
    """Plain text for a person."""
    code: str | None
    param: str | None
    raw: str
    """The body as text."""
    web_page: bool = False

    @property
    def compat_message(self) -> str:
        """What 0.7.0 put into ``error.message``: the body as it is.

        A web page is told shortly, and an empty body by its status: a client has to see something (R-37).
        """
        return self.message if self.web_page or not self.raw.strip() else self.raw

    @property
    def token_expired(self) -> bool:
        """A Copilot token that ran out: exchange again, repeat once (upstream.md 1.7)."""
        return self.status == 401 and "authorize_url" not in self.raw

    @property
    def seat_changed(self) -> bool:
        """Forbidden in plain text: a token from before a change of the plan may be the cause (1.7)."""
        return self.status == 403 and self.code is None and self.message == self.raw.strip()

    @property
    def overflow(self) -> tuple[int, int] | None:
        """The prompt is too long (upstream.md 8.3): its tokens and the most that are taken, 0 if not told."""
        if self.status not in (400, 413, 502):
            return None
        if not (self.code in _OVERFLOW_CODES or self.status == 413 or _OVERFLOW_TEXT.search(self.message)):
            return None
        for pattern in _OVERFLOW_NUMBERS:
            found = pattern.search(self.message)
            if found is not None:
                return int(found["n"][:15]), int(found["m"][:15])
        return 0, 0

    @property
    def wrong_leg(self) -> bool:
        """The model is not served by this endpoint (upstream.md 8.4)."""
        return self.status in (400, 404) and (
            self.code == "unsupported_api_for_model" or _WRONG_LEG.search(self.message) is not None
        )

    @property
    def unknown_model(self) -> bool:
        """Upstream does not know the model's name, or keeps it from this account."""
        return self.status in (400, 404) and self.code in ("model_not_supported", "model_not_found")

    @property
    def refuses_reasoning(self) -> bool:
        """Reasoning that was sent back is not of this model or account (upstream.md 5.2, 6.4)."""
        return self.status == 400 and (
            self.code == "invalid_encrypted_content" or _REASONING.search(self.message) is not None
        )

    @property
    def refused_member(self) -> str:
        """The member that is refused by name and can be left out; empty when there is none."""
        if self.status not in (400, 422) or self.overflow is not None:
            return ""
        named = ""
        if self.code in _MEMBER_CODES and self.param:
            named = self.param
        elif self.code == "invalid_reasoning_effort":
            named = "reasoning_effort"
        else:
            for pattern in _MEMBER_TEXTS:
                found = pattern.search(self.message)
                if found is not None:
                    named = found.group(1)
                    break
        return named if re.fullmatch(_MEMBER, named) and named.split(".")[0] not in _NEEDED else ""

    @property
    def wants_max_completion_tokens(self) -> bool:
        """The model refuses ``max_tokens`` and names its other spelling (D-H15)."""
        return (
            self.status == 400
            and "max_tokens" in self.message
            and ("max_completion_tokens" in self.message or self.code == "unsupported_parameter")
        )


def read_fault(status: int, body: bytes) -> UpstreamFault:
    """Read an error body. Never fails: the content type is not trusted, the text is parsed if it can be."""
    raw = body.decode("utf-8", "replace")
    message, code, param, web_page = raw.strip(), None, None, False
    try:
        parsed = json.loads(raw)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict):
        inner = parsed.get("error")
        response = parsed.get("response")
        if inner is None and isinstance(response, dict):
            inner = response.get("error")  # ``response.failed``
        error = inner if isinstance(inner, dict) else parsed
        if isinstance(inner, str) and inner:
            message = inner
        for name in ("message", "error_description"):
            if isinstance(error.get(name), str) and error[name]:
                message = error[name]
                break
        if isinstance(parsed.get("authorize_url"), str):
            message = f"Copilot asks for consent first: open {parsed['authorize_url']}"
        code = redact_tokens(error["code"]) if isinstance(error.get("code"), str) and error["code"] else None
        param = redact_tokens(error["param"]) if isinstance(error.get("param"), str) else None
    elif _is_web_page(raw):
        web_page = True
        title = _TITLE.search(raw[:10_000])
        text = title.group(1) if title else _TAG.sub(" ", raw[:10_000])
        message = f"Copilot answered {status} with a web page: {_SPACE.sub(' ', text).strip()[:200]}"
    if not message:
        message = f"Copilot answered {status} without a text"
    return UpstreamFault(status, message[:_LONGEST_TEXT], code, param, raw, web_page)


def _is_web_page(text: str) -> bool:
    return "<html" in text[:2000].lower() or "<!doctype" in text[:200].lower()


def passed_headers(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the headers of an upstream answer that the client may see, without what looks like a token.

    A value that is not short and plain ASCII stays here: servers differ in what they make of it.
    """
    return tuple(
        [
            (name, redact_tokens(value))
            for name in PASSED_HEADERS
            if (value := headers.get(name)) is not None and _PLAIN_VALUE.fullmatch(value)
        ]
    )
