"""The token in the system's keyring, by a keyring of the test's own (R-07)."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from copilot_api.github.credentials import CredentialProblem, TokenFile, token_store
from copilot_api.redaction import Secret

TOKEN = Secret("gho_ofTheKeyring0123456789")


class Ring:
    """What the package `keyring` has: three functions over names."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}
        self.broken = False

    def module(self) -> SimpleNamespace:
        return SimpleNamespace(
            get_password=self.get, set_password=self.set, delete_password=lambda *name: self.held.pop(name)
        )

    def get(self, *name: str) -> str | None:
        self.check()
        return self.held.get((name[0], name[1]))

    def set(self, service: str, name: str, value: str) -> None:
        self.check(value)
        self.held[service, name] = value

    def check(self, value: str = "") -> None:
        if self.broken:
            raise RuntimeError(f"locked {value}")


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Ring:
    ring = Ring()
    monkeypatch.setitem(sys.modules, "keyring", ring.module())
    return ring


def test_r07_the_token_is_in_the_keyring_and_in_no_file(ring: Ring, tmp_path: Path) -> None:
    store = token_store(tmp_path, in_keyring=True)
    assert store.read() is None
    assert not store.exists()
    assert store.write(TOKEN)
    assert ring.held == {("copilot-api", "github_token"): TOKEN.reveal()}
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.read_text()] == []
    assert token_store(tmp_path, in_keyring=True).read() == TOKEN
    assert store.exists()


def test_a_token_of_the_file_is_used_and_moves_at_the_next_sign_in(ring: Ring, tmp_path: Path) -> None:
    TokenFile(tmp_path).write(Secret("gho_ofTheFile"))
    store = token_store(tmp_path, in_keyring=True)
    assert store.read() == Secret("gho_ofTheFile")
    store.write(TOKEN)
    assert not TokenFile(tmp_path).exists()
    assert store.read() == TOKEN


def test_r07_signing_out_erases_it_everywhere(ring: Ring, tmp_path: Path) -> None:
    store = token_store(tmp_path, in_keyring=True)
    assert not store.erase()
    store.write(TOKEN)
    TokenFile(tmp_path).write(TOKEN)
    assert store.erase()
    assert ring.held == {}
    assert not store.exists()


def test_r08_a_keyring_that_is_locked_is_said_without_the_token(
    ring: Ring, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = token_store(tmp_path, in_keyring=True)
    ring.broken = True
    assert not store.write(TOKEN)
    with pytest.raises(CredentialProblem, match="unlock it"):
        store.read()
    assert not store.exists()
    assert "RuntimeError" in caplog.text
    assert TOKEN.reveal() not in caplog.text


def test_without_the_package_the_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(CredentialProblem, match=r"pip install 'copilot-api-gateway\[keyring\]'"):
        token_store(tmp_path, in_keyring=True)
