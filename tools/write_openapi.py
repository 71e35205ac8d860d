"""Write ``src/copilot_api/http/openapi.json``: every endpoint of every dialect, as OpenAPI 3.1.

The formats are others' (OpenAI's, Anthropic's, Google's, Ollama's): here stands what the gateway needs of a
request and promises of an answer; members that are not named pass. ``tests/unit/http/test_openapi.py`` fails
when the file is not what this writes, and when a route is not in it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent.parent / "src" / "copilot_api" / "http" / "openapi.json"
Json = dict[str, Any]

TEXT: Json = {"type": "string"}
NAME: Json = {"type": "string", "minLength": 1}
FLAG: Json = {"type": "boolean"}
COUNT: Json = {"type": "integer", "minimum": 0}
NUMBER: Json = {"type": "number"}
ANY: Json = {}
OBJECT: Json = {"type": "object"}
TEXTS: Json = {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}
NO_TEXT: Json = {"type": ["string", "null"]}


def listed(items: Json, **more: Any) -> Json:
    """Return the schema of an array."""
    return {"type": "array", "items": items, **more}


def thing(required: str = "", **properties: Json) -> Json:
    """Return the schema of an object; `required` are names with blanks between."""
    made: Json = {"type": "object", "properties": properties}
    return made | ({"required": required.split()} if required else {})


def ref(name: str) -> Json:
    """Return a reference to one of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


MODEL: Json = {
    **NAME,
    "description": "An id of GET /v1/models, an alias, or the name of a family such as sonnet",
    "examples": ["gpt-4.1", "claude-sonnet-4.6"],
}
SAMPLING = {"temperature": NUMBER, "top_p": NUMBER}
STREAM: Json = {**FLAG, "description": "Answer as text/event-stream"}
ROLE: Json = {"type": "string", "enum": ["system", "developer", "user", "assistant", "tool", "function"]}
GOOGLE_CONTENT = thing("parts", role=TEXT, parts=listed(OBJECT))
OLLAMA = {
    "stream": {**FLAG, "default": True},
    "options": OBJECT,
    "keep_alive": {"type": ["string", "number"]},
}

