"""compat.md section 1: commands, flags, output and exit codes of the program as a process."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from copilot_api.simulator import SimulatorServer
from copilot_api.version import VERSION
from tests.support.process import GITHUB_TOKEN, GatewayProcess, clean_environment

NOWHERE = "http://127.0.0.1:9"


def run(
    home: Path, *words: str, upstream: str = NOWHERE, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    urls = {f"COPILOT_API_{name}_URL": upstream for name in ("GITHUB", "GITHUB_API", "COPILOT")}
    return subprocess.run(
        [sys.executable, "-m", "copilot_api", *words],
        env=clean_environment(home, urls | dict(environment or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of stderr of a command that failed as the contract says."""
    assert done.returncode == 1, done.stdout + done.stderr
    lines = [line for line in done.stderr.split("\n") if line.strip()]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith(" ERROR  ")
    assert "Traceback" not in done.stderr
    return lines[0]


# 1.1 Program


def test_no_argument(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert one_line(done) == " ERROR  No command specified."
    assert "USAGE copilot-api" in done.stdout


def test_unknown_command(tmp_path: Path) -> None:
    done = run(tmp_path, "--port", "8080", "start")
    assert one_line(done) == " ERROR  Unknown command 8080"
    assert "USAGE copilot-api" in done.stdout


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["start", "--help"], ["auth", "-h"], ["--help", "x"]])
def test_help(tmp_path: Path, words: list[str]) -> None:
    done = run(tmp_path, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "USAGE" in done.stdout


def test_help_of_start_teaches(tmp_path: Path) -> None:
    text = run(tmp_path, "start", "--help").stdout
    for flag in ("-p, --port", "-r, --rate-limit", "-g, --github-token", "--claude-code", "--simulate"):
        assert flag in text
    assert "(default 4141)" in text
    assert "EXAMPLES" in text


def test_d_b7_version(tmp_path: Path) -> None:
    done = run(tmp_path, "--version")
    assert (done.returncode, done.stdout.strip()) == (0, VERSION)


def test_version_with_the_engine_s(tmp_path: Path) -> None:
    done = run(tmp_path, "--version", "--verbose")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(rf"copilot-api {VERSION}\nnative engine \S.*\nCPython \d", done.stdout)


# 1.2, 1.3 Flags


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--port", "abc"], "'abc' is not a number"),
        (["--port", "70000"], "70000 is not a port"),
        (["--port"], "'' is not a number"),
        (["--rate-limit", "-5"], "'' is not a number"),
        (["--rate-limit", "soon"], "'soon' is not a number"),
        (["--account-type", "evil.example/"], "account type"),
        (["--engine", "steam"], "'steam' is none of native, reference"),
        (["--native", "tokenizer=maybe"], "write tokenizer=on, tokenizer=off"),
        (["--native", "flux=on"], "no component 'flux'"),
        (["--connect-timeout", "-1"], "--connect-timeout"),
        (["--github-url", "ftp://x"], "not an http or https URL"),
        (["--cors-origin", "*"], "is not an origin"),
        (["--api-key-file", "/no/such/file"], "cannot be read"),
        (["--manual"], "--manual asks at the terminal"),
        (["--claude-code"], "--claude-code asks for two models at the terminal"),
        (["--host", "0.0.0.0"], "--api-key"),
    ],
)
def test_d_b2_d_b9_bad_options_are_one_line_at_once(tmp_path: Path, words: list[str], message: str) -> None:
    done = run(tmp_path, "start", *words)
    assert message in one_line(done)
    assert list(tmp_path.iterdir()) == []


def test_d_s7_unknown_but_legal_plan_is_warned_about(tmp_path: Path) -> None:
    done = run(tmp_path, "start", "-g", GITHUB_TOKEN, "--port", "0", "-a", "galactic")
    assert "unknown account type 'galactic'" in done.stderr


def test_d_b8_unknown_flags_are_warned_about(tmp_path: Path) -> None:
    done = run(tmp_path, "debug", "--jsonn", "word")
    assert done.returncode == 0
    assert "unknown flag --jsonn" in done.stderr


# 1.5 What each command prints and does


