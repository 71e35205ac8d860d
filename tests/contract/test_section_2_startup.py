"""compat.md section 2: what the program asks GitHub and Copilot, in which order and with which headers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.http import request
from tests.support.process import GITHUB_TOKEN, GatewayProcess

SET_G = {
    "content-type": "application/json",
    "accept": "application/json",
    "authorization": f"token {GITHUB_TOKEN}",
    "editor-version": "vscode/1.104.3",
    "editor-plugin-version": "copilot-chat/0.26.7",
    "user-agent": "GitHubCopilotChat/0.26.7",
    "x-github-api-version": "2025-04-01",
    "x-vscode-user-agent-library-version": "electron-fetch",
}
SET_C = {
    "content-type": "application/json",
    "copilot-integration-id": "vscode-chat",
    "editor-version": "vscode/1.104.3",
    "editor-plugin-version": "copilot-chat/0.26.7",
    "user-agent": "GitHubCopilotChat/0.26.7",
    "openai-intent": "conversation-panel",
    "x-github-api-version": "2025-04-01",
    "x-vscode-user-agent-library-version": "electron-fetch",
}


def paths(simulator: SimulatorServer) -> list[str]:
    return [entry.path for entry in simulator.state.requests]


def holds(headers: dict[str, str], expected: dict[str, str]) -> None:
    assert {name: headers.get(name) for name in expected} == expected


def test_order_and_headers_of_a_start(copilot_simulator: SimulatorServer, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, copilot_simulator.url) as gateway:
        gateway.output.wait_for("Listening on")
        assert paths(copilot_simulator)[-2:] == ["/copilot_internal/v2/token", "/models"]
        exchange, models = copilot_simulator.state.requests[-2:]
        holds(exchange.headers, SET_G)
        holds(models.headers, SET_C)
        assert models.headers["authorization"].startswith("Bearer tid=")

        for _ in range(2):
            request(
                gateway.url,
                "POST",
                "/v1/chat/completions",
                {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hi"}]},
                headers={
                    "cookie": "a=b",
                    "x-api-key": "client-key",
                    "anthropic-version": "2023-06-01",
                    "x-forwarded-for": "1.2.3.4",
                },
            )
        first, second = copilot_simulator.state.requests[-2:]
        holds(first.headers, {**SET_C, "x-initiator": "user"})
        assert first.headers["x-request-id"] != second.headers["x-request-id"]
        allowed = {*SET_C, "authorization", "x-request-id", "x-initiator", "host", "content-length"}
        assert set(first.headers) <= allowed | {"accept", "accept-encoding", "connection"}

        request(gateway.url, "GET", "/usage")
        holds(copilot_simulator.state.requests[-1].headers, SET_G)


def test_device_flow_end_to_end(copilot_simulator: SimulatorServer, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, copilot_simulator.url, token=None) as gateway:
        gateway.output.wait_for("Not logged in, getting new access token")
        gateway.output.wait_for('Please enter the code ".+" in http')
        gateway.output.wait_for("Logged in as ")
        device, first_poll = copilot_simulator.state.requests[:2]
        assert json.loads(device.body) == {"client_id": "Iv1.b507a08c87ecfe98", "scope": "read:user"}
        poll: dict[str, Any] = json.loads(first_poll.body)
        assert poll["grant_type"] == "urn:ietf:params:oauth:grant-type:device_code"
        stored = tmp_path / ".local/share/copilot-api/github_token"
        assert stored.read_text(encoding="utf-8").startswith("ghu_")
        assert stored.stat().st_mode & 0o777 == 0o600
        assert stored.parent.stat().st_mode & 0o777 == 0o700
        secret = stored.read_text(encoding="utf-8")
        assert secret not in gateway.output.text + gateway.errors.text
    with GatewayProcess(tmp_path, copilot_simulator.url, token=None) as gateway:
        gateway.output.wait_for("Logged in as ")
        assert "Not logged in" not in gateway.output.text


def test_d_r3_r43_expired_token_is_renewed_once_and_the_request_repeated(
    copilot_simulator: SimulatorServer, tmp_path: Path
) -> None:
    with GatewayProcess(tmp_path, copilot_simulator.url) as gateway:
        copilot_simulator.revoke_tokens()
        before = len(copilot_simulator.state.requests)
        body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hi"}]}
        assert request(gateway.url, "POST", "/v1/chat/completions", body).status == 200
        assert paths(copilot_simulator)[before:] == [
            "/chat/completions",
            "/copilot_internal/v2/token",
            "/chat/completions",
        ]


def test_r43_a_token_that_is_never_accepted_costs_one_renewal(
    copilot_simulator: SimulatorServer, tmp_path: Path
) -> None:
    with GatewayProcess(tmp_path, copilot_simulator.url) as gateway:
        before = len(copilot_simulator.state.requests)
        copilot_simulator.faults.add(
            path="/chat/completions",
            kind="status",
            status=401,
            body=b"unauthorized: token expired\n",
            times=5,
        )
        body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hi"}]}
        answer = request(gateway.url, "POST", "/v1/chat/completions", body)
        assert answer.status == 401
        assert paths(copilot_simulator)[before:].count("/copilot_internal/v2/token") == 1
        assert paths(copilot_simulator)[before:].count("/chat/completions") == 2


def test_r46_zero_refresh_in_makes_no_loop(tmp_path: Path) -> None:
    with (
        SimulatorServer(refresh_in=0) as simulator,
        GatewayProcess(tmp_path, simulator.url) as gateway,
    ):
        for _ in range(20):
            assert request(gateway.url, "GET", "/v1/models").status == 200
        assert paths(simulator).count("/copilot_internal/v2/token") == 1


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/copilot_internal/v2/token", "Failed to get Copilot token"),
        ("/models", "Failed to get models"),
    ],
)
def test_failure_at_start_is_one_line_and_exit_1(
    copilot_simulator: SimulatorServer, tmp_path: Path, path: str, words: str
) -> None:
    copilot_simulator.faults.add(path=path, kind="status", status=403, body=b'{"message":"no"}', times=9)
    gateway = GatewayProcess(tmp_path, copilot_simulator.url)
    done = subprocess.run(
        gateway.command, env=gateway.environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    lines = [line for line in done.stderr.split("\n") if line.strip()]
    assert len(lines) == 1
    assert words in lines[0]
    assert "Traceback" not in done.stderr
