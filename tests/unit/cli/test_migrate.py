"""`copilot-api migrate`: what is found in homes of every kind, and that nothing is written without a yes."""

from __future__ import annotations

import hashlib
import io
import json
import plistlib
import re
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from copilot_api.cli.main import main
from copilot_api.cli.migrate import DIFFERENCES
from copilot_api.configuration import load
from copilot_api.github.credentials import data_directory

ROOT = Path(__file__).resolve().parents[3]
KEY, OTHER_KEY, TOKEN = "fork-key-one-123456", "fork-key-two-123456", "ghu_oldtoken00000000000000000000000000"
FORK = {
    "auth": {"apiKeys": [KEY, f" {OTHER_KEY} ", KEY, 7, ""]},
    "apiKey": KEY,
    "modelAliases": {"fast": "gpt-5-mini", "Big": {"target": "claude-opus-4.6", "allowOriginal": True}},
    "modelMappings": {"third": "gpt-4.1", "bad": 7, "": "x"},
    "smallModel": "gpt-5-mini",
    "extraPrompts": {"gpt-5-mini": "a long prompt that nobody needs to see"},
}


class Home:
    """A home that a test makes, and the command in it."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self.data = data_directory(path)
        self._capsys = capsys

    def write(self, name: str, content: Any) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    def run(self, *words: str) -> tuple[int, str, str]:
        code = main(["migrate", *words])
        out, err = self._capsys.readouterr()
        return code, out, err

    def look(self) -> dict[str, dict[str, str]]:
        """What is found, by kind."""
        code, out, err = self.run("--dry-run", "--json")
        assert (code, err) == (0, "")
        told = json.loads(out)
        assert told["done"] is False
        return {each["kind"]: each for each in told["found"]}

    def digest(self) -> dict[str, str]:
        files = (path for path in self.path.rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Home:
    path = tmp_path / "home"
    path.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(path))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("PATH", str(path / "bin"))
    names = ("CI", "TEST", "DEBUG", "COPILOT_API_HOME", "COPILOT_API_ENTERPRISE_URL", "COPILOT_API_KEY")
    for name in (*names, "CLAUDE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(path)
    return Home(path, capsys)


def in_data(name: str) -> str:
    return f".local/share/copilot-api/{name}"


# ------------------------------------------------------------------------------------------ what is found


def test_an_empty_home(home: Home) -> None:
    code, out, err = home.run()
    assert (code, err) == (0, "")
    assert "Nothing of 0.7.0 or its forks was found" in out
    assert "There is nothing to carry over" in out
    assert list(home.path.iterdir()) == []


def test_the_home_of_0_7_0(home: Home) -> None:
    home.write(in_data("github_token"), TOKEN)
    before = home.digest()
    code, out, _ = home.run()
    assert code == 0
    assert "you stay signed in" in out
    assert TOKEN not in out
    assert home.digest() == before


def test_settings_of_a_fork(home: Home) -> None:
    home.write(in_data("config.json"), FORK)
    home.write(in_data("tokens/github_ann"), TOKEN)
    code, out, err = home.run("--dry-run")
    assert (code, err) == (0, "")
    for text in ("2 client keys", "fast = gpt-5-mini", "Big = claude-opus-4.6", "third = gpt-4.1"):
        assert text in out
    assert "smallModel of a fork: has no counterpart" in out
    assert "auth --profile NAME" in out
    for secret in (KEY, OTHER_KEY, TOKEN, "a long prompt"):
        assert secret not in out


@pytest.mark.parametrize("content", ["{not json", "[1, 2]", "[" * 100_000, ""])
def test_settings_that_cannot_be_read_are_left_alone(home: Home, content: str) -> None:
    home.write(in_data("config.json"), content)
    found = home.look()
    assert found.get("config", {}).get("advice", "left alone") == "left alone"
    assert ("config" in found) is bool(content)


def test_packages_and_programs_of_npm(home: Home) -> None:
    package = ".npm/_npx/0a1b/node_modules/@nick3/copilot-api/package.json"
    home.write(package, {"name": "@nick3/copilot-api", "version": "1.6.3"})
    program = home.write("bin/copilot-api", "#!/usr/bin/env node\n")
    found = home.look()
    assert "@nick3/copilot-api 1.6.3" in found["npx"]["detail"]
    assert found["program"]["place"] == str(program)
    home.write("bin/copilot-api", f"#!{sys.executable}\n")
    assert "program" not in home.look()


UNIT = "[Service]\nExecStart=/usr/bin/npx copilot-api@latest start --port 4141\n"


@pytest.mark.parametrize(
    ("unit", "is_old"),
    [
        (UNIT, True),
        ("[Service]\nExecStart=/usr/bin/bun run /opt/copilot-api/dist/main.js start\n", True),
        ("[Service]\nExecStart=/home/ann/.local/bin/copilot-api start\n", False),
        (f"# Written by copilot-api service install (0.8.0)\n{UNIT}", False),
        ("[Service]\nExecStart=/usr/bin/node server.js\n", False),
    ],
)
def test_units_of_systemd(home: Home, unit: str, is_old: bool) -> None:
    home.write(".config/systemd/user/copilot.service", unit)
    assert ("systemd" in home.look()) is is_old


def test_processes_of_pm2(home: Home) -> None:
    processes = [
        {"name": "web", "pm_exec_path": "/srv/web.js", "args": ["start"]},
        {"name": "gateway", "pm_exec_path": "/usr/bin/npx", "args": ["copilot-api", "start", "-p", "8080"]},
    ]
    home.write(".pm2/dump.pm2", processes)
    found = home.look()["pm2"]
    assert found["detail"] == "PM2 starts gateway"
    assert "copilot-api service install -- -p 8080" in found["advice"]
    home.write(".pm2/dump.pm2", "no json")
    assert "pm2" not in home.look()


def test_agents_of_launchd(home: Home) -> None:
    agent = {"Label": "x", "ProgramArguments": ["/opt/homebrew/bin/npx", "copilot-api", "start"]}
    home.write("Library/LaunchAgents/x.plist", plistlib.dumps(agent))
    home.write("Library/LaunchAgents/broken.plist", b"no plist")
    assert home.look()["launchd"]["place"].endswith("x.plist")


def test_containers_of_this_directory(home: Home) -> None:
    home.write("docker-compose.yml", "volumes:\n  - ./copilot-data:/root/.local/share/copilot-api\n")
    home.write("copilot-data/github_token", TOKEN)
    found = home.look()
    assert "GH_TOKEN" in found["compose"]["advice"]
    assert found["volume"]["place"] == str(home.path / "copilot-data")


@pytest.mark.parametrize(
    ("url", "token", "keys", "advice"),
    [
        ("http://localhost:4141", "dummy", False, "works as it is"),
        ("http://127.0.0.1:8080", "dummy", False, "works as it is"),
        ("http://localhost:4141", "dummy", True, "its token is refused"),
        ("http://localhost:4141", KEY, True, "works as it is"),
        ("http://192.168.0.9:4141", "dummy", False, "--host"),
        ("https://api.anthropic.com", "dummy", False, ""),
        ("no url at all", "dummy", False, ""),
    ],
)
def test_settings_of_claude_code(home: Home, url: str, token: str, keys: bool, advice: str) -> None:
    variables = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_AUTH_TOKEN": token}
    home.write(".claude/settings.json", {"env": variables})
    if keys:
        home.write(in_data("config.json"), FORK)
    found = home.look()
    assert ("client" in found) is bool(advice)
    assert advice in found.get("client", {}).get("advice", "")


# ---------------------------------------------------------------------------------------- what is carried


def test_nothing_is_written_without_a_yes(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write(in_data("config.json"), FORK)
    before = home.digest()
    code, _, err = home.run()
    assert code == 1
    assert "--yes" in err
    assert home.run("--dry-run")[0] == 0

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for answer in ("n\n", "\n", ""):
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        code, out, _ = home.run()
        assert code == 1
        assert "? Carry this over? (y/N)" in out
    assert home.digest() == before
    monkeypatch.setattr("sys.stdin", Terminal("yes\n"))
    assert home.run()[0] == 0
    assert home.digest() != before


def test_names_and_keys_of_a_fork_are_carried_over(home: Home) -> None:
    fork = home.write(in_data("config.json"), FORK)
    config = home.write(in_data("config.toml"), '# mine\nport = 8080\n\n[aliases]\nFAST = "gpt-4.1"\n')
    before = config.read_text(encoding="utf-8")
    code, out, err = home.run("--yes")
    assert code == 0
    assert KEY not in out + err
    settings = load({}, {}, home.data).settings
    assert settings.port == 8080
    # A name of this program's own config file stays what it is.
    assert settings.aliases["fast"] == "gpt-4.1"
    assert (settings.aliases["big"], settings.aliases["third"]) == ("claude-opus-4.6", "gpt-4.1")
    assert [key.reveal() for key in settings.api_key] == [KEY, OTHER_KEY]
    assert config.read_text(encoding="utf-8").startswith("# mine\nport = 8080\n")
    assert (home.data / "config.toml.before-migrate").read_text(encoding="utf-8") == before
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert json.loads(fork.read_text(encoding="utf-8")) == FORK
    # Once is enough.
    code, out, _ = home.run("--yes", "--json")
    assert code == 0
    assert json.loads(out)["changes"] == []


def test_another_data_directory_and_host(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write("elsewhere/github_token", TOKEN)
    monkeypatch.setenv("COPILOT_API_HOME", str(home.path / "elsewhere"))
    monkeypatch.setenv("COPILOT_API_ENTERPRISE_URL", "https://acme.ghe.com/")
    code, out, _ = home.run("--yes", "--json")
    assert code == 0
    assert json.loads(out)["done"] is True
    assert TOKEN not in out
    token = home.data / "github_token"
    assert token.read_text(encoding="utf-8") == TOKEN
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert load({}, {}, home.data).settings.github_host == "acme.ghe.com"
    # A token that is there already is not replaced.
    home.write("elsewhere/github_token", "ghu_another")
    assert json.loads(home.run("--yes", "--json")[1])["changes"] == []
    assert token.read_text(encoding="utf-8") == TOKEN


def test_a_config_file_with_faults_is_not_touched(home: Home) -> None:
    home.write(in_data("config.json"), FORK)
    config = home.write(in_data("config.toml"), "port = = 1\n")
    code, _, err = home.run("--yes")
    assert code == 1
    assert "cannot be read" in err
    assert config.read_text(encoding="utf-8") == "port = = 1\n"


# ------------------------------------------------------------------------------------------------ the page


def test_the_differences_are_those_of_the_page(home: Home) -> None:
    page = (ROOT / "docs/migration.md").read_text(encoding="utf-8")
    section = page.partition("## Three differences that may need a hand")[2].partition("\n## ")[0]
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split(" | "))
        for line in section.splitlines()
        if re.match(r"\| (?!you had|---)", line)
    ]
    assert tuple(rows) == DIFFERENCES
    out = home.run()[1]
    assert all(had in out and now in out for had, now, _ in DIFFERENCES)