def test_d_b3_r51_port_taken(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        line = one_line(run(tmp_path, "start", "--port", port, "-g", GITHUB_TOKEN))
    assert f"port {port} is in use" in line
    assert "--port" in line
    assert list(tmp_path.iterdir()) == []


def test_unreachable_github_is_one_line(tmp_path: Path) -> None:
    assert "cannot reach 127.0.0.1" in one_line(run(tmp_path, "start", "--port", "0", "-g", GITHUB_TOKEN))
    assert "cannot reach 127.0.0.1" in one_line(run(tmp_path, "auth"))
    assert not list(tmp_path.rglob("github_token*"))


def test_lines_of_start_in_order(simulator: SimulatorServer, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, simulator.url, "--account-type", "business", "--verbose") as gateway:
        text = gateway.output.text
    wanted = [
        "Verbose logging enabled",
        "Using business plan GitHub account",
        "Using VSCode version: ",
        "Using provided GitHub token",
        "GitHub Copilot Token fetched successfully!",
        "Available models: ",
        "- claude-opus-4.6-1m",
        "Usage Viewer: https://ericc-ch.github.io/copilot-api?endpoint=http://localhost:0/usage",
        "Listening on: http://localhost:",
    ]
    places = [text.find(line) for line in wanted]
    assert -1 not in places, dict(zip(wanted, places, strict=True))
    assert places == sorted(places)
    assert GITHUB_TOKEN not in text
    assert "tid=" not in text


def test_acceptable_use_is_shown_at_the_first_start_only(simulator: SimulatorServer, tmp_path: Path) -> None:
    for shown in (True, False):
        with GatewayProcess(tmp_path, simulator.url) as gateway:
            assert ("Acceptable Use" in gateway.errors.text) is shown


def test_show_token_prints_the_tokens(simulator: SimulatorServer, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, simulator.url, "--show-token") as gateway:
        gateway.output.wait_for(r"Copilot token: tid=")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_d_b4_r50_signals_end_it_with_0(
    simulator: SimulatorServer, tmp_path: Path, number: signal.Signals
) -> None:
    with GatewayProcess(tmp_path, simulator.url) as gateway:
        assert gateway.stop(number) == 0
        assert "Traceback" not in gateway.errors.text


def test_auth_stores_the_token_and_check_usage_uses_it(simulator: SimulatorServer, tmp_path: Path) -> None:
    done = run(tmp_path, "auth", upstream=simulator.url)
    assert done.returncode == 0, done.stderr
    file = tmp_path / ".local/share/copilot-api/github_token"
    assert re.search(r'enter the code "[0-9A-F]{4}-[0-9A-F]{4}" in http', done.stdout)
    assert f"GitHub token written to {file}" in done.stdout
    assert file.read_text(encoding="utf-8").startswith("ghu_")
    assert file.read_text(encoding="utf-8") not in done.stdout

    usage = run(tmp_path, "check-usage", upstream=simulator.url)
    assert usage.returncode == 0, usage.stderr
    assert "Logged in as octocat-simulated" in usage.stdout
    assert "Copilot Usage (plan: individual)" in usage.stdout
    assert re.search(r"Premium: \d+/300 used \(\d+\.\d% used, \d+\.\d% remaining\)", usage.stdout)
    told = json.loads(run(tmp_path, "check-usage", "--json", upstream=simulator.url).stdout)
    assert (told["plan"], told["quotas"]["premium_interactions"]["entitlement"]) == ("individual", 300)
    asked = [each for each in simulator.state.requests if each.path == "/copilot_internal/user"][-1]
    assert asked.headers["editor-version"] == "vscode/1.104.3", "D-B5"


def test_d_r8_refused_stored_token_names_the_command(simulator: SimulatorServer, tmp_path: Path) -> None:
    folder = tmp_path / ".local/share/copilot-api"
    folder.mkdir(parents=True)
    (folder / "github_token").write_text("ghp_revoked0000000000", encoding="utf-8")
    done = run(tmp_path, "start", "--port", "0", upstream=simulator.url)
    assert done.returncode == 1
    assert "copilot-api auth" in done.stderr
    assert "ghp_revoked" not in done.stdout + done.stderr


def test_debug_prints_facts_and_makes_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "debug")
    folder = tmp_path / ".local/share/copilot-api"
    assert done.returncode == 0
    assert f"copilot-api debug\n\nVersion: {VERSION}\nRuntime: python " in done.stdout
    assert f"Paths:\n- APP_DIR: {folder}\n- GITHUB_TOKEN_PATH: {folder}/github_token" in done.stdout
    assert "Token exists: No" in done.stdout
    assert "- tokenizer: native (default)" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_debug_json(tmp_path: Path) -> None:
    folder = tmp_path / ".local/share/copilot-api"
    folder.mkdir(parents=True)
    (folder / "github_token").write_text(" \n", encoding="utf-8")
    done = run(tmp_path, "debug", "--json")
    facts = json.loads(done.stdout)
    assert list(facts)[:4] == ["version", "runtime", "paths", "tokenExists"]
    assert list(facts["runtime"]) == ["name", "version", "platform", "arch"]
    assert facts["tokenExists"] is False
    assert done.stdout == json.dumps(facts, indent=2) + "\n"
    (folder / "github_token").write_text("ghu_x", encoding="utf-8")
    assert json.loads(run(tmp_path, "debug", "--json").stdout)["tokenExists"] is True


