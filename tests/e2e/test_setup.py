"""``copilot-api setup`` at a gateway that runs: what is shown, asked, written, and taken back."""

from __future__ import annotations

import json
import logging
import os
import pty
import socket
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from copilot_api.cli.main import main
from copilot_api.github.credentials import data_directory
from copilot_api.simulator import SimulatorServer
from tests.support.process import GITHUB_TOKEN, GatewayProcess, clean_environment

KEY = "cak_a-key-that-nobody-may-see-0123456789"


class Terminal:
    """Runs commands in a home of their own, without a terminal."""

    def __init__(self, home: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self.url = url
        self._capsys = capsys

    def run(self, *words: str) -> tuple[int, str, str]:
        code = main(["setup", *words])
        out, err = self._capsys.readouterr()
        return code, out, err

    def json(self, *words: str) -> Any:
        code, out, err = self.run(*words, "--json")
        assert code == 0, err
        return json.loads(out)

    def write(self, name: str, text: str) -> Path:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def terminal(
    tmp_path: Path,
    gateway: GatewayProcess,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Terminal]:
    for name in list(os.environ):
        if name.startswith(("COPILOT_API_", "GH_", "XDG_", "CLAUDE", "CODEX", "ANTHROPIC")) or name == "CI":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COPILOT_API_PORT", str(gateway.port))
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: PTH123, SIM115 - closed with the process
    monkeypatch.chdir(tmp_path)
    logger = logging.getLogger("copilot_api")
    handlers, propagates, level = logger.handlers[:], logger.propagate, logger.level
    yield Terminal(tmp_path, f"http://localhost:{gateway.port}", capsys)
    sys.stdin.close()
    logger.handlers[:], logger.propagate = handlers, propagates
    logger.setLevel(level)


def test_without_a_yes_nothing_is_written(terminal: Terminal) -> None:
    path = terminal.write(".codex/config.toml", 'model = "o3"\n')
    code, out, err = terminal.run("codex")
    assert code == 1
    assert '-model = "o3"' in out
    assert '+model = "gpt-5.5"' in out
    assert f'+base_url = "{terminal.url}/v1"' in out
    assert "Nothing was written. Run it again with --yes" in err
    assert path.read_text() == 'model = "o3"\n'
    assert not (data_directory(terminal.home) / "setup.json").exists()
    assert terminal.run("codex", "--dry-run")[0] == 0
    assert path.read_text() == 'model = "o3"\n'


def test_set_up_twice_and_undone(terminal: Terminal) -> None:
    path = terminal.write(".codex/config.toml", 'model = "o3"\n')
    code, out, _ = terminal.run("codex", "--yes")
    assert code == 0
    assert f"Codex uses the gateway at {terminal.url}" in out
    assert "copilot-api setup --undo codex" in out
    values = tomllib.loads(path.read_text())
    assert values["model_providers"]["copilot-api"]["base_url"] == f"{terminal.url}/v1"
    assert values["model_context_window"] == 272000
    written = path.read_bytes(), path.stat().st_mtime_ns
    code, out, _ = terminal.run("codex")
    assert (code, "Codex is set up already; nothing is to be written" in out) == (0, True)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == written
    code, out, _ = terminal.run("--undo", "codex")
    assert (code, "is as it was, to the byte" in out) == (0, True)
    assert path.read_text() == 'model = "o3"\n'
    code, out, _ = terminal.run("--undo", "codex")
    assert (code, "was not set up by `copilot-api setup`" in out) == (0, True)


def test_all_are_undone_at_once(terminal: Terminal) -> None:
    terminal.write(".claude/settings.json", '{"theme": "dark"}')
    told = terminal.json(
        "claude", "codex", "gemini", "opencode", "aider", "continue", "vscode", "zed", "--yes"
    )
    assert [each["done"] for each in told] == [True] * 8
    listed = {each["client"]: each for each in terminal.json("--list")}
    assert {each["state"] for each in listed.values()} == {"as setup left it"}
    assert terminal.json("--undo", "--dry-run")[0]["files"][0]["changes"]
    undone = terminal.json("--undo")
    assert len(undone) == 8
    left = {path.name for path in terminal.home.iterdir()}
    assert left == {".claude", ".local"}
    assert (terminal.home / ".claude/settings.json").read_text() == '{"theme": "dark"}'
    assert terminal.json("--undo") == []


def test_a_key_is_never_shown(terminal: Terminal) -> None:
    for name in ("claude", "codex", "gemini", "opencode", "aider", "continue", "vscode"):
        code, out, err = terminal.run(name, "--yes", "--key", KEY)
        assert code == 0, err
        assert KEY not in out + err
        assert KEY[4:] not in out + err
        shown = terminal.json(name, "--key", KEY + "-2", "--dry-run")
        assert KEY not in json.dumps(shown)
    files = [path for path in terminal.home.rglob("*") if path.is_file() and KEY in path.read_text()]
    assert len(files) >= 7
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)


def test_a_key_in_a_file_that_others_read_is_said(terminal: Terminal) -> None:
    terminal.write(".codex/config.toml", "# mine\n").chmod(0o644)
    _, _, err = terminal.run("codex", "--yes", "--key", KEY)
    assert "which others can read: chmod 600 it" in err


