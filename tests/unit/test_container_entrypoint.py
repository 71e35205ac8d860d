"""docker/entrypoint.sh and docker/healthcheck.py, run as they are, with stand-ins on PATH (compat.md 1.8)."""

from __future__ import annotations

import importlib.util
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a shell script")

DOCKER = Path(__file__).resolve().parents[2] / "docker"
RECORDER = """\
#!{python}
import json, os, sys
print(json.dumps({{"program": os.path.basename(sys.argv[0]), "argv": sys.argv[1:], "env": dict(os.environ)}}))
"""


class Container:
    """A folder that plays the container: a home, and a PATH whose first entry holds the stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.bin = folder / "bin"
        self.data = self.home / ".local/share/copilot-api"
        self.home.mkdir()
        self.bin.mkdir()
        self.stand_in("copilot-api", RECORDER.format(python=sys.executable))
        self.runs_as(1000)

    def stand_in(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def runs_as(self, uid: int) -> None:
        self.stand_in("id", f"#!/bin/sh\n[ $# = 1 ] && echo {uid} || echo 1000\n")

    def run(self, *arguments: str, **environment: str) -> tuple[dict[str, object], str]:
        done = subprocess.run(
            [str(DOCKER / "entrypoint.sh"), *arguments],
            env={"PATH": f"{self.bin}:{os.environ['PATH']}", "HOME": str(self.home), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        *said, record = done.stdout.splitlines()
        return json.loads(record), "\n".join(said)


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path)


@pytest.mark.parametrize(
    ("given", "runs"),
    [
        ([], ["start"]),
        (["--verbose", "--port", "4142"], ["start", "--verbose", "--port", "4142"]),
        (["start", "--verbose", "--port", "4142"], ["start", "--verbose", "--port", "4142"]),
        (["--auth"], ["auth"]),
        (["--auth", "--verbose"], ["auth"]),
        (["auth"], ["auth"]),
        (["debug", "--json"], ["debug", "--json"]),
        (["check-usage"], ["check-usage"]),
        (["-g", "other"], ["start", "-g", "other"]),
        (["--rate-limit", "--auth"], ["start", "--rate-limit", "--auth"]),
        (["--github-token", "a b"], ["start", "--github-token", "a b"]),
    ],
)
def test_arguments(container: Container, given: list[str], runs: list[str]) -> None:
    assert container.run(*given)[0]["argv"] == runs


def environment_of(record: dict[str, object]) -> dict[str, str]:
    environment = record["env"]
    assert isinstance(environment, dict)
    return environment


def test_token_travels_in_the_environment_only(container: Container) -> None:
    record, _ = container.run(GH_TOKEN="ghu_secret")
    assert "ghu_secret" not in json.dumps(record["argv"])
    assert environment_of(record)["COPILOT_API_GITHUB_TOKEN"] == "ghu_secret"
    assert "GH_TOKEN" not in environment_of(record)


def test_own_name_of_the_token_wins(container: Container) -> None:
    record, _ = container.run(GH_TOKEN="old", COPILOT_API_GITHUB_TOKEN="new")
    assert environment_of(record)["COPILOT_API_GITHUB_TOKEN"] == "new"


def test_empty_token_is_no_token(container: Container) -> None:
    assert "COPILOT_API_GITHUB_TOKEN" not in environment_of(container.run(GH_TOKEN="")[0])


def test_first_start_makes_and_prints_a_key(container: Container) -> None:
    record, said = container.run()
    key_file = container.data / "client_key"
    key = key_file.read_text(encoding="ascii")
    assert len(bytes.fromhex(key)) == 24
    assert key in said
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(container.data.stat().st_mode) == 0o700
    assert environment_of(record)["COPILOT_API_API_KEY_FILE"] == str(key_file)


def test_second_start_keeps_the_key_and_is_silent(container: Container) -> None:
    container.run()
    key = (container.data / "client_key").read_text(encoding="ascii")
    record, said = container.run("--verbose")
    assert said == ""
    assert environment_of(record)["COPILOT_API_API_KEY_FILE"] == str(container.data / "client_key")
    assert (container.data / "client_key").read_text(encoding="ascii") == key


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["--api-key", "k"], {}),
        (["--api-key=k"], {}),
        (["--api-key-file", "f"], {}),
        (["--no-auth"], {}),
        ([], {"COPILOT_API_API_KEY": "k"}),
        ([], {"COPILOT_API_API_KEY_FILE": "f"}),
        (["auth"], {}),
        (["debug"], {}),
    ],
)
def test_no_key_is_made_where_none_is_needed(
    container: Container, arguments: list[str], environment: dict[str, str]
) -> None:
    record, said = container.run(*arguments, **environment)
    assert said == ""
    assert not container.data.exists()
    given = environment.get("COPILOT_API_API_KEY_FILE")
    assert environment_of(record).get("COPILOT_API_API_KEY_FILE") == given


def test_root_hands_over_the_volume_and_becomes_the_user(container: Container) -> None:
    container.runs_as(0)
    container.stand_in("setpriv", RECORDER.format(python=sys.executable))
    container.stand_in("chown", f'#!/bin/sh\necho "$@" >"{container.home}/chown"\n')
    record, _ = container.run("--verbose")
    argv = record["argv"]
    assert isinstance(argv, list)
    assert record["program"] == "setpriv"
    assert argv[:5] == ["--reuid", "copilot", "--regid", "copilot", "--init-groups"]
    assert argv[-2:] == [str(DOCKER / "entrypoint.sh"), "--verbose"]
    assert "--no-new-privs" in argv
    assert (container.home / "chown").read_text(encoding="utf-8").split() == [
        "-R",
        "copilot:copilot",
        str(container.data),
    ]


@pytest.fixture(scope="module")
def healthcheck() -> ModuleType:
    spec = importlib.util.spec_from_file_location("healthcheck", DOCKER / "healthcheck.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("command", "environment", "port"),
    [
        ("copilot-api start", {}, 4141),
        ("copilot-api start --port 5000", {}, 5000),
        ("copilot-api start --port=5000", {}, 5000),
        ("copilot-api start -p 5000 --verbose", {}, 5000),
        ("copilot-api start -p5000", {}, 5000),
        ("copilot-api start -vp 5000", {}, 5000),
        ("copilot-api start -p 1 -p 5000", {}, 5000),
        ("copilot-api start --proxy-env", {}, 4141),
        ("copilot-api start", {"COPILOT_API_PORT": "6000"}, 6000),
        ("copilot-api start --port 5000", {"COPILOT_API_PORT": "6000"}, 5000),
        ("docker-init -- entrypoint.sh --port 5000", {}, 5000),
    ],
)
def test_health_check_finds_the_port(
    healthcheck: ModuleType, command: str, environment: dict[str, str], port: int
) -> None:
    assert healthcheck.port_of(command.split(), environment) == port


class Answer(BaseHTTPRequestHandler):
    """Answers with the status that the server carries."""

    def do_HEAD(self) -> None:
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Answer) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (401, True), (500, False), (503, False)])
def test_health_is_an_answer(healthcheck: ModuleType, server: HTTPServer, status: int, healthy: bool) -> None:
    server.status = status  # type: ignore[attr-defined]
    assert healthcheck.answers("127.0.0.1", server.server_port) is healthy


def test_nobody_listening_is_unhealthy(healthcheck: ModuleType, server: HTTPServer) -> None:
    server.server_close()
    assert healthcheck.answers("127.0.0.1", server.server_port) is False


def test_health_check_asks_where_the_gateway_listens(healthcheck: ModuleType) -> None:
    assert healthcheck.host_of({"HOST": "0.0.0.0"}) == "127.0.0.1"
    assert healthcheck.host_of({}) == "127.0.0.1"
    assert healthcheck.host_of({"HOST": "172.17.0.2"}) == "172.17.0.2"
