"""Secrets that cannot print themselves, and the filter that all that is shown passes (R-08, R-19)."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "[redacted]"

SHORTEST = 8
"""Characters of a secret that is looked for by its value; a shorter one is a word of everyday texts."""

# Shapes of GitHub tokens (docs.github.com, "token prefixes"), of those before 2021 (40 hex digits), of
# Copilot tokens (upstream.md 1.3: a list `tid=…;exp=…;…:<mac>`), of our own and OpenAI's keys, and of
# authorization values. `copilot_core::redaction` has the same for streams. Fixed beginnings: linear time.
_HEX = 40
_TOKENS = re.compile(
    r"(?:gh[a-z]_|github_pat_|cak_)[A-Za-z0-9_.-]{8,}"
    r"|tid=[^\x00-\x20\"'\\]+"
    r"|(?i:(?<=bearer )|(?<=authorization: token )|(?<=authorization: basic ))[^\x00-\x20\"'\\,]{6,}"
    r"|(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt]))sk-[A-Za-z0-9_-]{8,}"
    r"|(?:(?<![A-Za-z0-9_])|(?<=\\[nrt]))[0-9a-f]{40}(?![A-Za-z0-9_])"
)

# The same things by what stands before them: header fields, members, parameters of a URL.
_FIELDS = re.compile(
    r"(?i:(x-goog-api-key|x-api-key|api[_-]?key|access_token|refresh_token|client_secret|device_code"
    r"|authorization)(\\?[\"']?\s{0,4}[:=]\s{0,4}\\?[\"']?)"
    r"((?:bearer|token|basic)\s{1,4})?)(?!(?i:bearer|token|basic)\b)[^\s\"'\\,&]{6,}"
)
_COOKIES = re.compile(r"(?i:(cookie\s{0,4}:\s{0,4}))[^\r\n\"\\]+")
_URL_KEY = re.compile(r"(?<=[?&]key=)(?!\*\*\*)[^\s\"'\\&]+")
_URL_USER = re.compile(r"(?<=://)[^\s\"'\\/@:]{0,256}:[^\s\"'\\/@]{1,256}(?=@)")
# What may not stand before it is what may stand in it: each text is looked at once.
_LISTS = re.compile(r"(?<![\w=.:/+|@%-])(?:[\w-]{1,64}=[\w.:/+|@%-]{0,512};){3,}[^\s\"'\\]*")
_SIGNED = re.compile(r"(?<![\w-])eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?")

_QUERY_SECRET = re.compile(
    r"(?:^|[^a-z])(?:(?:api|access)?key|token|secret|password|authorization)$", re.IGNORECASE
)

# What moves the cursor, ends a line, or shows text in another order than it has (U+202A to U+202E and
# U+2066 to U+2069, "Trojan Source"): a model's name must not clear a screen, forge a line or hide what it
# says.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_BREAKS = str.maketrans({"\n": "\\x0a", "\t": "\\x09"})


class Secret:
    """A string whose repr, str and format show a mask; :meth:`reveal` is the one way to the value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value. Every call is a place to review."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not serialised")


def redact_tokens(text: str) -> str:
    """Return `text` with what has the shape of a token or key replaced by a mask."""
    # Ids and types in the headers of each answer: without one of these there is no shape in so short a text.
    if len(text) < _HEX and not ("_" in text or "tid=" in text or " " in text or "sk-" in text):
        return text
    return _TOKENS.sub(MASK, text)


def without(data: bytes, secret: Secret) -> bytes:
    """Return `data` with a secret masked, by its value."""
    value = secret.reveal().encode()
    return data.replace(value, MASK.encode()) if len(value) >= SHORTEST else data


def redact(text: str, known: Iterable[Secret] = ()) -> str:
    """Return `text` with everything masked that looks like a token or key, or is one of those `known`."""
    for secret in known:
        value = secret.reveal()
        if len(value) >= SHORTEST:
            text = text.replace(value, MASK)
    text = _TOKENS.sub(MASK, text)
    if "=" in text or ":" in text:
        text = _FIELDS.sub(lambda found: f"{found[1]}{found[2]}{found[3] or ''}{MASK}", text)
        text = _COOKIES.sub(rf"\1{MASK}", text)
        text = _URL_USER.sub(MASK, _URL_KEY.sub(MASK, text))
        text = _LISTS.sub(MASK, text)
    return _SIGNED.sub(MASK, text)


def redact_query(query: str) -> str:
    """Return a URL's query with the values of parameters masked that are named like a secret."""
    if "=" not in query:
        return query
    from urllib.parse import unquote_plus

    parts = query.split("&")
    for at, part in enumerate(parts):
        name, equals, _ = part.partition("=")
        if equals and _QUERY_SECRET.search(unquote_plus(name[:256])):
            parts[at] = f"{name}=***"
    return "&".join(parts)


def printable(text: str) -> str:
    """Return `text` with control characters escaped, line feeds and tabs kept."""
    return _CONTROL.sub(lambda found: _escape(found.group()), text)


def one_line(text: str) -> str:
    """Return `text` with all control characters escaped: for what others wrote, which makes no lines here."""
    return printable(text).translate(_BREAKS)


def trace(error: BaseException) -> str:
    """Return where an error came from, and the types of it and its causes.

    Without their texts, which may quote a prompt, and without local variables.
    """
    import traceback

    told: list[str] = []
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        places = "".join(traceback.format_list(traceback.extract_tb(link.__traceback__)))
        told.append(f"{places}{type(link).__module__}.{type(link).__qualname__}")
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "\nwhich came of:\n".join(told)


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
