"""The gateway that has the port, or what has it in its place."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from copilot_api.doctor import ports
from copilot_api.doctor.findings import Finding
from copilot_api.doctor.situation import Situation
from copilot_api.redaction import Secret
from copilot_api.settings import Settings
from copilot_api.simulator import SimulatorServer
from copilot_api.version import VERSION
from tests.doctor.between import answering, listening
from tests.support.process import GatewayProcess


def look(settings: Settings, patience: float = 60.0) -> tuple[dict[str, Finding], ports.Answer | None]:
    """What is found, by check."""
    here = Path()
    found, answer = ports.port(Situation(settings, {}, {}, here, here, patience))
    return {each.check: each for each in found}, answer


def health(**members: object) -> bytes:
    body = json.dumps({"status": "ok", **members}).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return head.encode() + body


def test_a_gateway_that_runs_is_known(gateway: GatewayProcess) -> None:
    found, answer = look(Settings(port=gateway.port))
    assert {each.level for each in found.values()} == {"ok"}
    assert f"(process {gateway.process.pid})" in found["port"].says
    assert answer is not None
    assert answer.health["version"] == VERSION
    assert "copilot_api_failures_total" in answer.metrics


def test_a_gateway_with_a_key_says_little_without_it(simulator: SimulatorServer, tmp_path: Path) -> None:
    key = "MarkOfAKey-0123456789abcdef"
    with GatewayProcess(tmp_path, simulator.url, "--api-key", key) as gateway:
        found, answer = look(Settings(port=gateway.port))
        assert found["gateway"].level == "ok"
        assert answer is not None
        assert answer.health == {"status": "ok"}
        found, answer = look(Settings(port=gateway.port, api_key=(Secret(key),)))
        assert found["gateway"].level == "ok"
        assert answer is not None
        assert answer.health["version"] == VERSION


def test_another_version(tmp_path: Path) -> None:
    with listening(answering(health(version="0.0.1", engine={}))) as port:
        found, _ = look(Settings(port=port))
    assert found["gateway"].cause == "gateway-other-version"


def test_a_component_that_was_rolled_back() -> None:
    engine = {
        "tokenizer": {"implementation": "reference", "reason": "rolled back: panic"},
        "client": {"implementation": "native", "reason": "default"},
    }
    with listening(answering(health(version=VERSION, engine=engine))) as port:
        found, _ = look(Settings(port=port))
    assert found["gateway"].cause == "gateway-rolled-back"
    assert "tokenizer" in found["gateway"].says


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\n{",
        b"",
    ],
)
def test_what_is_no_gateway(answer: bytes) -> None:
    with listening(answering(answer)) as port:
        found, _ = look(Settings(port=port))
    assert found["port"].cause == "port-taken"
    assert f"(process {os.getpid()})" in found["port"].says


def test_what_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found, answer = look(Settings(port=listener.getsockname()[1]), patience=0.2)
    assert found["gateway"].cause == "gateway-silent"
    assert f"(process {os.getpid()})" in found["gateway"].says
    assert answer is None


def test_a_unix_socket_has_no_port(tmp_path: Path) -> None:
    found, _ = look(Settings(unix_socket=str(tmp_path / "x")))
    assert {each.level for each in found.values()} == {"skipped"}
