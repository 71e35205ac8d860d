"""``/chat/completions``, ``/messages`` and ``/embeddings``: what the models answer (compat.md 3.4 to 3.7)."""

from __future__ import annotations

from collections.abc import Awaitable

from copilot_api.engine.interfaces import Dialect, RequestBody
from copilot_api.gateway.answer import Streamed, Whole
from copilot_api.gateway.caching import Caller
from copilot_api.gateway.pipeline import Pipeline
from copilot_api.http import hints
from copilot_api.http.asgi import PlainResponse, Request, Response, json_response
from copilot_api.http.guard import Access, shown_key
from copilot_api.http.routing import Handler, Respond, Route, simple
from copilot_api.http.streaming import StreamResponse


def routes(pipeline: Pipeline, access: Access) -> tuple[Route, ...]:
    """Return the routes."""

    def generate(dialect: Dialect) -> Handler:
        return _generate(pipeline, dialect, access if pipeline.caches else None)

    return (
        Route("POST", ("/chat/completions", "/v1/chat/completions"), generate("chat")),
        Route("POST", ("/embeddings", "/v1/embeddings"), generate("embeddings"), "embeddings"),
        Route("POST", ("/v1/messages",), generate("messages"), "messages"),
        Route("POST", ("/v1/messages/count_tokens",), _count_tokens(pipeline), "messages"),
    )


def _generate(pipeline: Pipeline, dialect: Dialect, access: Access | None) -> Handler:
    """Make the handler of a dialect. `access` is given where the cache asks who calls."""

    def handle(request: Request, body: RequestBody, respond: Respond) -> Awaitable[None]:
        caller = None if access is None else _caller(request, access)
        return pipeline.generate(
            dialect, body, lambda answer: respond(_response(answer)), caller, hints.read(request)
        )

    return handle


def _caller(request: Request, access: Access) -> Caller:
    return Caller(shown_key(request, access), ",".join(request.headers("cache-control")))


def _response(answer: Whole | Streamed) -> Response:
    if isinstance(answer, Streamed):
        return StreamResponse(answer.relay, answer.headers)
    return PlainResponse(answer.status, answer.body, answer.headers)


def _count_tokens(pipeline: Pipeline) -> Handler:
    async def handle(request: Request, body: RequestBody) -> Response:
        total = await pipeline.count_tokens(body, request.header("anthropic-beta") or "")
        return json_response(200, {"input_tokens": total})

    return simple(handle)
