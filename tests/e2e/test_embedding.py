"""What programs import of the package, and every example of docs/embedding.md."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

import copilot_api
from copilot_api import BackgroundGateway, Entry, Gateway, RequestFailed, Settings, create_app
from copilot_api.gateway.errors import StartupError
from copilot_api.server import PortTaken, bind, serve
from copilot_api.simulator import SimulatorServer
from tests.support.http import Answer, request
from tests.support.process import GITHUB_TOKEN, clean_environment

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "embedding.md"
CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
IN_TESTS = [program for program in PROGRAMS if "def test_" in program]


async def ask(url: str, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    return await asyncio.to_thread(request, url, method, path, body, headers)


# ------------------------------------------------------------------------------------------- examples


@pytest.mark.parametrize("program", [each for each in PROGRAMS if each not in IN_TESTS])
def test_examples_run_as_they_stand(tmp_path: Path, program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout or "Starlette" in program
    assert list(tmp_path.iterdir()) == []


def test_the_page_has_examples() -> None:
    assert len(PROGRAMS) == 6
    assert len(IN_TESTS) == 1


def test_importing_the_package_loads_nothing() -> None:
    program = (
        "import sys; before = set(sys.modules); import copilot_api; "
        "print(sorted(name for name in set(sys.modules) - before if name.startswith('copilot_api')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['copilot_api', 'copilot_api.version']"


def test_every_public_name_is_there() -> None:
    for name in copilot_api.__all__:
        assert getattr(copilot_api, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = copilot_api.other


# ----------------------------------------------------------------------------------------- create_app


@asynccontextmanager
async def served(app: Any, server: Any = "native") -> AsyncIterator[str]:
    """The app on a real socket, behind a server that knows nothing of it."""
    sockets = bind("127.0.0.1", 0)
    stop, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.ensure_future(
        serve(app, sockets, drain_timeout=5, on_ready=ready.set, lifespan=True, server=server, stop=stop)
    )
    await ready.wait()
    try:
        yield f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    finally:
        stop.set()
        await task


@pytest.mark.parametrize("server", ["native", "uvicorn"])
async def test_mounted_into_starlette(server: str) -> None:
    async def hello(_request: Any) -> PlainTextResponse:
        return PlainTextResponse("hello")

    gateway = create_app(simulate=True)
    app = Starlette(routes=[Route("/", hello), Mount("/a/copilot", gateway)], lifespan=gateway.lifespan)
    async with served(app, server) as url:
        assert (await ask(url, "GET", "/")).text == "hello"
        assert (await ask(url, "GET", "/a/copilot/v1/models")).json["data"]
        assert (await ask(url, "GET", "/a/copilot/")).text == "Server running"
        answer = await ask(url, "POST", "/a/copilot/v1/chat/completions", CHAT | {"stream": True})
        assert answer.body.endswith(b"data: [DONE]\n\n")
        refused = await ask(url, "POST", "/a/copilot/v1/messages", {"model": "x"})
        assert (refused.status, refused.json["type"]) == (400, "error")
        assert (await ask(url, "GET", "/v1/models")).status == 404


async def test_the_guard_stays_with_a_mounted_app() -> None:
    gateway = create_app(simulate=True, api_key=["a-key-of-some-length"])
    app = Starlette(routes=[Mount("/x", gateway)], lifespan=gateway.lifespan)
    async with served(app) as url:
        assert (await ask(url, "GET", "/x/v1/models")).status == 401
        assert (await ask(url, "GET", "/x/v1/models", **{"x-api-key": "a-key-of-some-length"})).status == 200
        assert (await ask(url, "GET", "/x/v1/models", host="evil.example")).status == 421


async def test_alone_under_a_server_and_again() -> None:
    gateway = create_app(simulate=True)
    for _ in range(2):
        async with served(gateway) as url:
            assert (await ask(url, "POST", "/v1/chat/completions", CHAT)).status == 200


async def test_a_mounted_app_without_its_lifespan_says_so() -> None:
    gateway = create_app(simulate=True)
    with pytest.raises(RuntimeError, match=r"lifespan=app\.lifespan"):
        await gateway({"type": "http", "path": "/"}, None, None)  # type: ignore[arg-type]


async def test_what_keeps_it_from_starting_reaches_the_framework(tmp_path: Path) -> None:
    gateway = create_app(Settings(), directory=tmp_path)
    with pytest.raises(StartupError, match="copilot-api auth"):
        async with gateway.lifespan():
            pass
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    await gateway({"type": "lifespan"}, receive, send)
    assert [each["type"] for each in sent] == ["lifespan.startup.failed"]
    assert "copilot-api auth" in sent[0]["message"]


def test_wrong_options_are_told_at_once() -> None:
    with pytest.raises(TypeError, match="no option 'prot'"):
        create_app(prot=1)
    with pytest.raises(TypeError, match="not both"):
        Gateway(Settings(), port=1)


# -------------------------------------------------------------------------------------------- Gateway


async def test_settings_of_ones_own_and_the_account_in_options(
    simulator: SimulatorServer, tmp_path: Path
) -> None:
    urls = dict.fromkeys(("github_url", "github_api_url", "copilot_url"), simulator.url)
    options: dict[str, Any] = {**urls, "github_token": GITHUB_TOKEN, "alias": ("fast=gpt-4.1",)}
    async with Gateway(directory=tmp_path, **options) as gateway:
        answer = await gateway.post("/v1/chat/completions", CHAT | {"model": "fast"})
        assert answer["model"].startswith("gpt-4.1")
        with pytest.raises(RuntimeError, match="simulate=True"):
            _ = gateway.simulator
    # The ledger of the data directory that was given, and nowhere else.
    assert (tmp_path / "ledger.sqlite").exists()


async def test_a_simulated_one_looks_at_nothing_of_this_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / ".local" / "share" / "copilot-api"
    data.mkdir(parents=True)
    (data / "config.toml").write_text("this is no configuration")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COPILOT_API_API_KEY", "a-key-that-would-be-needed")
    monkeypatch.setenv("COPILOT_API_PORT", "no port")
    async with Gateway(simulate=True) as gateway:
        url = await gateway.serve()
        assert (await ask(url, "POST", "/v1/chat/completions", CHAT)).status == 200
    assert [path.name for path in data.iterdir()] == ["config.toml"]


async def test_answers_and_errors_without_a_socket() -> None:
    async with Gateway(simulate=True, api_key=["a-key-of-some-length"]) as gateway:
        assert gateway.url == ""
        assert (await gateway.post("/v1/messages/count_tokens", CHAT))["input_tokens"] > 0
        told = [
            event async for event in gateway.stream("/v1/messages", CHAT | {"max_tokens": 50, "stream": True})
        ]
        assert [told[0]["type"], told[-1]["type"]] == ["message_start", "message_stop"]
        for call in (gateway.post, lambda *given: anext(gateway.stream(*given))):
            with pytest.raises(RequestFailed, match="messages") as failed:
                await call("/v1/chat/completions", {"model": "gpt-4.1"})
            assert failed.value.status == 400
            assert failed.value.body["error"]["type"] == "error"
        # From outside the key is needed all the same.
        assert (await ask(await gateway.serve(), "GET", "/v1/models")).status == 401


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
async def test_what_was_asked_without_a_socket_is_over_when_it_is_whole(path: str) -> None:
    told: list[Entry] = []
    body = CHAT | {"max_tokens": 50, "input": "hello"}
    if path == "/v1/responses":
        del body["messages"], body["max_tokens"]
    async with Gateway(simulate=True, on_summary=told.append) as gateway:
        await gateway.post(path, body)
        async for _ in gateway.stream(path, body | {"stream": True}):
            pass
    assert [(each.outcome, each.streamed) for each in told] == [("complete", False), ("complete", True)]
    assert all(each.output_tokens for each in told)


async def test_leaving_a_stream_early_closes_it_upstream() -> None:
    async with Gateway(simulate=True) as gateway:
        state, faults = gateway.simulator.state, gateway.simulator.faults
        faults.add("/chat/completions", "silence", after_frames=3, seconds=600)
        async with aclosing(gateway.stream("/v1/chat/completions", CHAT | {"stream": True})) as events:  # type: ignore[type-var]
            async for _ in events:
                break
        gone = lambda: any(each.client_gone for each in state.requests)  # noqa: E731
        assert await asyncio.to_thread(state.wait_for, gone)


async def test_pieces_come_as_they_are_made() -> None:
    async with Gateway(simulate=True) as gateway:
        gateway.simulator.faults.add("/chat/completions", "silence", after_frames=3, seconds=600)
        async with aclosing(gateway.stream("/v1/chat/completions", CHAT | {"stream": True})) as events:  # type: ignore[type-var]
            first = await asyncio.wait_for(anext(events), 20)
            assert first["object"] == "chat.completion.chunk"


async def test_served_on_a_port_of_ones_choice() -> None:
    async with Gateway(simulate=True) as gateway:
        url = await gateway.serve()
        assert (await ask(url, "GET", "/v1/models")).status == 200
        assert gateway.url == url
        with pytest.raises(RuntimeError, match="served already"):
            await gateway.serve()
        async with Gateway(simulator=gateway.simulator) as other:
            with pytest.raises(PortTaken, match="in use"):
                await other.serve(int(url.rpartition(":")[2]))
            with pytest.raises(StartupError, match="this machine only"):
                await other.serve(host="0.0.0.0")
    with pytest.raises(ConnectionRefusedError):
        await ask(url, "GET", "/v1/models")


async def test_a_gateway_that_is_not_open_says_so() -> None:
    gateway = Gateway(simulate=True)
    for use in (lambda: gateway.models, lambda: gateway.app, lambda: gateway.inside):
        with pytest.raises(RuntimeError, match="not open"):
            use()


def test_in_the_background_and_its_failures(tmp_path: Path) -> None:
    with BackgroundGateway(simulate=True) as gateway:
        assert request(gateway.url, "GET", "/v1/models").status == 200
        assert gateway.openai_base_url == f"{gateway.url}/v1"
        assert gateway.anthropic_base_url == gateway.url
        assert gateway.models
        with (
            contextlib.ExitStack() as stack,
            pytest.raises(PortTaken),
        ):
            port = int(gateway.url.rpartition(":")[2])
            stack.enter_context(BackgroundGateway(simulate=True, port=port))
    with pytest.raises(StartupError, match="copilot-api auth"):
        BackgroundGateway(Settings(), directory=tmp_path).__enter__()


# ------------------------------------------------------------------------------------- pytest's plugin

pytest_plugins = ["pytester"]

ALONE = ("-p", "no:schemathesis", "-p", "no:asyncio", "-p", "no:xdist")
"""Without the plugins of this project's own tests."""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Run a test module as somebody else's project would."""
    monkeypatch.setenv("HOME", str(pytester.path))

    def run_module(text: str) -> pytest.RunResult:
        pytester.makepyfile(text)
        return pytester.runpytest_subprocess(*ALONE, "--strict-markers", "-W", "error")

    return run_module


def test_plugin_example_of_the_page(run: Any) -> None:
    run(IN_TESTS[0]).assert_outcomes(passed=2)


def test_plugin_gives_each_test_a_gateway_of_its_own(run: Any) -> None:
    text = f"""
