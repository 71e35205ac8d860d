"""The store that gateways share."""

from __future__ import annotations

import builtins
import importlib.util
import socket
from typing import Any

import pytest

from tests.doctor.between import listening
from tests.doctor.patient import Patient, named

pytestmark = pytest.mark.skipif(importlib.util.find_spec("redis") is None, reason="needs the package redis")


def replying(reply: bytes) -> Any:
    """A store that says the same to every command."""

    def handle(connection: socket.socket) -> None:
        while commands := connection.recv(4096):
            # A command is an array, and each begins so.
            connection.sendall(reply * commands.count(b"*"))

    return handle


@pytest.mark.parametrize(
    ("reply", "causes"),
    [
        (b"+PONG\r\n", set()),
        (b"-NOAUTH Authentication required.\r\n", {"store-refuses"}),
        (b"-ERR unknown command\r\n", {"store-refuses"}),
    ],
)
def test_what_the_store_says(patient: Patient, reply: bytes, causes: set[str]) -> None:
    with listening(replying(reply)) as port:
        password = ":MarkOfAPassword@" if causes else ""
        patient.flags["shared"] = f"redis://{password}127.0.0.1:{port}/0"
        examination = patient.examine()
    assert set(named(examination)) == causes
    assert "MarkOfAPassword" not in str([each.as_members() for each in examination.findings])


def test_a_store_that_is_away(patient: Patient) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        patient.flags["shared"] = f"redis://127.0.0.1:{holder.getsockname()[1]}/0"
        examination = patient.examine()
    assert set(named(examination)) == {"store-away"}
    assert not examination.has_problem


def test_without_its_package(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name == "redis":
            raise ImportError(name)
        return original(name, *rest)

    patient.flags["shared"] = "redis://127.0.0.1/0"
    monkeypatch.setattr(builtins, "__import__", missing)
    assert set(named(patient.examine())) == {"store-package-missing"}
