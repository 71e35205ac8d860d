"""Where the program listens besides a port: a Unix socket, TLS, sockets that a service manager opened."""

from __future__ import annotations

import json
import re
import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import trustme

from copilot_api.simulator import SimulatorServer
from tests.support.process import GatewayProcess, Output
from tests.support.raw_http import RawConnection

CHAT = {"model": "gpt-4.1", "stream": True, "messages": [{"role": "user", "content": "Say hello."}]}
QUESTION = json.dumps(CHAT).encode()


@contextmanager
def listening(made: GatewayProcess, pattern: str, **popen: object) -> Iterator[re.Match[str]]:
    """Run the command of a gateway that does not say a port; give what its listening line says."""
    output = Output()
    with subprocess.Popen(
        made.command, env=made.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **popen
    ) as process:  # type: ignore[call-overload]
        reader = threading.Thread(target=made._read, args=(process.stdout, output), daemon=True)
        reader.start()
        try:
            yield output.wait_for(pattern)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            reader.join()


def answer_over(raw: RawConnection) -> bytes:
    with raw:
        raw.request("POST", "/v1/chat/completions", ("Content-Type", "application/json"), body=QUESTION)
        response = raw.response()
    assert response.status == 200
    return response.body


@pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")
@pytest.mark.parametrize("server", ["native", "uvicorn"])
def test_r05_unix_socket_is_this_users_alone(simulator: SimulatorServer, tmp_path: Path, server: str) -> None:
    path = tmp_path / "gateway.sock"
    made = GatewayProcess(tmp_path, simulator.url, "--unix-socket", str(path), "--server", server)
    with listening(made, f"Listening on: {path}"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert answer_over(RawConnection(str(path))).endswith(b"data: [DONE]\n\n")
    # A socket that nobody serves any more is in nobody's way.
    with listening(made, f"Listening on: {path}"):
        pass


def test_tls(simulator: SimulatorServer, tmp_path: Path) -> None:
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost")
    certificate, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    certificate.write_bytes(b"".join(each.bytes() for each in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())
    arguments = ("--tls-certificate", str(certificate), "--tls-key", str(key))
    made = GatewayProcess(tmp_path, simulator.url, *arguments)
    with listening(made, r"Listening on: https://localhost:(\d+)/") as said:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        url = f"https://localhost:{said[1]}/v1/chat/completions"
        with httpx2.Client(verify=context, trust_env=False) as client:
            response = client.post(url, json=CHAT)
        assert response.status_code == 200
        assert response.text.endswith("data: [DONE]\n\n")
        context.set_alpn_protocols(["h2", "http/1.1"])
        with (
            socket.create_connection(("127.0.0.1", int(said[1]))) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secured,
        ):
            assert secured.selected_alpn_protocol() == "h2"


def test_certificate_that_is_none_is_told_in_a_line(simulator: SimulatorServer, tmp_path: Path) -> None:
    (tmp_path / "chain.pem").write_text("no certificate", encoding="ascii")
    made = GatewayProcess(tmp_path, simulator.url, "--tls-certificate", str(tmp_path / "chain.pem"))
    done = subprocess.run(
        made.command, env=made.environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert "certificate" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="file descriptors")
@pytest.mark.parametrize("server", ["native", "uvicorn"])
def test_socket_activation(simulator: SimulatorServer, tmp_path: Path, server: str) -> None:
    """As systemd does it: the third descriptor listens already (sd_listen_fds(3))."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = opened.getsockname()[1]
        # Connected before anybody serves: nothing is lost while the gateway starts.
        early = RawConnection(("127.0.0.1", port))
        made = GatewayProcess(tmp_path, simulator.url, "--server", server)
        script = (
            "import os, sys; os.dup2(int(sys.argv[1]), 3);"
            "os.environ |= {'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': '1'};"
            "os.execv(sys.argv[2], sys.argv[2:])"
        )
        made.command = [sys.executable, "-c", script, str(opened.fileno()), *made.command]
        with listening(made, rf"Listening on: http://localhost:{port}/", pass_fds=(opened.fileno(),)):
            assert answer_over(early).endswith(b"data: [DONE]\n\n")
