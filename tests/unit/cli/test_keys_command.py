"""``copilot-api keys``: what each command does, says and refuses."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from copilot_api.cli.main import main
from copilot_api.configuration import load
from copilot_api.github.credentials import data_directory
from copilot_api.http.guard import is_loopback
from copilot_api.keys.ring import KeyRing
from copilot_api.keys.store import KeyStore


class Terminal:
    """Runs commands in a home of their own."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self._capsys = capsys

    def run(self, *words: str) -> tuple[int, str, str]:
        code = main(["keys", *words])
        out, err = self._capsys.readouterr()
        return code, out, err

    def json(self, *words: str) -> Any:
        code, out, _ = self.run(*words, "--json")
        assert code == 0
        return json.loads(out)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command sends the package's records to its own terminal, which is gone after the test."""
    logger = logging.getLogger("copilot_api")
    handlers, propagates, level = logger.handlers[:], logger.propagate, logger.level
    yield
    logger.handlers[:], logger.propagate = handlers, propagates
    logger.setLevel(level)


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("CI", "TEST", "DEBUG", "CONSOLA_LEVEL", "NODE_ENV"):
        monkeypatch.delenv(name, raising=False)
    return Terminal(tmp_path, capsys)


def test_r09_a_key_is_shown_once_and_kept_as_a_hash(terminal: Terminal) -> None:
    code, out, err = terminal.run("add", "ann")
    key = next(line for line in out.split("\n") if line.startswith("cak_"))
    assert code == 0
    assert "From now on every request needs a key, also from this machine" in err
    directory = data_directory(terminal.home)
    assert all(key not in path.read_text() for path in directory.iterdir())
    found = KeyRing((), KeyStore(directory)).find(key)
    assert found is not None
    assert (found.name, found.restricted) == ("ann", False)
    _, out, err = terminal.run("add", "bob")
    assert "From now on" not in err
    assert key not in terminal.run("list")[1]


def test_r09_limits_are_kept(terminal: Terminal) -> None:
    options = ("--model", "sonnet,gpt-4.1", "--model=gpt-5*", "--rate", "30/min", "--concurrency", "2")
    told = terminal.json("add", "ann", *options, "--expires", "30d")
    assert told["models"] == ["sonnet", "gpt-4.1", "gpt-5*"]
    assert (told["rate"], told["concurrency"]) == (30, 2)
    assert told["expires"] - told["created"] == 30 * 86400
    listed = terminal.json("list")
    assert listed == [{name: value for name, value in told.items() if name != "key"}]
    shown = terminal.run("list")[1]
    for words in ("ann", "good", "sonnet,gpt-4.1,gpt-5*", "30/min"):
        assert words in shown


def test_r09_revoking_by_name_and_by_id(terminal: Terminal) -> None:
    first, second = terminal.json("add", "ann"), terminal.json("add", "bob")
    code, out, err = terminal.run("revoke", "ann")
    assert (code, f'Key "ann" ({first["id"]}) is revoked.' in out, err) == (0, True, "")
    _, _, err = terminal.run("revoke", second["id"])
    assert "That was the last key" in err
    assert [each["state"] for each in terminal.json("list")] == ["revoked", "revoked"]
    code, _, err = terminal.run("revoke", "ann")
    assert (code, 'no key "ann" to revoke' in err) == (1, True)
    assert terminal.json("add", "ann")["id"] != first["id"]