SCHEMAS: Json = {
    "ChatRequest": thing(
        "model messages",
        model=MODEL,
        messages=listed(
            thing("role", role=ROLE, content={"anyOf": [NO_TEXT, listed(OBJECT)]}, tool_calls=listed(OBJECT)),
            minItems=1,
        ),
        stream=STREAM,
        max_tokens={"type": ["integer", "null"], "minimum": 1},
        tools=listed(thing("type", type=TEXT, function=OBJECT)),
        **SAMPLING,
    ),
    "ChatCompletion": thing(
        "choices",
        id=TEXT,
        model=TEXT,
        choices=listed(thing("message", index=COUNT, finish_reason=NO_TEXT, message=OBJECT)),
        usage=OBJECT,
        copilot_usage={**OBJECT, "description": "What Copilot billed, where it says so"},
    ),
    "CompletionRequest": thing("model prompt", model=MODEL, prompt=TEXTS, stream=STREAM, **SAMPLING),
    "Completion": thing(
        "choices", id=TEXT, object=TEXT, model=TEXT, choices=listed(thing("text", text=TEXT)), usage=OBJECT
    ),
    "EmbeddingRequest": thing("model input", model=MODEL, input={"anyOf": [TEXT, listed(ANY)]}),
    "Embeddings": thing("data", object=TEXT, data=listed(thing("embedding", embedding=ANY)), usage=OBJECT),
    "MessagesRequest": thing(
        "model messages",
        model=MODEL,
        max_tokens={"type": "integer", "minimum": 1},
        messages=listed(
            thing(
                "role content",
                role={"type": "string", "enum": ["user", "assistant", "system"]},
                content={"anyOf": [TEXT, listed(thing("type", type=TEXT))]},
            ),
            minItems=1,
        ),
        system={"anyOf": [TEXT, listed(thing("type text", type=TEXT, text=TEXT))]},
        stream=STREAM,
        tools=listed(thing("name", name=NAME, description=TEXT, input_schema=OBJECT)),
        **SAMPLING,
    ),
    "Message": thing(
        "type role content",
        id=TEXT,
        type={"const": "message"},
        role={"const": "assistant"},
        model=TEXT,
        content=listed(thing("type", type=TEXT)),
        stop_reason=NO_TEXT,
        usage=OBJECT,
    ),
    "TokenCount": thing("input_tokens", input_tokens=COUNT),
    "ResponsesRequest": thing(
        "model input",
        model=MODEL,
        input={"anyOf": [TEXT, listed(OBJECT)]},
        instructions=NO_TEXT,
        stream=STREAM,
        tools=listed(thing("type", type=TEXT)),
        **SAMPLING,
    ),
    "Response": thing("output", id=TEXT, object=TEXT, status=TEXT, output=listed(OBJECT), usage=OBJECT),
    "GenerateContentRequest": thing(
        "contents",
        contents=listed(GOOGLE_CONTENT, minItems=1),
        systemInstruction=GOOGLE_CONTENT,
        generationConfig=OBJECT,
        tools=listed(OBJECT),
    ),
    "GenerateContentResponse": thing(
        "candidates", candidates=listed(OBJECT), usageMetadata=OBJECT, modelVersion=TEXT
    ),
    "CountTokensRequest": thing(
        contents=listed(GOOGLE_CONTENT), generateContentRequest=ref("GenerateContentRequest")
    ),
    "EmbedContentRequest": thing("content", content=GOOGLE_CONTENT, outputDimensionality=COUNT),
    "BatchEmbedContentsRequest": thing("requests", requests=listed(ref("EmbedContentRequest"), minItems=1)),
    "OllamaChatRequest": thing(
        "model", model=MODEL, messages=listed(thing("role", role=TEXT, content=TEXT)), **OLLAMA
    ),
    "OllamaGenerateRequest": thing("model", model=MODEL, prompt=TEXT, system=TEXT, suffix=TEXT, **OLLAMA),
    "OllamaAnswer": thing(
        "model done", model=TEXT, created_at=TEXT, message=OBJECT, response=TEXT, done=FLAG
    ),
    "OllamaEmbedRequest": thing("model", model=MODEL, input=TEXTS, prompt=TEXT),
    "OllamaShowRequest": {
        **thing(model=MODEL, name=MODEL),
        "anyOf": [{"required": ["model"]}, {"required": ["name"]}],
    },
    "Models": {
        "description": "OpenAI's list; Anthropic's for who sends anthropic-version, Google's for its keys",
        **thing(data=listed(thing("id", id=TEXT, display_name=TEXT)), has_more=FLAG, models=listed(OBJECT)),
        "anyOf": [{"required": ["data"]}, {"required": ["models"]}],
    },
    "Model": thing(id=TEXT, name=TEXT, context_window=COUNT, max_output_tokens=COUNT, owned_by=TEXT),
    "OpenAIError": thing(
        "error", error=thing("message type", message=TEXT, type=TEXT, param=NO_TEXT, code=NO_TEXT, hint=TEXT)
    ),
    "AnthropicError": thing(
        "type error",
        type={"const": "error"},
        error=thing("type message", type=TEXT, message=TEXT),
        request_id=TEXT,
    ),
    "GoogleError": thing(
        "error",
        error=thing("code message status", code=COUNT, message=TEXT, status=TEXT, details=listed(ANY)),
    ),
    "OllamaError": thing("error", error=TEXT),
    "Health": thing("status", status={"const": "ok"}, version=TEXT, requests_in_flight=COUNT, engine=OBJECT),
    "Usage": {**OBJECT, "description": "GitHub's answer about the account and its quota, as it came"},
    "Token": thing("token", token=TEXT),
}

ERRORS = {
    "responses": "OpenAIError",
    "chat": "OpenAIError",
    "completions": "OpenAIError",
    "embeddings": "OpenAIError",
    "messages": "AnthropicError",
    "gemini": "GoogleError",
    "ollama": "OllamaError",
    "gateway": "OpenAIError",
}
"""Which error each dialect's endpoints answer with; models are told of in the asker's own."""
NOT_FOUND = {"text/plain": {"schema": TEXT}}
KEYS: list[Json] = [{}, {"bearer": []}, {"apiKey": []}, {"googleKey": []}, {"googleQuery": []}]
EVENTS = "text/event-stream"


def as_json(name: str) -> Json:
    """Return the content of a JSON body with one of `SCHEMAS`."""
    return {"application/json": {"schema": ref(name) if name in SCHEMAS else OBJECT}}


