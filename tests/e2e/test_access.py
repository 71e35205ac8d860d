"""Who gets in, at the real program by real sockets, under both servers (R-01 to R-05)."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.http import raw, request
from tests.support.process import GatewayProcess
from tests.support.raw_http import RawConnection, exchange

CHAT = json.dumps({"model": "gpt-4.1", "messages": [{"role": "user", "content": "Say hello."}]}).encode()
JSON = ("Content-Type", "application/json")
NOBODY = 65534
FOREIGN_ORIGINS = ("https://evil.example", "null", "http://localhost.evil.example")
ROUTES = (
    ("GET", "/"),
    ("GET", "/health"),
    ("GET", "/metrics"),
    ("GET", "/models"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/gpt-4.1"),
    ("GET", "/v1beta/models"),
    ("GET", "/v1beta/models/gpt-4.1"),
    ("GET", "/api/tags"),
    ("GET", "/api/ps"),
    ("GET", "/api/version"),
    ("GET", "/usage"),
    ("GET", "/token"),
    ("GET", "/v1/responses"),
    ("GET", "/nothing/here"),
    ("POST", "/chat/completions"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/embeddings"),
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/count_tokens"),
    ("POST", "/v1/responses"),
    ("POST", "/v1/responses/compact"),
    ("POST", "/v1beta/models/gpt-4.1:generateContent"),
    ("POST", "/v1/models/gpt-4.1:streamGenerateContent"),
    ("POST", "/api/chat"),
    ("POST", "/api/generate"),
    ("POST", "/api/embed"),
    ("POST", "/api/show"),
)


@pytest.fixture(scope="module")
def gateway(either: GatewayProcess) -> GatewayProcess:
    return either


def address(gateway: GatewayProcess) -> tuple[str, int]:
    return "127.0.0.1", gateway.port


def listening(process: int) -> set[tuple[str, int]]:
    """Addresses and ports that a process listens on, as the kernel has them."""
    inodes = {str(each.readlink()) for each in Path(f"/proc/{process}/fd").iterdir()}
    found = set()
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        table = Path(f"/proc/{process}/net/{name}")
        rows = table.read_text(encoding="ascii").split("\n")[1:] if table.exists() else []
        for row in filter(None, rows):
            cells = row.split()
            if cells[3] == "0A" and f"socket:[{cells[9]}]" in inodes:
                ip, _, port = cells[1].partition(":")
                words = [bytes.fromhex(ip[at : at + 8])[::-1] for at in range(0, len(ip), 8)]
                found.add((socket.inet_ntop(family, b"".join(words)), int(port, 16)))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_r01_every_listening_socket_is_loopback(gateway: GatewayProcess) -> None:
    found = listening(gateway.process.pid)
    assert ("127.0.0.1", gateway.port) in found
    assert {host for host, _ in found} <= {"127.0.0.1", "::1"}


@pytest.mark.skipif(sys.platform == "win32", reason="file descriptors")
def test_r01_sockets_of_a_service_manager_beyond_loopback_need_a_key(
    simulator: SimulatorServer, tmp_path: Path
) -> None:
    """As with ``--host``: who opens the socket does not decide who may use the gateway."""
    with socket.create_server(("0.0.0.0", 0)) as opened:
        made = GatewayProcess(tmp_path, simulator.url)
        script = (
            "import os, sys; os.dup2(int(sys.argv[1]), 3);"
            "os.environ |= {'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': '1'};"
            "os.execv(sys.argv[2], sys.argv[2:])"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(opened.fileno()), *made.command],
            env=made.environment,
            pass_fds=(opened.fileno(),),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode != 0
    assert "--api-key" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "127.0.0.1@evil.example",
        "evil.example@127.0.0.1",
        "localhost:1",
        "192.168.1.2:{port}",
        "0.0.0.0:{port}",
    ],
)
@pytest.mark.usefixtures("nothing_upstream")
def test_r02_foreign_names_get_nothing_on_any_path(gateway: GatewayProcess, host: str) -> None:
    named = host.format(port=gateway.port)
    for method, path in ROUTES:
        with RawConnection(address(gateway)) as connection:
            connection.send(
                f"{method} {path} HTTP/1.1\r\nHost: {named}\r\nContent-Length: 0\r\n\r\n".encode()
            )
            response = connection.response(method)
            assert response.status == 421, path
            assert response.closes
            assert b"--public-host" in response.body
            connection.ended()


@pytest.mark.parametrize(
    "head",
    [
        "GET /v1/models HTTP/1.1\r\n",
        "GET /v1/models HTTP/1.0\r\n",
        "GET /v1/models HTTP/1.1\r\nHost:\r\n",
        "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n",
        "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
        "GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n",
        "GET http://evil.example/v1/models HTTP/1.1\r\nHost: evil.example\r\n",
        "GET http://evil.example/v1/models HTTP/1.1\r\nHost: localhost\r\n",
        "GET http://localhost@evil.example/v1/models HTTP/1.1\r\nHost: localhost\r\n",
        "GET evil.example/v1/models HTTP/1.1\r\nHost: localhost\r\n",
        "CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n",
    ],
)
@pytest.mark.usefixtures("nothing_upstream")
def test_r02_missing_and_double_hosts_and_foreign_targets_get_nothing(
    gateway: GatewayProcess, head: str
) -> None:
    answer = raw(gateway.url, f"{head}Connection: close\r\n\r\n".encode(), timeout=20)
    assert answer[9:12] in (b"400", b"421", b"405")
    assert answer.count(b"HTTP/1.") == 1


def test_r02_a_refusal_is_told_to_the_operator(gateway: GatewayProcess) -> None:
    raw(gateway.url, b"GET /v1/models HTTP/1.1\r\nHost: evil.example\r\n\r\n", timeout=20)
    # Our own server tells of one in a second, and how many there were: this or another test's.
    line = r"4\d\d .* \([1-9]\d* requests refused so far\)"
    if "uvicorn" in gateway.command:
        line = "GET /v1/models: 421 the name in the Host header"
    gateway.output.wait_for(line)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST", "LocalHost:{port}", "127.0.0.1", "127.0.0.1:{port}", "[::1]", "[::1]:{port}"],
)
def test_r02_every_legal_spelling_is_served(gateway: GatewayProcess, host: str) -> None:
    named = host.format(port=gateway.port)
    answer = raw(gateway.url, f"GET / HTTP/1.1\r\nHost: {named}\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_r02_an_absolute_target_of_our_own(gateway: GatewayProcess) -> None:
    """Our own server takes it, as RFC 9112 wants; uvicorn gives the app a path that is none."""
    here = f"127.0.0.1:{gateway.port}"
    head = f"GET http://{here}/ HTTP/1.1\r\nHost: {here}\r\nConnection: close\r\n\r\n"
    answer = raw(gateway.url, head.encode())
    expected = b"200" if "native" in gateway.command else b"400"
    assert answer[9:12] == expected


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
@pytest.mark.usefixtures("nothing_upstream")
def test_r03_no_foreign_page_may_read_anything(gateway: GatewayProcess, origin: str) -> None:
    for method, path in ROUTES:
        for asked in (method, "GET", "OPTIONS"):
            preflight = (
                ("Access-Control-Request-Method", method),
                ("Access-Control-Request-Private-Network", "true"),
            )
            response = exchange(
                address(gateway),
                asked,
                path,
                ("Origin", origin),
                *(preflight if asked == "OPTIONS" else ()),
                body=CHAT if asked == "POST" else None,
            )
            assert response.status == 403, (asked, path)
            assert not [name for name, _ in response.headers if name.lower().startswith("access-control-")]


def test_r03_a_page_of_our_own_gets_no_private_network_header(gateway: GatewayProcess) -> None:
    own = f"http://localhost:{gateway.port}"
    response = exchange(
        address(gateway),
        "OPTIONS",
        "/v1/models",
        ("Origin", own),
        ("Access-Control-Request-Private-Network", "true"),
    )
    assert response.header("access-control-allow-origin") == own
    assert response.header("access-control-allow-private-network") is None


@pytest.mark.usefixtures("nothing_upstream")
def test_r04_what_a_page_can_send_without_asking_is_refused(gateway: GatewayProcess) -> None:
    kinds = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", None)
    senders = (
        (("Origin", "https://evil.example"),),
        (("Origin", "null"),),
        (("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")),
        (("Sec-Fetch-Site", "same-site"),),
        (("Sec-Fetch-Site", "none"),),
        (("Sec-Fetch-Site", "same-origin"), ("Origin", f"http://localhost:{gateway.port}")),
        (),
    )
    for path in ("/v1/chat/completions", "/v1/messages", "/v1/responses", "/api/chat", "/v1/embeddings"):
        for kind in (*kinds, "application/json"):
            declared = () if kind is None else (("Content-Type", kind),)
            for sender in senders:
                is_foreign = any(
                    value in ("null", "https://evil.example", "cross-site", "same-site")
                    for _, value in sender
                )
                curl = kind == "application/x-www-form-urlencoded" and not sender
                if not is_foreign and (kind == "application/json" or curl):
                    continue
                response = exchange(address(gateway), "POST", path, *declared, *sender, body=CHAT)
                assert response.status == (403 if is_foreign else 415), (path, kind, sender)


@pytest.mark.usefixtures("nothing_upstream")
def test_r04_a_page_is_refused_before_its_body_is_there(gateway: GatewayProcess) -> None:
    for sender in ("Origin: https://evil.example", "Sec-Fetch-Site: cross-site"):
        with RawConnection(address(gateway)) as connection:
            connection.send(
                b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + sender.encode()
                + b"\r\nContent-Length: 1000000\r\n\r\n{"
            )
            response = connection.response()
            assert response.status == 403
            assert response.closes


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_r04_programs_pass(gateway: GatewayProcess, kind: str) -> None:
    response = exchange(address(gateway), "POST", "/v1/chat/completions", ("Content-Type", kind), body=CHAT)
    assert response.status == 200


# -------------------------------------------------------------------------------------------

AS_USER = """
import http.client, json, os, socket, sys
user, port = (int(each) for each in sys.argv[1:])
os.setuid(user)
for method, path, body in json.load(sys.stdin):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.sock = socket.socket()
    connection.sock.connect(("127.0.0.1", port))
    headers = {"Content-Type": "application/json"} if body else {}
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    print(json.dumps([response.status, response.read().decode()]))
"""

needs_root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root of Linux runs programs as other users"
)


def ask_as(user: int, gateway: GatewayProcess, *asked: tuple[str, str, str | None]) -> list[tuple[int, str]]:
    """Ask from a process of another user."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", AS_USER, str(user), str(gateway.port)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


