"""Listening sockets: one port for both families."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from copilot_api.server import sockets


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that is taken at ::1, and there only."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
            yield other.getsockname()[1]
    except OSError:
        pytest.skip("no IPv6 here")


def test_any_port_means_one_that_both_families_have(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, asked = sockets._listen, []

    def listen(host: str, port: int) -> socket.socket:
        asked.append((host, port))
        # The first free port at 127.0.0.1 happens to be the one.
        return plain(host, taken if asked == [("127.0.0.1", 0)] else port)

    monkeypatch.setattr(sockets, "_listen", listen)
    bound = sockets.bind(None, 0)
    try:
        assert [each.getsockname()[0] for each in bound] == ["127.0.0.1", "::1"]
        assert len({each.getsockname()[1] for each in bound}) == 1
        assert asked[:3] == [("127.0.0.1", 0), ("::1", taken), ("127.0.0.1", 0)]
    finally:
        for each in bound:
            each.close()


def test_a_port_that_was_asked_for_is_never_another(taken: int) -> None:
    with pytest.raises(sockets.PortTaken, match=str(taken)):
        sockets.bind(None, taken)