# 1.4 Log output


def test_ci_form_of_lines(tmp_path: Path) -> None:
    done = run(tmp_path, "debug", environment={"CI": "1"})
    assert done.stdout.startswith("[info] copilot-api debug\n")
    done = run(tmp_path, environment={"CI": "1"})
    assert done.stderr == "[error] No command specified.\n"


# 1.6 --claude-code, at a real terminal


def test_claude_code_prompts_and_command(simulator: SimulatorServer, tmp_path: Path) -> None:
    process, terminal = at_a_terminal(tmp_path, simulator.url, "--claude-code")
    try:
        read_until(terminal, "Select a model to use with Claude Code")
        os.write(terminal, b"\x1b[B\r")
        read_until(terminal, "Select a small model to use with Claude Code")
        os.write(terminal, b"\r")
        shown = read_until(terminal, "Listening on")
        assert "ANTHROPIC_MODEL=claude-opus-5 " in shown
        assert "ANTHROPIC_SMALL_FAST_MODEL=claude-opus-4.6-1m " in shown
        line = r"^export ANTHROPIC_BASE_URL=http://localhost:\d+ .* && claude\r?$"
        assert re.search(line, shown, re.MULTILINE)
    finally:
        process.terminate()
        process.wait(15)
        os.close(terminal)


def test_d_b11_ctrl_c_at_the_prompt_ends_with_130(simulator: SimulatorServer, tmp_path: Path) -> None:
    process, terminal = at_a_terminal(tmp_path, simulator.url, "--claude-code")
    read_until(terminal, "Select a model to use with Claude Code")
    os.write(terminal, b"\x03")
    assert process.wait(15) == 130
    os.close(terminal)


def test_d_s6_manual_approval_one_answer_a_request(simulator: SimulatorServer, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from tests.support.http import request

    process, terminal = at_a_terminal(tmp_path, simulator.url, "--manual")
    try:
        shown = read_until(terminal, "(this machine only)")
        port = re.search(r"Listening on: http://localhost:(\d+)", shown)
        assert port is not None
        url = f"http://127.0.0.1:{port.group(1)}"
        body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hi"}]}
        with ThreadPoolExecutor(2) as pool:
            waiting = [pool.submit(request, url, "POST", "/v1/chat/completions", body) for _ in range(2)]
            read_until(terminal, "Accept incoming request?")
            os.write(terminal, b"y\n")
            read_until(terminal, "Accept incoming request?")
            os.write(terminal, b"n\n")
            answers = sorted((future.result() for future in waiting), key=lambda answer: answer.status)
        assert [answer.status for answer in answers] == [200, 403]
        assert answers[1].json["error"]["message"] == '{"message":"Request rejected"}'
    finally:
        process.terminate()
        process.wait(15)
        os.close(terminal)


def at_a_terminal(home: Path, upstream: str, *words: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start the program with a pseudo-terminal as its standard input and output."""
    ours, theirs = pty.openpty()
    urls = {f"COPILOT_API_{name}_URL": upstream for name in ("GITHUB", "GITHUB_API", "COPILOT")}
    environment = clean_environment(home, {**urls, "SHELL": "/bin/bash", "TERM": "xterm"})
    environment["PATH"] = os.path.dirname(sys.executable)  # noqa: PTH120 - no clipboard program is found there
    process = subprocess.Popen(
        [sys.executable, "-m", "copilot_api", "start", "--port", "0", "-g", GITHUB_TOKEN, *words],
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    return process, ours


def read_until(terminal: int, words: str) -> str:
    """Read what the program writes until some words have come."""
    shown = b""
    while words.encode() not in shown:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    text = shown.decode("utf-8", "replace")
    assert words in text, text
    return text
