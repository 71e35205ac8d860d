"""Google's endpoints: ``/v1beta/models/MODEL:METHOD``, and the same below ``/v1`` (upstream.md 10.4)."""

from __future__ import annotations

from collections.abc import Awaitable

from copilot_api.engine.interfaces import Framing, RequestBody
from copilot_api.gateway.pipeline import Pipeline
from copilot_api.http import hints
from copilot_api.http.asgi import Request, Response, json_response
from copilot_api.http.routes.generation import cache_control, delivery
from copilot_api.http.routing import Handler, Respond, Route, simple

_VERSIONS = ("/v1beta", "/v1", "/v1alpha")


def routes(pipeline: Pipeline) -> tuple[Route, ...]:
    """Return the routes."""

    def route(method: str, handler: Handler) -> Route:
        paths = tuple(f"{version}/models/{{}}:{method}" for version in _VERSIONS)
        return Route("POST", paths, handler, "gemini")

    embeds = _generate(pipeline, embeds=True)
    return (
        route("generateContent", _generate(pipeline)),
        route("streamGenerateContent", _stream(pipeline)),
        route("countTokens", _count(pipeline)),
        route("embedContent", embeds),
        route("batchEmbedContents", embeds),
    )


def _generate(pipeline: Pipeline, *, embeds: bool = False) -> Handler:
    def handle(request: Request, body: RequestBody, respond: Respond) -> Awaitable[None]:
        said = hints.addressed(request, request.parameter, stream=False, embeds=embeds)
        wish = cache_control(request) if pipeline.caches else None
        return pipeline.generate("gemini", body, delivery(respond), request.caller, said, cache_control=wish)

    return handle


def _stream(pipeline: Pipeline) -> Handler:
    def handle(request: Request, body: RequestBody, respond: Respond) -> Awaitable[None]:
        framing: Framing = "sse" if request.query("alt").lower() == "sse" else "array"
        said = hints.addressed(request, request.parameter, stream=True, framing=framing)
        return pipeline.generate("gemini", body, delivery(respond), request.caller, said)

    return handle


def _count(pipeline: Pipeline) -> Handler:
    async def handle(request: Request, body: RequestBody) -> Response:
        said = hints.addressed(request, request.parameter, stream=False)
        total = await pipeline.count_tokens(body, "", "gemini", said, request.caller)
        return json_response(200, {"totalTokens": total})

    return simple(handle)
