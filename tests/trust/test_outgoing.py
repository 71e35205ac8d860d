"""Connections go to the listed hosts and nowhere else, whatever a request or an answer names (R-10)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from copilot_api.app import open_gateway
from copilot_api.gateway.errors import StartupError
from copilot_api.redaction import Secret
from copilot_api.settings import Settings
from tests.support.marks import COPILOT, GITHUB, LEGS, marked, post, request_bytes, send
from tests.support.process import GatewayProcess
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.upstream_steps import whole
from tests.trust.conftest import Side, flags


class Trap:
    """A listener that takes connections, notes what comes first over each, and closes it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.seen: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    line = connection.recv(4096).partition(b"\r\n")[0].decode("latin-1")
                    if line == "stop":
                        return
                    self.seen.append(line)

    def close(self) -> list[str]:
        """Stop, after what came before was noted, and return it."""
        if self._thread.is_alive():
            with socket.create_connection(("127.0.0.1", self.port)) as connection:
                connection.sendall(b"stop\r\n")
            self._thread.join(20)
            self._listener.close()
        return self.seen


@pytest.fixture
def trap() -> Iterator[Trap]:
    made = Trap()
    yield made
    made.close()


def with_urls(dialect: str, model: str, url: str) -> list[tuple[str, dict[str, Any]]]:
    """Requests that name a URL wherever their dialect lets one be named."""
    match dialect:
        case "chat":
            parts = [
                [{"type": "image_url", "image_url": {"url": url}}],
                [{"type": "image_url", "image_url": url}],
                [{"type": "file", "file": {"file_data": url, "file_id": url, "filename": url}}],
                [{"type": "input_audio", "input_audio": {"data": url, "format": "mp3"}}],
                [{"type": "video_url", "video_url": {"url": url}}],
            ]
            bodies: list[dict[str, Any]] = [
                {"messages": [{"role": "user", "content": [{"type": "text", "text": url}, *part]}]}
                for part in parts
            ]
            bodies.append(
                {
                    "messages": [{"role": "user", "content": url}],
                    "tools": [{"type": "mcp", "server_url": url, "server_label": "x"}],
                    "web_search_options": {"url": url},
                    "metadata": {"callback": url},
                }
            )
            return [("/v1/chat/completions", {"model": model, **body}) for body in bodies]
        case "messages":
            blocks: list[dict[str, Any]] = [
                {"type": "image", "source": {"type": "url", "url": url}},
                {"type": "document", "source": {"type": "url", "url": url}},
                {"type": "image", "source": {"type": "file", "file_id": url}},
            ]
            turns = [[{"role": "user", "content": [{"type": "text", "text": url}, each]}] for each in blocks]
            servers = [{"type": "url", "url": url, "name": "x", "authorization_token": "y"}]
            bodies = [{"messages": turn} for turn in turns]
            bodies.append({"messages": [{"role": "user", "content": url}], "mcp_servers": servers})
            return [("/v1/messages", {"model": model, "max_tokens": 9, **body}) for body in bodies]
        case "responses":
            pieces: list[dict[str, Any]] = [
                {"type": "input_image", "image_url": url},
                {"type": "input_file", "file_url": url},
                {"type": "input_image", "file_id": url},
            ]
            bodies = [{"input": [{"role": "user", "content": [piece]}]} for piece in pieces]
            bodies.append({"input": url, "tools": [{"type": "mcp", "server_url": url, "server_label": "x"}]})
            return [("/v1/responses", {"model": model, **body}) for body in bodies]
        case "gemini":
            kinds = [
                {"fileData": {"mimeType": "image/png", "fileUri": url}},
                {"inlineData": {"mimeType": "image/png", "data": url}},
            ]
            path = f"/v1beta/models/{model}:generateContent"
            more = {"tools": [{"urlContext": {}}], "cachedContent": url}
            return [
                (path, {"contents": [{"role": "user", "parts": [{"text": url}, kind]}], **extra})
                for kind in kinds
                for extra in ({}, more)
            ]
        case _:
            message = {"role": "user", "content": url, "images": [url]}
            return [
                ("/api/chat", {"model": model, "stream": False, "messages": [message]}),
                ("/api/generate", {"model": model, "stream": False, "prompt": url, "images": [url]}),
                ("/v1/completions", {"model": model, "prompt": url, "suffix": url}),
                ("/v1/embeddings", {"model": model, "input": [url]}),
            ]


