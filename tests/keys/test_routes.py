"""R-09, R-20: every route, every way to show a key, every kind of key."""

from __future__ import annotations

import itertools
import pkgutil
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from copilot_api.dashboard.files import OPEN_PATHS
from copilot_api.http import routes
from copilot_api.http.routes import account, dashboard, gemini, generation, health, ollama, openapi
from copilot_api.http.routes import models as model_routes
from copilot_api.http.routing import PLACEHOLDER, Route
from tests.keys.conftest import Guarded
from tests.matrix.talk import Ask, Dialect, user
from tests.support.departures import DIALECTS
from tests.support.keyed import FORMS

BODY = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9, "input": "hi"}
OPEN = ("/", *OPEN_PATHS)
ENDLESS = "/dashboard/api/live"
LITTLE = ("/health",)
PAGES = ("/", "/health", "/metrics", "/usage")
ALLOWED = {"gpt-4.1", "claude-sonnet-4", "claude-sonnet-4.5", "claude-sonnet-4.6"}


def every_route() -> list[tuple[str, str]]:
    """Method and path of all that the application serves, from its own tables."""
    parts: Any = SimpleNamespace(caches=False, planner=None, allowed=None)
    tables: tuple[Route, ...] = (
        *generation.routes(parts),
        *gemini.routes(parts),
        *ollama.routes(parts, parts),
        *model_routes.routes(parts, parts, parts),
        *health.routes(health.Sources(tuple, parts, None, parts, parts)),
        *account.routes(parts, parts, parts, token_endpoint=True),
        *dashboard.routes(parts),
        *openapi.routes(),
    )
    return [(route.method, path.replace(PLACEHOLDER, "gpt-4.1")) for route in tables for path in route.paths]


def shown(path: str, key: str | None) -> Iterator[tuple[str, dict[str, str]]]:
    """The path and the headers for each way to show a key."""
    if key is None:
        yield path, {}
        return
    for form in FORMS.values():
        yield path, form(key)
    yield f"{path}?key={key}", {}


def addresses() -> Iterator[str]:
    """Addresses of this machine, each once: who guesses from many is not silenced as one."""
    for second, third in itertools.product(range(1, 250), repeat=2):
        yield f"127.9.{second}.{third}"


def test_the_walk_sees_all_routes() -> None:
    tables = {module.name for module in pkgutil.iter_modules(routes.__path__)}
    # `dashboard_api` has what `dashboard` leads to.
    assert tables - {"dashboard_api"} == {
        *("account", "dashboard", "gemini", "generation", "health", "models", "ollama", "openapi"),
    }
    found = every_route()
    assert len(found) >= 40
    assert {("POST", "/v1/messages"), ("GET", "/token"), ("GET", "/metrics"), ("POST", "/api/chat")} < {
        *found
    }


@pytest.mark.parametrize("kind", ["none", "wrong", "revoked", "expired"])
def test_r09_no_route_opens_without_a_good_key(guarded: Guarded, kind: str) -> None:
    gateway, sources = guarded.gateway, addresses()
    key = None if kind == "none" else gateway.keys.keys.get(kind, "cak_guessed_wrongly_by_somebody")
    # The key is asked for before anything is looked for, so also where there is nothing.
    for method, path in [*every_route(), ("POST", "/no/such/path")]:
        for target, headers in shown(path, key):
            body = BODY if method == "POST" else None
            source = next(sources) if kind == "wrong" else "127.0.0.1"
            answer = gateway.ask(method, target, body, headers, source=source)
            if path in OPEN or (path in LITTLE and key is None):
                assert answer.status == 200, (method, target)
                continue
            assert answer.status == 401, (method, target, headers)
            assert answer.headers["www-authenticate"] == "Bearer"
            assert "gpt-4.1" not in answer.text
    assert not [each for each in guarded.upstream.attempts() if each.method == "POST"]


def test_r09_every_route_opens_with_a_good_key_in_every_form(guarded: Guarded) -> None:
    gateway = guarded.gateway
    for method, path in every_route():
        if path == ENDLESS:
            continue
        for target, headers in shown(path, gateway.keys.keys["full"]):
            answer = gateway.ask(method, target, BODY if method == "POST" else None, headers)
            # What it answers is for other tests to say, but it has been asked.
            assert answer.status not in (401, 403, 429), (method, target, headers)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_r09_other_models_are_refused_in_the_clients_words(
    guarded: Guarded, dialect: Dialect, stream: bool
) -> None:
    for model in ("claude-opus-4.6", "gpt-4o", "nobody-knows-it"):
        asked = dialect.request(Ask(model, (user("hello"),), stream))
        headers = {"authorization": f"Bearer {guarded.gateway.keys.keys['restricted']}"}
        answer = guarded.gateway.ask("POST", asked.path, asked.body, headers)
        assert answer.status == 403
        assert "restricted" in dialect.error(answer.status, answer.body)
    assert guarded.upstream.attempts("/chat/completions") == []
    asked = dialect.request(Ask("gpt-4.1", (user("hello"),), stream))
    answer = guarded.gateway.ask("POST", asked.path, asked.body, headers)
    assert answer.status == 200
    assert b"scripted" in answer.body


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages/count_tokens", {**BODY, "model": "claude-opus-4.6"}),
        ("/v1beta/models/claude-opus-4.6:countTokens", {"contents": [{"parts": [{"text": "hi"}]}]}),
        ("/v1/responses/compact", {"model": "claude-opus-4.6", "input": "hi"}),
        ("/v1/embeddings", {"model": "gpt-4o", "input": "hi"}),
    ],
)
def test_r09_a_model_is_refused_at_each_door(guarded: Guarded, path: str, body: Any) -> None:
    headers = {"x-api-key": guarded.gateway.keys.keys["restricted"]}
    assert guarded.gateway.ask("POST", path, body, headers).status == 403