EVERYTHING = (
    ("GET", "/", None),
    ("GET", "/token", None),
    ("GET", "/usage", None),
    ("GET", "/v1/models", None),
    ("POST", "/v1/chat/completions", CHAT.decode()),
    ("POST", "/v1/messages", CHAT.decode()),
)


@needs_root
@pytest.mark.usefixtures("nothing_upstream")
def test_r05_another_user_gets_403_and_nothing_goes_upstream(gateway: GatewayProcess) -> None:
    for status, body in ask_as(NOBODY, gateway, *EVERYTHING):
        assert status == 403
        assert "--api-key" in body
        assert "tid=" not in body


@needs_root
def test_r05_the_same_user_passes(gateway: GatewayProcess) -> None:
    statuses = [status for status, _ in ask_as(0, gateway, *EVERYTHING[:5])]
    assert statuses == [200] * 5


@needs_root
@pytest.mark.usefixtures("nothing_upstream")
def test_r05_1000_idle_connections_do_not_change_that(gateway: GatewayProcess) -> None:
    idle = [socket.create_connection(address(gateway)) for _ in range(1000)]
    try:
        assert [status for status, _ in ask_as(NOBODY, gateway, *EVERYTHING[:2])] == [403, 403]
        assert request(gateway.url, "GET", "/token").status == 200
    finally:
        for each in idle:
            each.close()


