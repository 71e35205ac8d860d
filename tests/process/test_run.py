"""``copilot-api run``, with a program of ours as the client: streams, signals, exit codes, leftovers."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from copilot_api.github.credentials import data_directory
from copilot_api.simulator import SimulatorServer
from tests.support.process import GITHUB_TOKEN, GatewayProcess, Output, clean_environment

STAND_IN = Path(__file__).resolve().parents[1] / "support/stand_in.py"
LONGEST = 60
"""Seconds until a test gives up; none takes more than a few."""


class Bench:
    """A home, a folder with the stand-in on PATH, and a gateway that runs."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.port = port
        self.programs = home.parent / "programs"
        self.programs.mkdir(exist_ok=True)
        self.place("claude")

    def place(self, name: str) -> None:
        """Put the stand-in on PATH under a name."""
        script = self.programs / name
        script.write_text(f"#!{sys.executable}\n" + STAND_IN.read_text(encoding="utf-8"), encoding="utf-8")
        script.chmod(0o755)

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        environment = clean_environment(self.home, more)
        environment["PATH"] = f"{self.programs}{os.pathsep}{environment['PATH']}"
        return environment

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "copilot_api", "run", *words]

    def run(
        self, *words: str, data: bytes = b"", more: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command line to its end."""
        return subprocess.run(
            self.command(*words),
            env=self.environment(more),
            cwd=self.home,
            input=data,
            capture_output=True,
            timeout=LONGEST,
            check=False,
        )

    def report(self, *words: str, more: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Run the stand-in and return what it says that it got."""
        done = self.run(*words, more=more)
        assert done.returncode == 0, done.stderr.decode()
        told: dict[str, Any] = json.loads(done.stdout)
        return told


@pytest.fixture
def bench(tmp_path: Path, gateway: GatewayProcess) -> Bench:
    home = tmp_path / "home"
    home.mkdir()
    return Bench(home, gateway.port)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on, and that nobody else can take."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


def running(bench: Bench) -> tuple[str, str]:
    """The words that use the gateway that runs."""
    return "--port", str(bench.port)


@contextlib.contextmanager
def started(bench: Bench, *words: str, **options: Any) -> Iterator[tuple[subprocess.Popen[bytes], Output]]:
    """A command line that runs; its standard output, line by line."""
    process = subprocess.Popen(
        bench.command(*words),
        env=bench.environment(),
        cwd=bench.home,
        **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "start_new_session": True} | options,
    )
    output = Output()
    stream = options.get("reader") or process.stdout
    thread = threading.Thread(target=GatewayProcess._read, args=(stream, output), daemon=True)
    thread.start()
    try:
        yield process, output
    finally:
        with contextlib.suppress(OSError):
            process.kill()
        process.wait()
        if process.stdin:
            process.stdin.close()
        thread.join(10)
        if process.stdout:
            process.stdout.close()


def test_streams_are_the_clients(bench: Bench) -> None:
    data = bytes(range(256)) * 400
    done = bench.run(*running(bench), "claude", "--", "copy", data=data)
    assert (done.returncode, done.stdout, done.stderr) == (0, data, b"to stderr")


@pytest.mark.parametrize("code", [0, 42])
def test_the_exit_code_is_the_clients(bench: Bench, code: int) -> None:
    assert bench.run(*running(bench), "claude", f"exit={code}").returncode == code


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_signal_that_ends_the_client_is_told(bench: Bench, number: int) -> None:
    assert bench.run(*running(bench), "claude", f"kill={int(number)}").returncode == 128 + number


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_from_another_process_is_passed_on(bench: Bench, name: str) -> None:
    with started(bench, *running(bench), "claude", "--", "wait") as (process, output):
        output.wait_for("waiting", LONGEST)
        process.send_signal(getattr(signal, name))
        output.wait_for(f"got {name}", LONGEST)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(LONGEST) == 7
        told = json.loads(output.wait_for(r"^\{.*\}$", LONGEST).group())
    assert told == {"signals": [name], "models": 200}


def test_ctrl_c_is_for_the_client_alone(bench: Bench) -> None:
    """Typed at a terminal; the gateway, a child here, is there until the client is done."""
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)
    words = bench.command("--simulate", "claude", "--", "wait")
    with os.fdopen(ours, "rb", buffering=0, closefd=False) as reader:
        process = subprocess.Popen(
            # A leader of a session that opens a terminal has it.
            ["/bin/sh", "-c", f'exec "$@" <{name} >{name} 2>&1', "sh", *words],
            env=bench.environment(),
            cwd=bench.home,
            start_new_session=True,
        )
        output = Output()
        thread = threading.Thread(target=_read_terminal, args=(reader, output), daemon=True)
        thread.start()
        try:
            output.wait_for("waiting", LONGEST)
            os.write(ours, b"\x03")
            output.wait_for("got SIGINT", LONGEST)
            os.write(ours, b"\x04")
            told = json.loads(output.wait_for(r"\{.*\}", LONGEST).group())
            assert process.wait(LONGEST) == 7
        finally:
            process.kill()
            process.wait()
            os.close(theirs)
            thread.join(10)
            os.close(ours)
    assert told == {"signals": ["SIGINT"], "models": 200}


