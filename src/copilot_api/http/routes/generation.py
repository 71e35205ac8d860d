"""``/chat/completions``, ``/messages`` and ``/embeddings``: what the models answer (compat.md 3.4 to 3.7)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from copilot_api.engine.interfaces import Dialect
from copilot_api.gateway.answer import Streamed
from copilot_api.gateway.pipeline import Pipeline
from copilot_api.http.asgi import PlainResponse, Request, Response, json_response
from copilot_api.http.routing import Handler, Route, simple
from copilot_api.http.streaming import StreamResponse


def routes(pipeline: Pipeline) -> tuple[Route, ...]:
    """Return the routes."""
    return (
        Route("POST", ("/chat/completions", "/v1/chat/completions"), _generate(pipeline, "chat")),
        Route("POST", ("/embeddings", "/v1/embeddings"), _generate(pipeline, "embeddings"), "embeddings"),
        Route("POST", ("/v1/messages",), _generate(pipeline, "messages"), "messages"),
        Route("POST", ("/v1/messages/count_tokens",), _count_tokens(pipeline), "messages"),
    )


def _generate(pipeline: Pipeline, dialect: Dialect) -> Handler:
    @asynccontextmanager
    async def handle(_request: Request, body: bytes) -> AsyncIterator[Response]:
        async with pipeline.generate(dialect, body) as answer:
            if isinstance(answer, Streamed):
                yield StreamResponse(answer.relay, answer.headers)
            else:
                yield PlainResponse(answer.status, answer.body, answer.headers)

    return handle


def _count_tokens(pipeline: Pipeline) -> Handler:
    async def handle(request: Request, body: bytes) -> Response:
        total = await pipeline.count_tokens(body, request.header("anthropic-beta") or "")
        return json_response(200, {"input_tokens": total})

    return simple(handle)
