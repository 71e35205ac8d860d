"""Google's endpoints: ``/v1beta/models/MODEL:METHOD``, and the same below ``/v1`` (upstream.md 10.4)."""

from __future__ import annotations

from collections.abc import Awaitable

from copilot_api.engine.interfaces import Framing, RequestBody
from copilot_api.gateway.pipeline import Pipeline
from copilot_api.http import hints
from copilot_api.http.asgi import Request, Response, json_response
from copilot_api.http.guard import Access
from copilot_api.http.routes.generation import caller_of, delivery
from copilot_api.http.routing import Handler, Respond, Route, simple

_VERSIONS = ("/v1beta", "/v1", "/v1alpha")


def routes(pipeline: Pipeline, access: Access) -> tuple[Route, ...]:
    """Return the routes."""

    def route(method: str, handler: Handler) -> Route:
        paths = tuple(f"{version}/models/{{}}:{method}" for version in _VERSIONS)
        return Route("POST", paths, handler, "gemini")

    embeds = _generate(pipeline, access, embeds=True)
    return (
        route("generateContent", _generate(pipeline, access)),
        route("streamGenerateContent", _stream(pipeline)),
        route("countTokens", _count(pipeline)),
        route("embedContent", embeds),
        route("batchEmbedContents", embeds),
    )


def _generate(pipeline: Pipeline, access: Access, *, embeds: bool = False) -> Handler:
    def handle(request: Request, body: RequestBody, respond: Respond) -> Awaitable[None]:
        said = hints.addressed(request, request.parameter, stream=False, embeds=embeds)
        caller = caller_of(request, access) if pipeline.caches else None
        return pipeline.generate("gemini", body, delivery(respond), caller, said)

    return handle


def _stream(pipeline: Pipeline) -> Handler:
    def handle(request: Request, body: RequestBody, respond: Respond) -> Awaitable[None]:
        framing: Framing = "sse" if request.query("alt").lower() == "sse" else "array"
        said = hints.addressed(request, request.parameter, stream=True, framing=framing)
        return pipeline.generate("gemini", body, delivery(respond), None, said)

    return handle


def _count(pipeline: Pipeline) -> Handler:
    async def handle(request: Request, body: RequestBody) -> Response:
        said = hints.addressed(request, request.parameter, stream=False)
        total = await pipeline.count_tokens(body, "", "gemini", said)
        return json_response(200, {"totalTokens": total})

    return simple(handle)
