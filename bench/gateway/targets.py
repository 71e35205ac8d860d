"""What is measured: each target is a name, a way to start it, and the paths it serves."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import peers
from .places import GITHUB_TOKEN, Unavailable

V1 = {"chat": "/v1/chat/completions", "messages": "/v1/messages"}


@dataclass(frozen=True)
class Launch:
    """A program to start in a folder of its own."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """Something a client can talk to instead of the upstream."""

    name: str
    title: str
    kind: str
    """``floor``, ``limit`` (a plain proxy), ``gateway`` (another's) or ``ours``."""
    launch: Callable[[str, int, Path], Launch] | None
    """Upstream's URL, port to listen on, folder to work in; without it clients talk to the upstream."""
    paths: dict[str, str] = field(default_factory=lambda: V1)
    """Where each dialect is served."""
    only: frozenset[str] = frozenset()
    """Scenarios worth running; empty is all."""
    warming: float = 1.0
    """How much longer than others it is warmed up before requests are counted."""


def clean_environment(home: Path) -> dict[str, str]:
    """Only what a program needs to run; nothing that this machine happens to have set."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "HOME": str(home), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


NGINX = """
daemon off; worker_processes 2; worker_rlimit_nofile 20000; {user}
error_log {folder}/error.log; pid {folder}/pid;
events {{ worker_connections 9000; }}
http {{
    access_log off; client_max_body_size 64m; client_body_buffer_size 1m; keepalive_requests 10000000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    upstream pretended {{ server {upstream}; keepalive 4096; keepalive_requests 10000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://pretended; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_buffering off; proxy_read_timeout 300s;
        }}
    }}
}}
"""


def _nginx(upstream: str, port: int, folder: Path) -> Launch:
    # As root the workers would become a user that cannot enter the folder.
    user = "user root root;" if os.geteuid() == 0 else ""
    address = upstream.removeprefix("http://")
    text = NGINX.format(folder=folder, user=user, upstream=address, port=port)
    return Launch(
        [peers.nginx(), "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"], {}, {"nginx.conf": text}
    )


def _predecessor(runtime: Callable[[], str], **environment: str) -> Callable[[str, int, Path], Launch]:
    def launch(upstream: str, port: int, _folder: Path) -> Launch:
        command = [
            runtime(),
            str(peers.predecessor()),
            "start",
            "--port",
            str(port),
            "--github-token",
            GITHUB_TOKEN,
        ]
        return Launch(
            command,
            {"BENCH_UPSTREAM": upstream, "HOST": "127.0.0.1", "NODE_ENV": "production", **environment},
        )

    return launch


LITELLM = """
model_list:
  - model_name: gpt-4.1
    litellm_params: {{model: openai/gpt-4.1, api_base: "{upstream}/v1", api_key: none}}
  - model_name: claude-sonnet-4.6
    litellm_params: {{model: openai/claude-sonnet-4.6, api_base: "{upstream}/v1", api_key: none}}
litellm_settings: {{telemetry: false, use_chat_completions_url_for_anthropic_messages: true}}
"""


def _litellm(upstream: str, port: int, folder: Path) -> Launch:
    command = [
        peers.litellm(),
        "--config",
        str(folder / "config.yaml"),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    # Without the second setting it fetches a table of prices from the internet at start.
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return Launch(
        [*command, "--telemetry", "False"], environment, {"config.yaml": LITELLM.format(upstream=upstream)}
    )


@functools.cache
def _help_of_ours() -> str:
    command = [sys.executable, "-m", "copilot_api", "start", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise Unavailable(f"ours does not start: {last[0] if last else 'no word why'}")
    return done.stdout


# Limits that protect a person's account and would end the larger scenarios; given where this build has them.
RAISED = {"--max-concurrency": "10000", "--max-connections": "10000"}


def _ours(*flags: str) -> Callable[[str, int, Path], Launch]:
    def launch(upstream: str, port: int, _folder: Path) -> Launch:
        known = _help_of_ours()
        for flag in flags:
            if flag.startswith("--") and flag not in known:
                raise Unavailable(f"this build of ours has no option {flag}")
        command = [sys.executable, "-m", "copilot_api", "start", "--port", str(port), *flags]
        for flag, value in RAISED.items():
            command += [flag, value] if flag in known else []
        names = ("GITHUB_URL", "GITHUB_API_URL", "COPILOT_URL")
        environment = {f"COPILOT_API_{name}": upstream for name in names}
        return Launch(command, environment | {"COPILOT_API_GITHUB_TOKEN": GITHUB_TOKEN})

    return launch


PLAIN = {"chat": "/chat/completions"}
MANY = frozenset({"streams-1000", "streams-2000", "silent-4000"})

TARGETS = {
    target.name: target
    for target in (
        Target("direct", "no proxy", "floor", None, PLAIN),
        Target("nginx", "nginx", "limit", _nginx, PLAIN),
        Target("node", "0.7.0 on Node", "gateway", _predecessor(peers.node), warming=4.0),
        Target("bun", "0.7.0 on Bun", "gateway", _predecessor(peers.bun), warming=2.0),
        Target(
            "bun-raised",
            "0.7.0 on Bun, limit raised",
            "gateway",
            _predecessor(peers.bun, BUN_CONFIG_MAX_HTTP_REQUESTS="65000"),
            only=MANY,
        ),
        Target("litellm", "LiteLLM", "gateway", _litellm),
        Target("native", "ours", "ours", _ours("--engine", "native")),
        Target(
            "ordinary",
            "ours, each request decided about",
            "ours",
            _ours("--engine", "native", "--native", "standing=off"),
        ),
        Target("reference", "ours, reference engine", "ours", _ours("--engine", "reference")),
        Target("uvicorn", "ours, under uvicorn", "ours", _ours("--engine", "native", "--server", "uvicorn")),
    )
}