def _read_terminal(reader: Any, output: Output) -> None:
    rest = b""
    while True:
        try:
            piece = reader.read(4096)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            output.add(line.decode("utf-8", "replace").rstrip("\r"))
    output.close()


def test_what_the_client_gets(bench: Bench) -> None:
    told = bench.report(
        *running(bench),
        "claude",
        "--",
        "--continue",
        "-p",
        "--help",
        more={"ANTHROPIC_API_KEY": "sk-mine", "CLAUDE_CODE_USE_BEDROCK": "1", "KEPT": "yes"},
    )
    assert told["arguments"] == ["--continue", "-p", "--help"]
    environment = told["environment"]
    assert environment["ANTHROPIC_BASE_URL"] == f"http://localhost:{bench.port}"
    assert environment["ANTHROPIC_MODEL"] == "claude-sonnet-4.6"
    assert environment["ANTHROPIC_DEFAULT_OPUS_MODEL"] == "claude-opus-5[1m]"
    assert environment["ANTHROPIC_SMALL_FAST_MODEL"] == "claude-haiku-4.5"
    assert environment["CLAUDE_CODE_AUTO_COMPACT_WINDOW"] == "168000"
    assert environment["KEPT"] == "yes"
    assert not {"ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_BEDROCK", "NO_PROXY"} & set(environment)
    assert told["models"] == 200
    assert told["settings"] is None


def test_models_by_name(bench: Bench) -> None:
    told = bench.report(
        *running(bench), "--model", "opus", "--small-model", "gpt-4o-mini", "claude", "report"
    )
    assert told["environment"]["ANTHROPIC_MODEL"] == "claude-opus-5[1m]"
    assert told["environment"]["ANTHROPIC_SMALL_FAST_MODEL"] == "gpt-4o-mini"
    assert told["environment"]["CLAUDE_CODE_AUTO_COMPACT_WINDOW"] == "936000"
    done = bench.run(*running(bench), "--model", "gpt-5.45", "claude")
    assert done.returncode == 1
    assert b"the account has no model gpt-5.45: did you mean gpt-5." in done.stderr


def test_a_proxy_does_not_get_what_is_for_this_machine(bench: Bench) -> None:
    more = {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "example.com"}
    told = bench.report(*running(bench), "claude", "report", more=more)
    assert told["environment"]["NO_PROXY"] == "example.com,localhost,127.0.0.1"
    assert told["models"] == 200


def test_settings_of_the_user_are_overruled_and_not_touched(bench: Bench) -> None:
    settings = bench.home / ".claude/settings.json"
    settings.parent.mkdir()
    settings.write_text('{"env": {"ANTHROPIC_BASE_URL": "https://example.com"}, "x": 1}\n', encoding="utf-8")
    before = settings.read_bytes(), settings.stat().st_mtime_ns
    told = bench.report(*running(bench), "claude", "report")
    assert (settings.read_bytes(), settings.stat().st_mtime_ns) == before
    assert told["arguments"][0] == "--settings"
    assert json.loads(told["settings_text"])["env"]["ANTHROPIC_BASE_URL"] == f"http://localhost:{bench.port}"
    assert told["settings_mode"] == 0o600
    assert not Path(told["settings"]).parent.exists()


def test_a_gateway_of_its_own(bench: Bench, simulator: SimulatorServer, closed_port: int) -> None:
    """None runs: one is started that lets only this client in, and that is gone afterwards."""
    urls = {f"COPILOT_API_{name}_URL": simulator.url for name in ("GITHUB", "GITHUB_API", "COPILOT")}
    more = {**urls, "GH_TOKEN": GITHUB_TOKEN, "COPILOT_API_PORT": str(closed_port)}
    # What it says is read, in whatever form its user wants logs, and on a screen of whatever kind.
    more |= {"COPILOT_API_LOG_FORMAT": "json", "COPILOT_API_HOST": "0.0.0.0", "CI": "1", "TEST": "1"}
    told = bench.report("claude", "report", more=more)
    environment = told["environment"]
    assert environment["ANTHROPIC_AUTH_TOKEN"].startswith("cak_")
    assert told["models"] == 200
    port = int(environment["ANTHROPIC_BASE_URL"].rpartition(":")[2])
    assert not _is_open(port)
    (log,) = (data_directory(bench.home) / "logs").glob("run-*.log")
    assert "Listening on" in log.read_text(encoding="utf-8")
    assert environment["ANTHROPIC_AUTH_TOKEN"] not in log.read_text(encoding="utf-8")
    assert log.stat().st_mode & 0o777 == 0o600
    # The key is needed: nobody else may spend what it spends.
    assert "Reachable: this machine only, by whoever has the key" in log.read_text(encoding="utf-8")


