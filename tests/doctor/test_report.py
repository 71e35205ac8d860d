"""`copilot-api report`: what helps is in it; no secret, no prompt, no name of anybody is."""

from __future__ import annotations

import getpass
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from copilot_api.github.credentials import TokenFile, data_directory
from copilot_api.redaction import Secret
from copilot_api.simulator import SimulatorServer
from copilot_api.version import VERSION
from tests.support.http import request
from tests.support.marks import ALL, COPILOT, GITHUB, KEY, PROMPT, WRONG_KEY, found_in
from tests.support.process import GatewayProcess

NAMES = ("MarkOfAMachine", "markofauser", "MarkOfAnAccount", "markofacompany", "markofatenant")
SECRETS = ("MarkOfAnother", "MarkOfAProxyPassword", "MarkOfAStorePassword", "MarkOfAStoredKey", *ALL)

LOG = f"""\
ℹ Logged in as MarkOfAnAccount
ℹ Please enter the code "MARK-CODE" in https://github.com/login/device
<-- POST /v1/chat/completions?key={KEY}
--> POST /v1/chat/completions?key={KEY} 200 12ms
failure class=connect_failed origin=network cause="cannot reach api.githubcopilot.com"
Authorization: Bearer {COPILOT}
x-api-key: {WRONG_KEY}
for MarkOfAnAccount at MarkOfAMachine in /home/markofauser/work with {GITHUB}
"""


def run(
    home: Path, upstream: str, *words: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    gateway = GatewayProcess(home, upstream, token=None, environment=environment)
    return subprocess.run(
        [sys.executable, "-m", "copilot_api", "report", *words],
        env=gateway.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=cwd or home,
    )


@pytest.fixture
def full_of_secrets(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A home in which everything holds something that nobody may see, and an environment alike."""
    home = tmp_path / "markofauser"
    home.mkdir()
    directory = data_directory(home, {})
    assert TokenFile(directory).write(Secret(GITHUB))
    (directory / "config.toml").write_text(
        f'api_key = ["{KEY}", "MarkOfAnother-key-0123456789"]\nbudget = ["key=MarkOfAnAccount: $5/month"]\n'
        'public_host = ["MarkOfAMachine"]\ngithub_host = "markofatenant.ghe.com"\nproxy_env = true\n',
        encoding="utf-8",
    )
    (home / "keys").write_text("MarkOfAStoredKey-0123456789\n", encoding="utf-8")
    (home / "gateway.log").write_text(LOG, encoding="utf-8")
    environment = {
        "GH_TOKEN": "gho_MarkOfAnother0123456789abcdef",
        "COPILOT_API_API_KEY_FILE": str(home / "keys"),
        "HTTPS_PROXY": "http://ann:MarkOfAProxyPassword@proxy.markofacompany.example:3128",
        "COPILOT_API_SHARED": "redis://:MarkOfAStorePassword@store.markofacompany.example/0",
        "USER": "markofauser",
        "SECRET_OF_ANOTHER_PROGRAM": "MarkOfAnother-secret",
        "COPILOT_API_GITHUB_API_URL": "https://api.github.invalid",
    }
    return home, environment


def test_no_secret_and_no_name_is_in_it(
    simulator: SimulatorServer, full_of_secrets: tuple[Path, dict[str, str]]
) -> None:
    home, environment = full_of_secrets
    words = ("--print", "--port", "0", "--log", str(home / "gateway.log"))
    done = run(home, simulator.url, *words, **environment)
    assert done.returncode == 0, done.stderr
    assert found_in(done.stdout + done.stderr, SECRETS) == []
    assert [name for name in NAMES if name.lower() in (done.stdout + done.stderr).lower()] == []
    assert "MARK-CODE" not in done.stdout
    report = json.loads(done.stdout)
    settings = {each["option"]: each["value"] for each in report["settings"]}
    assert settings["api-key"] == "[redacted], [redacted]"
    assert settings["budget"] == settings["public-host"] == "1 values"
    assert settings["github-host"] == "<tenant>.ghe.com"
    assert settings["api-key-file"] == "<home>/keys"
    # What helps is still there.
    wrong = {each["id"]: each["says"] for each in report["doctor"] if each["level"] == "problem"}
    assert "the name <proxy> cannot be resolved" in wrong["proxy-unknown-name"]
    assert "--> POST /v1/chat/completions 200 12ms" in report["log"]
    assert any("class=connect_failed" in line for line in report["log"])
    assert report["log"][0].endswith("Logged in as <account>")


def test_it_is_written_for_this_user_and_says_what_it_holds(
    simulator: SimulatorServer, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    done = run(tmp_path, simulator.url, "--port", "0", cwd=tmp_path / "here")
    assert (done.returncode, done.stderr) == (0, "")
    (file,) = (tmp_path / "here").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.name in done.stdout
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["versions"]["copilot-api"] == VERSION
    assert report["engine"]["tokenizer"].startswith("native")
    assert (report["gateway"], report["log"]) == (None, None)
    assert f"what the doctor finds ({len(report['doctor'])} results)" in done.stdout
    assert "no gateway runs" in done.stdout


def test_counters_of_a_gateway_are_in_it(simulator: SimulatorServer, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, simulator.url) as gateway:
        message = {"role": "user", "content": PROMPT}
        body = {"model": "gpt-4.1", "messages": [message]}
        assert request(gateway.url, "POST", "/v1/chat/completions", body).status == 200
        done = run(tmp_path, simulator.url, "--print", "--port", str(gateway.port))
    report: dict[str, Any] = json.loads(done.stdout)
    assert any(line.startswith("copilot_api_upstream_calls_total") for line in report["gateway"]["counters"])
    assert report["gateway"]["health"]["version"] == VERSION
    assert PROMPT not in done.stdout


def test_who_runs_it_where_is_not_in_it(simulator: SimulatorServer, tmp_path: Path) -> None:
    done = run(tmp_path, simulator.url, "--print", "--port", "0")
    told = json.loads(done.stdout)
    told.pop("versions")
    text = json.dumps(told)
    assert str(tmp_path) not in text
    for name in (getpass.getuser(), socket.gethostname()):
        if len(name) > 2 and name not in ("root", "localhost"):
            assert name not in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--log", "none.log"), "--log none.log cannot be read: No such file"),
        (("--output", "none/report.json"), "cannot be written: No such file"),
    ],
)
def test_what_cannot_be_done_is_one_plain_line(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    done = run(tmp_path, "http://127.0.0.1:9", "--port", "0", *words)
    assert done.returncode == 1
    assert says in done.stderr
    assert done.stderr.strip().count("\n") == 0


def test_the_log_of_the_options_is_in_it(simulator: SimulatorServer, tmp_path: Path) -> None:
    (tmp_path / "gateway.log").write_text("\n".join(f"line {number}" for number in range(300)))
    done = run(tmp_path, simulator.url, "--print", "--port", "0", "--log-file", str(tmp_path / "gateway.log"))
    assert json.loads(done.stdout)["log"] == [f"line {number}" for number in range(100, 300)]
