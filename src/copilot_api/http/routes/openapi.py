"""``/openapi.json``: every endpoint of every dialect, for people and for programs that make clients of it."""

from __future__ import annotations

from pathlib import Path

from copilot_api.http.asgi import PAGE_HEADERS, PlainResponse, Request, Response
from copilot_api.http.routing import Route, simple
from copilot_api.version import VERSION

FILE = Path(__file__).parent.with_name("openapi.json")
"""Written by ``tools/write_openapi.py``."""
_VERSION = b'"version": "0"'


def routes() -> tuple[Route, ...]:
    """Return the routes."""
    return (Route("GET", ("/openapi.json",), simple(_document)),)


async def _document(_request: Request, _body: object) -> Response:
    # Read each time: hardly anybody asks twice, and what is kept would be kept for ever.
    content = FILE.read_bytes().replace(_VERSION, b'"version": "%s"' % VERSION.encode(), 1)
    return PlainResponse(200, content, (("content-type", "application/json"), *PAGE_HEADERS))