def test_an_empty_list_says_what_to_do(terminal: Terminal) -> None:
    assert "copilot-api keys add NAME" in terminal.run("list")[1]
    assert terminal.json("list") == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "write `copilot-api keys add NAME`"),
        (("remove", "ann"), "write `copilot-api keys add NAME`"),
        (("add",), "with the name of a person or a tool"),
        (("add", "two", "names"), "with the name of a person or a tool"),
        (("add", "x" * 65), "1 to 64 printable characters"),
        (("add", "\x1b[2J"), "1 to 64 printable characters"),
        (("add", "ann", "--modle", "gpt-4.1"), "--modle means nothing to `keys add`, so nothing was done"),
        (("add", "ann", "--model="), "--model takes a name"),
        (("add", "ann", "--rate", "0"), "as requests a minute, as 60/min"),
        (("add", "ann", "--rate", "5/hour"), "as requests a minute, as 60/min"),
        (("add", "ann", "--concurrency", "many"), "is not a number of requests"),
        (("add", "ann", "--expires", "tomorrow"), "as 45m, 12h, 30d, 8w or 1y"),
        (("list", "ann"), "takes no name"),
        (("list", "--rate", "3"), "--rate means nothing to `keys list`"),
        (("revoke",), "or the key's ID"),
        (("revoke", "nobody"), 'no key "nobody"'),
    ],
)
def test_what_is_not_understood_does_nothing(
    terminal: Terminal, words: tuple[str, ...], message: str
) -> None:
    code, out, err = terminal.run(*words)
    assert code == 1
    assert message in err
    assert out == ""
    assert KeyStore(data_directory(terminal.home)).read()[0] == ()


def test_a_name_is_one_keys_at_a_time(terminal: Terminal) -> None:
    terminal.json("add", "ann")
    code, _, err = terminal.run("add", "ann")
    assert (code, 'there is a key "ann" already' in err) == (1, True)


def test_a_file_that_cannot_be_used_is_one_line(terminal: Terminal) -> None:
    directory = data_directory(terminal.home)
    directory.mkdir(parents=True)
    (directory / "keys.json").write_text('{\n"keys": [\n{}]}')
    for words in (("list",), ("add", "ann"), ("revoke", "ann")):
        code, _, err = terminal.run(*words)
        assert code == 1
        assert 'keys.json cannot be used, line 3: "id" must be a string' in err


def test_the_help_teaches_by_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "--help"]) == 0
    text = capsys.readouterr().out
    for words in ("keys add ann", "--expires 30d", "--rate 30/min", "keys list", "keys revoke ann"):
        assert words in text


# What `start` makes of it


def start(*words: str) -> int:
    return main(["start", "-g", "ghu_x", "--port", "0", *words])


@pytest.mark.parametrize(
    ("key", "why"), [("sk-1234", "has fewer than 16 characters"), ("changeme-changeme", "can be guessed")]
)
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_r09_no_start_beyond_loopback_with_a_weak_key(
    terminal: Terminal, capsys: pytest.CaptureFixture[str], host: str, key: str, why: str
) -> None:
    assert not is_loopback(host)
    good = "f3a91c0de7b5486290b7d1e4"
    assert start("--host", host, "--api-key", good, "--api-key", key) == 1
    err = capsys.readouterr().err
    assert f"key number 2, of --api-key, {why}" in err
    assert "copilot-api keys add" in err
    assert key not in err
    keys = terminal.home / "keys"
    keys.write_text(f"{key}\n")
    assert start("--host", host, "--api-key-file", str(keys)) == 1
    assert f"key number 1, of --api-key-file, {why}" in capsys.readouterr().err


def test_r09_no_start_beyond_loopback_without_a_good_key(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.json("add", "ann")
    terminal.run("revoke", "ann")
    assert start("--host", "0.0.0.0") == 1
    assert "clients need a key: make one with `copilot-api keys add NAME`" in capsys.readouterr().err


def test_trusted_proxies_are_checked(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    assert start("--trusted-proxy", "nowhere") == 1
    assert "--trusted-proxy: 'nowhere' does not appear to be" in capsys.readouterr().err
    made = load({"trusted_proxy": ["10.0.0.0/8", "unix"]}, {}, terminal.home).settings
    assert made.trusted_proxy == ("10.0.0.0/8", "unix")


def test_the_memory_limit_is_a_size(terminal: Terminal) -> None:
    assert load({"memory_limit": "512M"}, {}, terminal.home).settings.memory_limit == 512 << 20
