"""``/``, ``/usage`` and ``/token`` (compat.md 3.1, 3.8; architecture.md 8)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from copilot_api.engine.interfaces import EngineError, TokenManager
from copilot_api.gateway.errors import GatewayError, NotAllowed
from copilot_api.http.asgi import PAGE_HEADERS, PlainResponse, Request, Response, json_response, text
from copilot_api.http.guard import Access, may_read_token
from copilot_api.http.routing import Route, simple
from copilot_api.redaction import redact_tokens

logger = logging.getLogger("copilot_api.account")


def routes(
    usage: Callable[[], Awaitable[bytes]], tokens: TokenManager, access: Access, *, token_endpoint: bool
) -> tuple[Route, ...]:
    """Return the routes. `usage` fetches the body of GitHub's usage answer."""

    async def running(_request: Request, _body: object) -> Response:
        return text(200, "Server running", PAGE_HEADERS)

    async def read_usage(_request: Request, _body: object) -> Response:
        try:
            body = await usage()
        except (EngineError, GatewayError) as error:
            logger.warning("Failed to fetch Copilot usage: %s", error)
            return json_response(500, {"error": "Failed to fetch Copilot usage"}, PAGE_HEADERS)
        body = redact_tokens(body.decode("utf-8", "replace")).encode()
        return PlainResponse(200, body, (("content-type", "application/json"), *PAGE_HEADERS))

    async def read_token(request: Request, _body: object) -> Response:
        if not (token_endpoint and may_read_token(request, access)):
            raise NotAllowed(403, "the token is given to this machine's own programs only")
        try:
            grant = await tokens.get()
        except EngineError as error:
            logger.warning("Failed to fetch token: %s", error)
            return json_response(500, {"error": "Failed to fetch token", "token": None}, PAGE_HEADERS)
        return json_response(200, {"token": grant.token.reveal()}, PAGE_HEADERS)

    return (
        Route("GET", ("/",), simple(running)),
        Route("GET", ("/usage",), simple(read_usage)),
        Route("GET", ("/token",), simple(read_token)),
    )