import asyncio, json, urllib.request

CHAT = {json.dumps(CHAT | {"max_tokens": 50})}

def post(url):
    head = {{"content-type": "application/json"}}
    asked = urllib.request.Request(url, json.dumps(CHAT).encode(), head)
    with urllib.request.urlopen(asked) as answer:
        return json.loads(answer.read())

def test_first(copilot_gateway, copilot_simulator):
    assert copilot_gateway.simulator is copilot_simulator
    assert post(copilot_gateway.openai_base_url + "/chat/completions")["choices"]
    assert len(copilot_simulator.state.billed) == 1

def test_second(copilot_gateway):
    assert copilot_gateway.simulator.state.billed == []
    assert post(copilot_gateway.anthropic_base_url + "/v1/messages")["type"] == "message"

def test_with_a_loop_that_runs(copilot_gateway):
    async def ask():
        return await asyncio.to_thread(post, copilot_gateway.url + "/chat/completions")
    assert asyncio.run(ask())["choices"]
"""
    run(text).assert_outcomes(passed=3)


def test_plugin_says_what_its_fixtures_are(pytester: pytest.Pytester) -> None:
    told = pytester.runpytest_subprocess("--fixtures", *ALONE)
    told.stdout.fnmatch_lines(["copilot_simulator*", "copilot_gateway*"])
    told = pytester.runpytest_subprocess("--markers", *ALONE)
    told.stdout.fnmatch_lines(["@pytest.mark.copilot_gateway(*"])
