"""Whose a connection is (R-05)."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from copilot_api.http.peers import Owners

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sock_diag")

NOBODY = 65534


@pytest.fixture
def owners() -> Iterator[Owners]:
    made = Owners()
    yield made
    made.close()


@contextlib.contextmanager
def connection(host: str = "127.0.0.1") -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client's and a server's end."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        socket.create_server((host, 0), family=family) as listener,
        socket.create_connection(listener.getsockname()[:2]) as client,
    ):
        accepted, _ = listener.accept()
        with accepted:
            yield client, accepted


def ends(server: socket.socket) -> tuple[tuple[str, int], tuple[str, int]]:
    return server.getpeername()[:2], server.getsockname()[:2]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_r05_a_connection_has_the_user_of_its_client(owners: Owners, host: str) -> None:
    if ":" in host and not _has_ipv6():
        pytest.skip("no IPv6 here (R-52)")
    with connection(host) as (client, server):
        assert owners.owner(*ends(server)) == os.geteuid()
        assert owners.is_ours(*ends(server))
        client.shutdown(socket.SHUT_WR)
        assert owners.is_ours(*ends(server)), "its process still has it"
        client.close()
        assert not owners.is_ours(*ends(server)), "nobody has it any more, and it would read as root's"


def test_r05_a_listener_at_the_port_of_nobodys_connection_is_not_taken_for_it(owners: Owners) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert not owners.is_ours(listener.getsockname(), ("127.0.0.1", 9))
        port: int = listener.getsockname()[1]
    assert not owners.is_ours(("127.0.0.1", port), ("127.0.0.1", 9))


def test_r05_an_ipv4_client_of_a_socket_for_both_is_found(owners: Owners) -> None:
    if not _has_ipv6():
        pytest.skip("no IPv6 here (R-52)")
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = listener.accept()
            with accepted:
                client, server = ends(accepted)
                assert client[0] == "::ffff:127.0.0.1"
                assert owners.is_ours(client, server)


@pytest.mark.parametrize("address", ["testclient", "", "1.2.3", "::ffff:x.y"])
def test_r05_what_is_no_address_is_nobodys(owners: Owners, address: str) -> None:
    assert not owners.is_ours((address, 1), ("127.0.0.1", 2))


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="only root starts programs as other users"
)
def test_r05_another_users_connection_is_not_ours(owners: Owners) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        script = (
            f"import os, socket, sys; os.setuid({NOBODY});"
            "s = socket.socket(); s.connect(('127.0.0.1', int(sys.argv[1]))); sys.stdin.read()"
        )
        port = str(listener.getsockname()[1])
        with subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", script, port], stdin=subprocess.PIPE
        ) as other:
            accepted, _ = listener.accept()
            with accepted:
                assert owners.owner(*ends(accepted)) == NOBODY
                assert not owners.is_ours(*ends(accepted))
            assert other.stdin is not None
            other.stdin.close()


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