def test_what_stands_in_the_way_is_said(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = terminal.run("claude", "--yes")
    assert (code, err) == (0, "")
    terminal.run("--undo")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-0123456789abcdef")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    code, _, err = terminal.run("claude", "--yes")
    assert code == 0
    assert "both are sent; unset ANTHROPIC_API_KEY" in err
    assert "export NO_PROXY=localhost" in err
    assert "0123456789abcdef" not in err


def test_a_key_in_a_variable(terminal: Terminal) -> None:
    code, _, err = terminal.run("codex", "--yes", "--key-env", "MINE")
    assert code == 0
    assert "$MINE is not set yet" in err
    assert 'env_key = "MINE"' in (terminal.home / ".codex/config.toml").read_text()


def test_models_and_addresses(terminal: Terminal) -> None:
    terminal.run("codex", "--yes", "--model", "sonnet", "--url", terminal.url + "/")
    values = tomllib.loads((terminal.home / ".codex/config.toml").read_text())
    assert values["model"] == "claude-sonnet-4.6"
    code, _, err = terminal.run("codex", "--model", "gpt-5.45")
    assert (code, "the account has no model gpt-5.45: did you mean gpt-5." in err) == (1, True)


def test_places_of_configurations(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(terminal.home / variable))
    terminal.run("claude", "codex", "opencode", "zed", "vscode", "--yes")
    for name in (
        "CLAUDE_CONFIG_DIR/settings.json",
        "CODEX_HOME/config.toml",
        "XDG_CONFIG_HOME/opencode/opencode.json",
        "XDG_CONFIG_HOME/zed/settings.json",
        "XDG_CONFIG_HOME/Code/User/chatLanguageModels.json",
    ):
        assert (terminal.home / name).is_file(), name


def test_what_was_changed_since_is_said(terminal: Terminal) -> None:
    path = terminal.write(".claude/settings.json", '{\n  "theme": "dark"\n}\n')
    terminal.run("claude", "--yes")
    text = path.read_text()
    path.write_text(text.replace('"ANTHROPIC_MODEL": "claude-sonnet-4.6"', '"ANTHROPIC_MODEL": "mine"'))
    assert {each["client"]: each["state"] for each in terminal.json("--list")}["claude"] == "changed since"
    code, out, _ = terminal.run("--undo")
    assert code == 0
    assert "only what setup wrote is taken out; env.ANTHROPIC_MODEL was changed since and is left" in out
    assert json.loads(path.read_text()) == {"theme": "dark", "env": {"ANTHROPIC_MODEL": "mine"}}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "write `copilot-api setup CLIENT`, with one of claude, codex"),
        (("emacs",), "does not know emacs"),
        (("codex", "--modle", "x"), "--modle is no option of `setup`"),
        (("codex", "--url", "localhost:4141"), "is not an http or https URL"),
        (("codex", "--url", "http://localhost:4141/v1"), "the root, without /v1"),
        (("codex", "--key", "a", "--key-env", "B"), "not both"),
        (("gemini", "codex", "--key-env", "MINE", "--yes"), "--key-env GEMINI_API_KEY"),
        (("zed", "--key", "x"), "--key-env COPILOT_API_API_KEY"),
        (("vscode", "--key-env", "X"), "with --key"),
    ],
)
def test_what_cannot_be_done_is_not_done(terminal: Terminal, words: tuple[str, ...], text: str) -> None:
    code, _, err = terminal.run(*words)
    assert (code, text in err) == (1, True), err
    assert {path.name for path in terminal.home.iterdir()} <= {".local"}


def test_without_a_gateway(
    terminal: Terminal, simulator: SimulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        code, _, err = terminal.run("codex", "--url", url, "--dry-run")
        assert (code, "no gateway answers" in err, "nobody is signed in" in err) == (1, True, True)
        for name in ("GITHUB", "GITHUB_API", "COPILOT"):
            monkeypatch.setenv(f"COPILOT_API_{name}_URL", simulator.url)
        monkeypatch.setenv("GH_TOKEN", GITHUB_TOKEN)
        code, out, err = terminal.run("codex", "--url", url, "--dry-run")
    assert (code, '+model = "gpt-5.5"' in out, "no gateway answers" in err) == (0, True, True)


def test_what_answers_is_no_gateway(terminal: Terminal, simulator: SimulatorServer) -> None:
    code, _, err = terminal.run("codex", "--url", simulator.url)
    assert code == 1
    assert simulator.url in err


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of POSIX")
@pytest.mark.parametrize(("answer", "code", "written"), [("y", 0, True), ("n", 1, False), ("", 1, False)])
def test_it_asks_at_a_terminal(terminal: Terminal, answer: str, code: int, written: bool) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    done = subprocess.run(
        [sys.executable, "-m", "copilot_api", "setup", "codex", "--url", terminal.url],
        stdin=theirs,
        capture_output=True,
        text=True,
        env=clean_environment(terminal.home),
        cwd=terminal.home,
        timeout=60,
        check=False,
    )
    os.close(theirs)
    os.close(ours)
    assert "? Write this for Codex? (y/N)" in done.stdout
    assert done.returncode == code
    assert (terminal.home / ".codex/config.toml").exists() == written