def stream(kind: str, what: str) -> Json:
    """Return the content of a streamed body; what its events hold is left open."""
    return {kind: {"schema": {"description": what}}}


def operation(
    tag: str,
    summary: str,
    answer: Json,
    *,
    body: str = "",
    parameters: tuple[str, ...] = (),
    errors: tuple[str, ...] = (),
    more: Json | None = None,
) -> Json:
    """Return what one method of a path does. `errors` are further forms of error, beside the dialect's."""
    forms = [ref(name) for name in (ERRORS[tag], *errors)]
    error = {"application/json": {"schema": forms[0] if len(forms) == 1 else {"anyOf": forms}}}
    made: Json = {
        "tags": [tag],
        "summary": summary,
        "responses": {
            "200": {"description": "The answer", "content": answer},
            "4XX": {"description": "Refused, by the gateway or by Copilot", "content": error},
            "5XX": {"description": "Copilot did not answer, or not usably", "content": error},
            **(more or {}),
        },
    }
    if body:
        made["requestBody"] = {"required": True, "content": as_json(body)}
    if parameters:
        made["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in parameters]
    return made


SSE = "Server-sent events, as the dialect has them"
CHAT = as_json("ChatCompletion") | stream(EVENTS, "Chunks as server-sent events; the last is [DONE]")
RESPONSES = as_json("Response") | stream(EVENTS, SSE)
NDJSON = as_json("OllamaAnswer") | stream("application/x-ndjson", "One object a line")
GOOGLE_STREAM = stream(EVENTS, "With alt=sse") | {
    "application/json": {"schema": listed(ref("GenerateContentResponse"))}
}
METHODS: dict[str, Json] = {
    "generateContent": operation(
        "gemini", "Answer, whole", as_json("GenerateContentResponse"), body="GenerateContentRequest"
    ),
    "streamGenerateContent": operation(
        "gemini", "Answer, as a stream", GOOGLE_STREAM, body="GenerateContentRequest", parameters=("alt",)
    ),
    "countTokens": operation("gemini", "Count a prompt's tokens", as_json(""), body="CountTokensRequest"),
    "embedContent": operation("gemini", "Embed a text", as_json(""), body="EmbedContentRequest"),
    "batchEmbedContents": operation("gemini", "Embed texts", as_json(""), body="BatchEmbedContentsRequest"),
}
LISTS = ("after_id", "before_id", "limit", "pageSize", "pageToken", "anthropicVersion")
OTHERS = ("AnthropicError", "GoogleError")


def paths() -> dict[str, Json]:
    """Return all paths."""
    chat = operation("chat", "Answer a conversation", CHAT, body="ChatRequest")
    completion = operation(
        "completions",
        "Complete a text",
        as_json("Completion") | stream(EVENTS, SSE),
        body="CompletionRequest",
    )
    embed = operation("embeddings", "Embed texts", as_json("Embeddings"), body="EmbeddingRequest")
    respond = operation("responses", "Answer", RESPONSES, body="ResponsesRequest")
    socket = operation(
        "responses",
        "There is no WebSocket here; Codex asks for one first",
        as_json(""),
        more={
            "404": {"description": "This is no WebSocket client", "content": NOT_FOUND},
            "426": {"description": "Send POST requests", "content": as_json("OpenAIError")},
        },
    )
    del socket["responses"]["200"]
    compact = operation("responses", "Shorten a conversation", as_json("Response"), body="ResponsesRequest")
    models = operation("chat", "The account's models", as_json("Models"), parameters=LISTS, errors=OTHERS)
    model = operation("chat", "One model", as_json("Model"), parameters=("anthropicVersion",), errors=OTHERS)
    google = operation("gemini", "The account's models", as_json("Models"), parameters=LISTS[3:5])
    found: dict[str, Json] = {}
    for root in ("/v1", ""):
        found[f"{root}/chat/completions"] = {"post": chat}
        found[f"{root}/completions"] = {"post": completion}
        found[f"{root}/embeddings"] = {"post": embed}
        found[f"{root}/responses"] = {"post": respond, "get": socket}
        found[f"{root}/responses/compact"] = {"post": compact}
        found[f"{root}/models"] = {"get": models}
        found[f"{root}/models/{{model}}"] = {"get": model}
    found["/v1/messages"] = {
        "post": operation(
            "messages",
            "Answer a conversation",
            as_json("Message") | stream(EVENTS, SSE),
            body="MessagesRequest",
            parameters=("anthropicVersion",),
        )
    }
    found["/v1/messages/count_tokens"] = {
        "post": operation(
            "messages", "Count a prompt's tokens", as_json("TokenCount"), body="MessagesRequest"
        )
    }
    for root in ("/v1beta", "/v1alpha"):
        found[f"{root}/models"] = {"get": google}
        found[f"{root}/models/{{model}}"] = {"get": operation("gemini", "One model", as_json("Model"))}
    for root in ("/v1beta", "/v1alpha", "/v1"):
        for name, method in METHODS.items():
            found[f"{root}/models/{{model}}:{name}"] = {"post": method}
    for path, item in found.items():
        if "{model}" in path:
            item["parameters"] = [{"$ref": "#/components/parameters/model"}]
    return found | _ollama() | _gateway()


def _ollama() -> dict[str, Json]:
    def get(summary: str) -> Json:
        return {"get": operation("ollama", summary, as_json(""))}

    def post(summary: str, body: str, answer: Json) -> Json:
        return {"post": operation("ollama", summary, answer, body=body)}

    return {
        "/api/chat": post("Answer a conversation", "OllamaChatRequest", NDJSON),
        "/api/generate": post("Answer a prompt", "OllamaGenerateRequest", NDJSON),
        "/api/embed": post("Embed texts", "OllamaEmbedRequest", as_json("")),
        "/api/embeddings": post("Embed a text", "OllamaEmbedRequest", as_json("")),
        "/api/show": post("One model", "OllamaShowRequest", as_json("")),
        "/api/tags": get("The account's models"),
        "/api/ps": get("Models in memory: none, all are elsewhere"),
        "/api/version": get("The version of Ollama whose API this is"),
    }


def _gateway() -> dict[str, Json]:
    def page(summary: str, content: Json, **more: Any) -> Json:
        return {"get": operation("gateway", summary, content, **more)}

    plain = {"text/plain": {"schema": TEXT}}
    return {
        "/": page("Tell that the gateway runs", plain),
        "/health": page("Whether it works and what runs in it", as_json("Health")),
        "/metrics": page("The same for Prometheus", plain),
        "/usage": page(
            "The account's quota",
            as_json("Usage"),
            more={"500": {"description": "GitHub did not answer", "content": as_json("OllamaError")}},
        ),
        "/token": page(
            "The Copilot token, to programs of this user on this machine",
            as_json("Token"),
            more={"500": {"description": "No token can be had", "content": as_json("")}},
        ),
        "/dashboard": page("The dashboard, a page", {"text/html": {"schema": TEXT}}),
        "/openapi.json": page("This document", as_json("")),
    }


def _parameter(name: str, where: str, schema: Json, **more: Any) -> Json:
    return {"name": name, "in": where, "schema": schema, **more}


def document() -> Json:
    """Return the whole document. Its version is put in when it is served."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "copilot-api",
            "version": "0",
            "summary": "GitHub Copilot for clients of OpenAI, Anthropic, Google and Ollama",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "security": KEYS,
        "paths": paths(),
        "components": {
            "schemas": SCHEMAS,
            "parameters": {
                "model": _parameter("model", "path", {**MODEL, "pattern": "^[^/:?#]+$"}, required=True),
                "alt": _parameter("alt", "query", {"type": "string", "enum": ["sse", "json"]}),
                "after_id": _parameter("after_id", "query", TEXT),
                "before_id": _parameter("before_id", "query", TEXT),
                "limit": _parameter("limit", "query", {**COUNT, "maximum": 999_999_999}),
                "pageSize": _parameter("pageSize", "query", {**COUNT, "maximum": 999_999_999}),
                "pageToken": _parameter("pageToken", "query", {"type": "string", "pattern": "^[0-9]{1,9}$"}),
                "anthropicVersion": _parameter("anthropic-version", "header", TEXT),
            },
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A client key, where one is needed",
                },
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "googleKey": {"type": "apiKey", "in": "header", "name": "x-goog-api-key"},
                "googleQuery": {"type": "apiKey", "in": "query", "name": "key"},
            },
        },
    }


def text() -> str:
    """Return the file."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(f"wrote {FILE}")
    sys.exit(0)