@pytest.mark.parametrize("dialect", ["chat", "messages", "responses", "gemini", "ollama"])
def test_r10_urls_in_requests_are_never_fetched(side: Side, trap: Trap, dialect: str) -> None:
    for model, _ in LEGS.values():
        for url in (f"http://127.0.0.1:{trap.port}/x.png", f"//127.0.0.1:{trap.port}/x.png"):
            for path, value in with_urls(dialect, model, url):
                got = post(side.port, path, value)
                assert got.startswith(b"HTTP/1.1 "), value
    asked = side.upstream.attempts()
    assert trap.close() == []
    assert {attempt.path for attempt in asked} <= {path for _, path in LEGS.values()} | {"/embeddings"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300, 304])
def test_r10_redirects_lead_nowhere(side: Side, trap: Trap, status: int) -> None:
    location = ("location", f"http://127.0.0.1:{trap.port}/")
    moved = (location, ("refresh", f"0;url={location[1]}"), ("alt-svc", f'h2="127.0.0.1:{trap.port}"'))
    for _, path in LEGS.values():
        side.upstream.always(path, *whole(b"", status, moved))
    side.upstream.always("/copilot_internal/user", *whole(b"", status, moved))
    for model, path in LEGS.values():
        value = {"model": model, "messages": [{"role": "user", "content": "x"}], "max_tokens": 9}
        got = post(side.port, "/v1/messages", value)
        assert got.startswith(b"HTTP/1.1 502 "), (path, got[:200])
        assert b"127.0.0.1" not in got
        assert len(side.upstream.attempts(path)) == 1
    assert send(side.port, request_bytes("GET", "/usage")).startswith(b"HTTP/1.1 500 ")
    assert trap.close() == []


@pytest.mark.parametrize("path", ["/copilot_internal/v2/token", "/models"])
def test_r10_redirects_at_the_start_lead_nowhere(
    combination: tuple[str, str], tmp_path_factory: pytest.TempPathFactory, trap: Trap, path: str
) -> None:
    """The first answer is one; where that is a failure that may pass, the start goes on (R-47)."""
    with ScriptedUpstream(marked) as upstream:
        upstream.plan(path, *whole(b"", 302, (("location", f"http://127.0.0.1:{trap.port}/"),)))
        home = tmp_path_factory.mktemp("home")
        gateway = GatewayProcess(home, upstream.url, *flags(*combination), token=GITHUB)
        with contextlib.suppress(AssertionError), gateway:
            pass
        assert upstream.attempts(path)
    assert trap.close() == []


NAMED = {
    "https://api.business.githubcopilot.com": "api.business.githubcopilot.com:443",
    "https://evil.example": "",
    "https://copilot.githubcopilot.com.evil.example": "",
    "https://user@evil.example": "",
    "https://evil.example\\.githubcopilot.com": "",
    "https://api.githubcopilot.com:8443": "",
    "http://api.githubcopilot.com": "",
    "https://127.0.0.1:{port}": "",
    "http://127.0.0.1:{port}": "",
}


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("named", NAMED)
async def test_r10_the_host_in_a_token_answer_is_used_only_if_it_is_listed(
    monkeypatch: pytest.MonkeyPatch, trap: Trap, engine: str, named: str
) -> None:
    """The trap is the proxy that everything encrypted goes through: it is told each host first."""
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{trap.port}")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("npm_config_proxy", "npm_config_https_proxy", "npm_config_http_proxy", "npm_config_noproxy"):
        monkeypatch.delenv(name, raising=False)
    api = named.replace("{port}", str(trap.port))
    token = {"token": COPILOT, "refresh_in": 1500, "expires_at": 4_000_000_000, "endpoints": {"api": api}}
    with ScriptedUpstream(marked) as upstream:
        upstream.always("/copilot_internal/v2/token", *whole(json.dumps(token).encode()))
        settings = Settings(
            engine=engine,
            proxy_env=True,
            github_url=upstream.url,
            github_api_url=upstream.url,
        )
        with pytest.raises(StartupError, match="Failed to get models"):
            async with open_gateway(settings, Secret(GITHUB)):
                pass
        await asyncio.to_thread(upstream.attempt, "/copilot_internal/v2/token")
    seen = await asyncio.to_thread(trap.close)
    expected = NAMED[named] or "api.githubcopilot.com:443"
    assert {*seen} == {f"CONNECT {expected} HTTP/1.1"}