@needs_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv of util-linux starts it as another user")
@pytest.mark.parametrize("server", ["native", "uvicorn"])
def test_r05_a_gateway_of_another_user_refuses_neither_its_own_nor_root(
    simulator: SimulatorServer, tmp_path: Path, server: str
) -> None:
    os.chown(tmp_path, NOBODY, NOBODY)
    made = GatewayProcess(tmp_path, simulator.url, "--server", server)
    # This checkout may lie where only root gets to.
    reading = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    user = (f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    made.command = ["setpriv", *user, *reading, "--", *made.command]
    with made as gateway:
        assert [status for status, _ in ask_as(NOBODY, gateway, *EVERYTHING[:5])] == [200] * 5
        assert [status for status, _ in ask_as(0, gateway, *EVERYTHING[:2])] == [200, 200]
        assert [status for status, _ in ask_as(NOBODY - 1, gateway, *EVERYTHING[:2])] == [403, 403]


@needs_root
@pytest.mark.parametrize("server", ["native", "uvicorn"])
def test_r05_a_key_or_a_word_of_the_user_lets_others_in(
    simulator: SimulatorServer, tmp_path: Path, server: str
) -> None:
    with GatewayProcess(tmp_path, simulator.url, "--server", server, "--api-key", "the-key") as gateway:
        assert [status for status, _ in ask_as(NOBODY, gateway, *EVERYTHING[:2])] == [200, 401]
        assert [status for status, _ in ask_as(NOBODY, gateway, ("GET", "/v1/models?key=the-key", None))] == [
            200
        ]
    with GatewayProcess(tmp_path, simulator.url, "--server", server, "--no-auth") as gateway:
        answers = ask_as(NOBODY, gateway, ("GET", "/v1/models", None), ("GET", "/token", None))
        assert [status for status, _ in answers] == [200, 403]
        assert request(gateway.url, "GET", "/token").status == 200
