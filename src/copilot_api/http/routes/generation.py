"""What models answer, in OpenAI's and Anthropic's dialects (compat.md 3.4 to 3.7, upstream.md 10)."""

from __future__ import annotations

from collections.abc import Awaitable

from copilot_api.engine.interfaces import Dialect, RequestBody
from copilot_api.gateway.answer import Streamed, Whole
from copilot_api.gateway.compaction import Compaction
from copilot_api.gateway.hints import NO_HINTS
from copilot_api.gateway.pipeline import Deliver, Pipeline
from copilot_api.http import hints
from copilot_api.http.asgi import PlainResponse, Request, Response, json_response, text
from copilot_api.http.routing import Handler, Respond, Route, simple
from copilot_api.http.streaming import StreamResponse

_RESPONSES = ("/v1/responses", "/responses")


def routes(pipeline: Pipeline) -> tuple[Route, ...]:
    """Return the routes."""

    def generate(dialect: Dialect) -> Handler:
        return _generate(pipeline, dialect)

    return (
        Route("POST", ("/chat/completions", "/v1/chat/completions"), generate("chat")),
        Route("POST", ("/completions", "/v1/completions"), generate("completions"), "completions"),
        Route("POST", ("/embeddings", "/v1/embeddings"), generate("embeddings"), "embeddings"),
        Route("POST", ("/v1/messages",), generate("messages"), "messages"),
        Route("POST", ("/v1/messages/count_tokens",), _count_tokens(pipeline), "messages"),
        Route("POST", _RESPONSES, generate("responses"), "responses"),
        Route("GET", _RESPONSES, simple(_no_socket), "responses"),
        Route("POST", tuple(f"{path}/compact" for path in _RESPONSES), _compact(pipeline), "responses"),
    )


def _generate(pipeline: Pipeline, dialect: Dialect) -> Handler:
    caches = pipeline.caches

    def handle(request: Request, body: RequestBody, respond: Respond) -> Awaitable[None]:
        wish = cache_control(request) if caches else None
        said = NO_HINTS
        first = request.first
        # As `hints.read`, without its call: nearly every request comes by here and says nothing.
        if b"anthropic-beta" in first or b"x-initiator" in first or b"x-openai-subagent" in first:
            said = hints.addressed(request)
        return pipeline.generate(
            dialect,
            body,
            lambda answer: respond(_response(answer)),
            request.caller,
            said,
            cache_control=wish,
        )

    return handle


def cache_control(request: Request) -> str:
    """Return what the request says about caches."""
    return ",".join(request.headers("cache-control"))


def delivery(respond: Respond) -> Deliver:
    """Return what the pipeline hands an answer to."""
    return lambda answer: respond(_response(answer))


def _response(answer: Whole | Streamed) -> Response:
    if isinstance(answer, Streamed):
        return StreamResponse(answer.relay, answer.headers)
    return PlainResponse(answer.status, answer.body, answer.headers)


def _count_tokens(pipeline: Pipeline) -> Handler:
    async def handle(request: Request, body: RequestBody) -> Response:
        beta = request.header("anthropic-beta") or ""
        total = await pipeline.count_tokens(body, beta, "messages", hints.read(request), request.caller)
        return json_response(200, {"input_tokens": total})

    return simple(handle)


def _compact(pipeline: Pipeline) -> Handler:
    compaction = Compaction(pipeline)

    async def handle(request: Request, body: RequestBody) -> Response:
        return json_response(200, await compaction.run(bytes(body), hints.addressed(request), request.caller))

    return simple(handle)


async def _no_socket(request: Request, _body: object) -> Response:
    """Answer Codex's WebSocket so that it falls back to HTTP at once (upstream.md 10.2)."""
    if (request.header("upgrade") or "").lower() != "websocket":
        return text(404, "404 Not Found")
    message = "there is no WebSocket here: send POST requests"
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": "no_websocket"}
    return json_response(426, {"error": error})