def test_r09_a_second_model_cannot_be_slipped_in(guarded: Guarded) -> None:
    """The body goes upstream as it is: what another reader may take for the model is refused."""
    headers = {"x-api-key": guarded.gateway.keys.keys["restricted"]}
    answer = guarded.gateway.ask("POST", "/v1/chat/completions", {**BODY, "MODEL": "gpt-4o"}, headers)
    assert (answer.status, answer.json["error"]["param"]) == (400, "model")
    said = {**BODY, "messages": [{"role": "user", "content": "hi", "Model": "gpt-4o"}]}
    assert guarded.gateway.ask("POST", "/v1/chat/completions", said, headers).status == 200


def test_r09_lists_show_what_the_key_is_good_for(guarded: Guarded) -> None:
    def ids(name: str) -> list[set[str]]:
        headers = {"authorization": f"Bearer {guarded.gateway.keys.keys[name]}"}

        def get(path: str, **more: str) -> Any:
            return guarded.gateway.ask("GET", path, None, {**headers, **more}).json

        return [
            {each["id"] for each in get("/v1/models")["data"]},
            {each["id"] for each in get("/models", **{"anthropic-version": "2023-06-01"})["data"]},
            {each["baseModelId"] for each in get("/v1beta/models")["models"]},
            {each["name"] for each in get("/api/tags")["models"]},
        ]

    for all_models, some in zip(ids("full"), ids("restricted"), strict=True):
        assert some < all_models
        chatting = {name for name in some if not name.startswith("text-embedding")}
        assert chatting == all_models & ALLOWED
    headers = {"x-api-key": guarded.gateway.keys.keys["restricted"]}
    for method, path, body in (
        ("GET", "/v1/models/gpt-4o", None),
        ("GET", "/v1beta/models/gpt-4o", None),
        ("POST", "/api/show", {"model": "gpt-4o"}),
    ):
        assert guarded.gateway.ask(method, path, body, headers).status == 404


def test_r09_a_restricted_key_does_not_get_copilots_token(guarded: Guarded) -> None:
    keys = guarded.gateway.keys.keys
    refused = guarded.gateway.ask("GET", "/token", None, {"x-api-key": keys["restricted"]})
    assert refused.status == 403
    assert "token" in guarded.gateway.ask("GET", "/token", None, {"x-api-key": keys["full"]}).json


def test_r09_a_listed_page_may_ask_before_it_shows_a_key(guarded: Guarded) -> None:
    asked = {"origin": "https://ui.example", "access-control-request-headers": "authorization"}
    answer = guarded.gateway.ask("OPTIONS", "/v1/models", None, asked)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-headers"] == "authorization"
    shown_without = guarded.gateway.ask("GET", "/v1/models", None, {"origin": "https://ui.example"})
    assert shown_without.status == 401
    assert (
        guarded.gateway.ask("OPTIONS", "/v1/models", None, {"origin": "https://evil.example"}).status == 403
    )


def test_r20_strangers_learn_that_it_is_up_and_nothing_else(guarded: Guarded) -> None:
    gateway, good = guarded.gateway, {"x-api-key": guarded.gateway.keys.keys["full"]}
    assert gateway.ask("GET", "/").text == "Server running"
    assert gateway.ask("GET", "/health").json == {"status": "ok"}
    assert gateway.ask("HEAD", "/health").status == 200
    assert gateway.ask("GET", "/health", None, {"x-api-key": gateway.keys.keys["revoked"]}).status == 401
    details = gateway.ask("GET", "/health", None, good).json
    assert {"status", "version", "requests_in_flight", "engine"} <= details.keys()
    assert gateway.ask("GET", "/metrics").status == 401
    assert "copilot_api_requests_in_flight" in gateway.ask("GET", "/metrics", None, good).text


@pytest.mark.parametrize("path", PAGES)
def test_r20_pages_run_nothing_and_are_not_kept(guarded: Guarded, path: str) -> None:
    headers = guarded.gateway.ask("GET", path, None, {"x-api-key": guarded.gateway.keys.keys["full"]}).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["cache-control"] == "no-store"
    assert "set-cookie" not in headers


def test_r20_the_start_says_who_can_reach_it(guarded: Guarded) -> None:
    line = guarded.gateway.output.wait_for(r"Reachable: (.*)").group(1)
    assert line == "this machine only, by whoever has one of 15 keys"


def test_a_key_with_limits_sees_no_metrics(guarded: Guarded) -> None:
    keys = guarded.gateway.keys.keys
    refused = guarded.gateway.ask("GET", "/metrics", None, {"x-api-key": keys["restricted"]})
    assert (refused.status, "this key has limits" in refused.text) == (403, True)
    assert guarded.gateway.ask("GET", "/metrics", None, {"x-api-key": keys["full"]}).status == 200
