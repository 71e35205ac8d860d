"""The dashboard's static files: read once, told apart by their content."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from zlib import crc32

from copilot_api.records import record

_STATIC = Path(__file__).with_name("static")
_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
VIEWS = ("cache", "engine", "failures", "live", "models", "overview", "requests")
FILES = (
    "index.html",
    "style.css",
    "parts.css",
    "icon.svg",
    "api.js",
    "app.js",
    "charts.js",
    "detail.js",
    "dom.js",
    "format.js",
    "line.js",
    "parts.js",
    *(f"views/{view}.js" for view in VIEWS),
)
"""All that is served, by name: nothing of a request becomes a path."""


PATHS = {"/dashboard" if name == "index.html" else f"/dashboard/{name}": name for name in FILES}
"""Which path is which file."""
OPEN_PATHS = tuple(PATHS)
"""Answered without a key: the files are the same in every gateway, and a browser has no key yet."""


@record
class File:
    """One file as it is answered."""

    content: bytes
    content_type: str
    etag: str


@cache
def read(name: str) -> File:
    """Return a file. Raises KeyError for a name that is none of `FILES`."""
    if name not in FILES:
        raise KeyError(name)
    content = (_STATIC / name).read_bytes()
    return File(content, _TYPES[name.rpartition(".")[2]], f'"{crc32(content):08x}"')
