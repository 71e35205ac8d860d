"""What large, many and slow clients cost, at the real program under both servers (R-14 to R-16, R-52)."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.descriptors import count_descriptors
from tests.support.http import request
from tests.support.process import GatewayProcess, clean_environment
from tests.support.raw_http import PATIENCE, Cut, RawConnection, exchange

JSON = ("Content-Type", "application/json")
CHAT = json.dumps({"model": "gpt-4.1", "messages": [{"role": "user", "content": "Say hello."}]}).encode()
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
MIB = 1024 * 1024
LIMIT = 32 * MIB
"""Bytes of a body, by default (reliability.md 2)."""

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, sets limits")


@pytest.fixture(scope="module")
def gateway(either: GatewayProcess) -> GatewayProcess:
    return either


def ask(gateway: GatewayProcess) -> int:
    return request(gateway.url, "POST", "/v1/chat/completions", CHAT).status


def connect(gateway: GatewayProcess) -> RawConnection:
    return RawConnection(("127.0.0.1", gateway.port))


def resident(gateway: GatewayProcess, which: str = "VmRSS") -> int:
    """Bytes of memory that the process holds, or with ``VmHWM`` held at the most."""
    status = Path(f"/proc/{gateway.process.pid}/status").read_text(encoding="ascii")
    return 1024 * int(next(line for line in status.split("\n") if line.startswith(which)).split()[1])


def forgotten_peak(gateway: GatewayProcess) -> int:
    """Have the kernel count the peak from now on, and return what is held now (proc(5), clear_refs)."""
    Path(f"/proc/{gateway.process.pid}/clear_refs").write_text("5", encoding="ascii")
    return resident(gateway)


@linux
@pytest.mark.usefixtures("nothing_upstream")
def test_r14_an_announced_body_of_10_gib_is_refused_at_once(gateway: GatewayProcess) -> None:
    before = forgotten_peak(gateway)
    with connect(gateway) as connection:
        connection.send(POST + b"Content-Length: 10737418240\r\n\r\n")
        response = connection.response()
    assert response.status == 413
    assert str(LIMIT) in response.body.decode()
    assert resident(gateway, "VmHWM") - before < 8 * MIB


@linux
@pytest.mark.usefixtures("nothing_upstream")
def test_r14_an_endless_chunked_body_is_refused_soon_after_the_limit(gateway: GatewayProcess) -> None:
    before = forgotten_peak(gateway)
    chunk = b"%x\r\n%s\r\n" % (MIB, b"x" * MIB)
    sent = 0
    with connect(gateway) as connection:
        connection.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while sent < 4 * LIMIT and not select.select([connection.socket], [], [], 0)[0]:
                connection.send(chunk)
                sent += MIB
        with contextlib.suppress(Cut):
            assert connection.response().status == 413
    # What the kernel holds between the two processes is sent too.
    assert sent <= LIMIT + 24 * MIB
    assert resident(gateway, "VmHWM") - before <= LIMIT + 8 * MIB


@pytest.mark.usefixtures("nothing_upstream")
def test_r14_2_mb_of_headers_are_refused(gateway: GatewayProcess) -> None:
    status = 0
    with connect(gateway) as connection:
        with contextlib.suppress(ConnectionError):
            connection.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-Pad: " + b"p" * 2 * MIB)
        with contextlib.suppress(Cut, ConnectionError):
            status = connection.response().status
    # uvicorn has one answer for all that h11 does not read, and may reset before it was seen.
    assert status in ({431} if "native" in gateway.command else {0, 400, 431})


def test_r14_an_image_of_20_mib_passes_unshortened(
    gateway: GatewayProcess, simulator: SimulatorServer
) -> None:
    image = "data:image/png;base64," + base64.b64encode(os.urandom(15 * MIB)).decode()
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": image}}]
    body = json.dumps({"model": "gpt-4.1", "messages": [{"role": "user", "content": content}]}).encode()
    assert len(body) > 20 * MIB
    response = exchange(("127.0.0.1", gateway.port), "POST", "/v1/chat/completions", JSON, body=body)
    assert response.status == 200
    assert any(image.encode() in each.body for each in simulator.state.requests)
    simulator.state.requests.clear()


def test_r15_dripping_clients_harm_nobody(gateway: GatewayProcess) -> None:
    """That they are cut in time is shown with the figures of the defaults in virtual time, in Rust; uvicorn
    has no limit for a header section."""
    heads = [connect(gateway) for _ in range(50)]
    bodies = [connect(gateway) for _ in range(10)]
    try:
        for connection in bodies:
            connection.send(POST + b"Content-Length: 1000\r\n\r\n")
        for _ in range(5):
            for connection in (*heads, *bodies):
                connection.send(b"P")
            assert ask(gateway) == 200
    finally:
        for connection in (*heads, *bodies):
            connection.close()
    assert ask(gateway) == 200


def test_r16_1000_idle_connections_are_in_nobodys_way(gateway: GatewayProcess) -> None:
    idle = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(1000)]
    try:
        for _ in range(3):
            assert ask(gateway) == 200
    finally:
        for each in idle:
            each.close()
    assert ask(gateway) == 200


@linux
@pytest.mark.parametrize("server", ["native", "uvicorn"])
def test_r16_out_of_descriptors_nothing_dies(simulator: SimulatorServer, tmp_path: Path, server: str) -> None:
    made = GatewayProcess(tmp_path, simulator.url, "--server", server)
    made.command = ["sh", "-c", 'ulimit -n 96 && exec "$@"', "sh", *made.command]
    with made as gateway:
        assert ask(gateway) == 200
        crowd = [socket.create_connection(("127.0.0.1", gateway.port), PATIENCE) for _ in range(150)]
        deadline = time.monotonic() + PATIENCE
        while count_descriptors(gateway.process.pid) < 95:
            assert time.monotonic() < deadline, count_descriptors(gateway.process.pid)
        crowd[0].sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert crowd[0].recv(12) == b"HTTP/1.1 200"
        late = crowd[-1]
        late.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for each in crowd[:-1]:
            each.close()
        assert late.recv(12) == b"HTTP/1.1 200"
        late.close()
        assert ask(gateway) == 200
        assert gateway.process.poll() is None


# -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_r52_localhost_is_served_by_either_family(gateway: GatewayProcess, host: str) -> None:
    try:
        connection = RawConnection((host, gateway.port))
    except OSError:
        assert host == "::1"
        pytest.skip("no IPv6 here")
    with connection:
        connection.request("GET", "/v1/models")
        assert connection.response().status == 200


WITHOUT_IPV6 = """
import fcntl, http.client, pathlib, re, socket, struct, subprocess, sys
# The loopback interface of a new namespace is down.
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 0x49))
for name in ("all", "lo"):
    pathlib.Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
try:
    socket.create_server(("::1", 0), family=socket.AF_INET6)
except OSError:
    pass
else:
    sys.exit("there is IPv6")
command = [sys.executable, "-m", "copilot_api", "start", "--port", "0", "--simulate", *sys.argv[1:]]
with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
    for line in process.stdout:
        print(line, end="", flush=True)
        if found := re.search(r"Listening on: http://localhost:([0-9]+)/", line):
            break
    connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=30)
    connection.request("GET", "/v1/models")
    print("status", connection.getresponse().status, flush=True)
    process.terminate()
    for line in process.stdout:
        print(line, end="")
sys.exit(process.returncode)
"""


def can_unshare() -> bool:
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("server", ["native", "uvicorn"])
def test_r52_a_machine_without_ipv6_logs_a_note_only(tmp_path: Path, server: str) -> None:
    if not can_unshare():
        pytest.skip("no network namespace can be made here: root of Linux and unshare of util-linux do it")
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", WITHOUT_IPV6, "--server", server],
        env=clean_environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No IPv6 loopback here" in done.stdout
    assert "status 200" in done.stdout
    assert "Traceback" not in done.stdout
