"""What an error answer of Copilot means (upstream.md 8): its text, its code, what passes to the client."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from copilot_api.records import record

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
    """The body as text; what 0.7.0 put into ``error.message``."""

    @property
    def token_expired(self) -> bool:
        """A Copilot token that ran out: exchange again, repeat once (upstream.md 1.7)."""
        return self.status == 401 and "authorize_url" not in self.raw

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
    message, code, param = raw.strip(), None, None
    try:
        parsed = json.loads(raw)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict):
        inner = parsed.get("error")
        error = inner if isinstance(inner, dict) else parsed
        if isinstance(inner, str) and inner:
            message = inner
        for name in ("message", "error_description"):
            if isinstance(error.get(name), str) and error[name]:
                message = error[name]
                break
        if isinstance(parsed.get("authorize_url"), str):
            message = f"Copilot asks for consent first: open {parsed['authorize_url']}"
        code = error["code"] if isinstance(error.get("code"), str) and error["code"] else None
        param = error["param"] if isinstance(error.get("param"), str) else None
    elif "<html" in raw[:2000].lower() or "<!doctype" in raw[:200].lower():
        title = _TITLE.search(raw[:10_000])
        text = title.group(1) if title else _TAG.sub(" ", raw[:10_000])
        message = f"Copilot answered {status} with a web page: {_SPACE.sub(' ', text).strip()[:200]}"
    if not message:
        message = f"Copilot answered {status} without a text"
    return UpstreamFault(status, message[:_LONGEST_TEXT], code, param, raw)


def passed_headers(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the headers of an upstream answer that the client may see."""
    return tuple([(name, headers[name]) for name in PASSED_HEADERS if name in headers])