def test_another_profile_is_another_gateway(bench: Bench) -> None:
    done = bench.run("--profile", "work", "--dry-run", "claude", more={"COPILOT_API_PORT": str(bench.port)})
    assert b"# A gateway would be started on a free port" in done.stdout
    done = bench.run("--dry-run", "claude", more={"COPILOT_API_PORT": str(bench.port)})
    assert f"# The gateway at http://localhost:{bench.port} would be used." in done.stdout.decode()


def test_the_gateway_is_gone_when_run_was_killed(bench: Bench) -> None:
    with started(bench, "--simulate", "claude", "--", "wait") as (process, output):
        output.wait_for("waiting", LONGEST)
        log = next((data_directory(bench.home) / "logs").glob("run-*.log"))
        port = int(
            log.read_text(encoding="utf-8").partition("Listening on: http://localhost:")[2].split("/")[0]
        )
        with socket.create_connection(("127.0.0.1", port), LONGEST) as connection:
            process.kill()
            # It closes its connections when it stops; that is waited for.
            connection.settimeout(LONGEST)
            assert connection.recv(1) == b""
    deadline = time.monotonic() + LONGEST
    while _is_open(port):
        assert time.monotonic() < deadline


def test_a_gateway_that_wants_a_key(bench: Bench, simulator: SimulatorServer, tmp_path: Path) -> None:
    key = "a-long-key-of-the-tests-0123456789"
    other = tmp_path / "other"
    other.mkdir()
    with GatewayProcess(other, simulator.url, "--api-key", key) as locked:
        words = ("--port", str(locked.port), "claude", "report")
        told = bench.report(*words, more={"COPILOT_API_KEY": key})
        assert told["environment"]["ANTHROPIC_AUTH_TOKEN"] == key
        assert told["models"] == 200
        told = bench.report("--key-env", "MINE", *words, more={"MINE": key})
        assert told["models"] == 200
        done = bench.run("--key-env", "MINE", *words)
        assert done.returncode == 1
        assert b"--key-env names $MINE, which is not set" in done.stderr
        done = bench.run("--key", key, "--dry-run", *words)
        assert key.encode() not in done.stdout + done.stderr
        assert b"ANTHROPIC_AUTH_TOKEN=" in done.stdout


@pytest.mark.parametrize("name", ["claude", "codex", "gemini", "opencode", "aider"])
def test_a_dry_run_starts_nothing(bench: Bench, name: str) -> None:
    before = _files(bench.home)
    done = bench.run("--dry-run", "--rate-limit", "5", name, "--", "--verbose")
    text = done.stdout.decode()
    assert done.returncode == 0
    assert "copilot-api start --port=0 --rate-limit=5" in text
    assert text.rstrip("\n").rpartition("\n")[2].startswith(name)
    assert text.rstrip().endswith("--verbose")
    assert _files(bench.home) == before


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        ((), 1, "write `copilot-api run claude|codex"),
        (("vscode",), 1, "for editors there is `copilot-api setup`"),
        (("codex",), 127, "codex is not on PATH; install it: npm install -g @openai/codex"),
        (("claude", "--resume"), 1, "copilot-api run claude -- --resume"),
        (("--manual", "claude"), 1, "--manual asks at the terminal"),
        (("--port", "x", "claude"), 1, "'x' is not a number"),
    ],
)
def test_what_cannot_be_done(bench: Bench, words: tuple[str, ...], code: int, text: str) -> None:
    done = bench.run(*words, more={"PATH": str(bench.programs)})
    assert (done.returncode, done.stdout) == (code, b"")
    assert text in done.stderr.decode()


def test_nobody_is_signed_in(bench: Bench, simulator: SimulatorServer, closed_port: int) -> None:
    urls = {f"COPILOT_API_{name}_URL": simulator.url for name in ("GITHUB", "GITHUB_API", "COPILOT")}
    done = bench.run("claude", "report", more={**urls, "COPILOT_API_PORT": str(closed_port)})
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"run `copilot-api auth` first" in done.stderr


def test_a_gateway_that_does_not_start_says_why(bench: Bench) -> None:
    done = bench.run("--simulate", "--port", str(bench.port), "claude", "report")
    assert done.returncode == 1
    assert f"Port {bench.port} " in done.stderr.decode() or "in use" in done.stderr.decode()


def _files(home: Path) -> set[str]:
    return {str(path) for path in home.rglob("*") if path.is_file()}


def _is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True
