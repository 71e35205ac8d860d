"""What is masked before a capture is written: credentials by header, by value and by shape (R-08).

It runs in the writer's thread, in short pieces: a regular expression holds the interpreter while it runs, and
the requests that are served meanwhile shall not wait for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from copilot_api.redaction import MASK, Secret, redact, redact_query

Headers = Sequence[tuple[str, str]]

PIECE = 8 * 1024
"""Characters that are looked at in one go, if there is a place to cut at."""

SECRET_HEADERS = frozenset(
    {
        *("authorization", "proxy-authorization", "cookie", "set-cookie"),
        *("x-api-key", "x-goog-api-key", "api-key", "x-github-token"),
    }
)
"""Their values are never kept, whatever they are."""

# Nothing that `redact` looks for reaches over one of these: a line's end, unless what stands before it may
# announce a value, and a line's end as JSON writes it.
_CUT = re.compile(r"(?<![:=\s])\n|(?<=.)\\[nr](?![\"'])", re.DOTALL)
# Pictures and the like. No token is made of these characters alone in such a number.
_OPAQUE = re.compile(r"[A-Za-z0-9+/=]{4096,}")
_EDGE = 512
"""Characters at the ends of an opaque run that are looked at all the same."""


def mask_headers(headers: Headers, known: Iterable[Secret]) -> list[list[str]]:
    """Return headers as lists of name and value."""
    known = tuple(known)
    return [
        [name, MASK if name.lower() in SECRET_HEADERS else redact(value, known)] for name, value in headers
    ]


def mask_target(target: str, known: Iterable[Secret]) -> str:
    """Return a path or URL with its query."""
    path, mark, query = target.partition("?")
    return redact(f"{path}{mark}{redact_query(query)}", tuple(known))


def mask_text(text: str, known: Iterable[Secret] = ()) -> str:
    """Return a body."""
    known = tuple(known)
    return "".join(redact(piece, known) if looked_at else piece for piece, looked_at in _pieces(text))


def credentials(headers: Headers) -> Iterator[Secret]:
    """Give the values by which a request's own credentials are known elsewhere in it."""
    for name, value in headers:
        if name.lower() in SECRET_HEADERS:
            yield Secret(value.strip().rpartition(" ")[2])


def whole_words(text: str) -> str:
    """Return a text that was cut anywhere without its last word, which may be half a secret."""
    return re.sub(r"[^\s\"'\\,;&{}\[\]]{0,4096}\Z", "", text)


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    at = 0
    for run in _OPAQUE.finditer(text):
        start, end = run.start() + _EDGE, run.end() - _EDGE
        yield from _short(text[at:start])
        yield text[start:end], False
        at = end
    yield from _short(text[at:])


def _short(text: str) -> Iterator[tuple[str, bool]]:
    at = 0
    while len(text) - at > PIECE:
        cut = _CUT.search(text, at + PIECE)
        if cut is None:
            break
        yield text[at : cut.start()], True
        at = cut.start()
    yield text[at:], True
