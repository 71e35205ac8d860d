"""The cache doctor of the running program: sessions out of bodies, where prompts part, what that cost."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from copilot_api.simulator import SimulatorServer
from tests.e2e.test_ledger import rows, until
from tests.support.http import request
from tests.support.process import GatewayProcess, clean_environment

SESSION = "efbc8ab2-637e-4f23-909b-0869128c4eac"
USER_ID = json.dumps({"device_id": "d", "account_uuid": "", "session_id": SESSION})
LONG = "Much has been said before and is said again. " * 200
SAVING = 150_000
"""Nano-AIU that the simulator takes less for a token that it had cached."""


class Program:
    """A gateway, and how many requests it was sent."""

    def __init__(self, gateway: GatewayProcess, home: Path) -> None:
        self.gateway, self.home = gateway, home
        self.sent = len(rows(home))

    def ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return what the ledger has of it."""
        answer = request(self.gateway.url, "POST", path, body)
        assert answer.status == 200, answer.text
        self.sent += 1
        until(lambda: len(rows(self.home)) == self.sent)
        return rows(self.home)[-1]


@pytest.fixture(params=["native", "reference"])
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Program]:
    with (
        SimulatorServer() as simulator,
        GatewayProcess(tmp_path, simulator.url, "--engine", request.param) as gateway,
    ):
        yield Program(gateway, tmp_path)


def claude(*messages: str, system: str = LONG) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {
        "model": "claude-sonnet-4.6",
        "max_tokens": 100,
        "stream": True,
        "metadata": {"user_id": USER_ID},
        "system": [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": roles[at % 2], "content": [{"type": "text", "text": text}]}
            for at, text in enumerate(messages)
        ],
    }


def run_command(home: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "copilot_api", *words],
        env=clean_environment(home),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def finding(row: dict[str, Any]) -> tuple[str, str]:
    return row["cache_cause"], row["cache_path"]


def test_a_conversation_of_claude_code(program: Program) -> None:
    first = program.ask("/v1/messages", claude(LONG))
    assert (first["session"], *finding(first)) == (SESSION, "first", "")
    grown = program.ask("/v1/messages", claude(LONG, "yes", "and?"))
    assert finding(grown) == ("kept", "")
    assert grown["cache_lost"] == 0
    changed = program.ask(
        "/v1/messages", claude(LONG, "yes", "and?", "this", "so?", system=f"Now: 12:31. {LONG}")
    )
    assert finding(changed) == ("system", "system[0].text")
    assert changed["cache_lost"] == grown["input_tokens"] - changed["cached_tokens"] > 1_024
    assert changed["cache_lost_nano"] == changed["cache_lost"] * SAVING

    said = run_command(program.home, "cache", "--session", SESSION)
    assert "system[0].text" in said
    assert "the system prompt changed" in said
    told = json.loads(run_command(program.home, "cache", "--json"))
    assert told["causes"][0]["lost_tokens"] == changed["cache_lost"]
    doctor = request(program.gateway.url, "GET", "/dashboard/api/cache").json["doctor"]
    assert doctor["total"]["turns"] == 2
    assert doctor["breaks"][0]["path"] == "system[0].text"
    assert doctor["causes"][0]["words"]


def test_nothing_of_a_prompt_or_a_person_is_kept(program: Program) -> None:
    secret = "correct horse battery staple"
    tool = {"type": "function", "function": {"name": "f", "description": secret, "parameters": {}}}
    body: dict[str, Any] = {
        "model": "gpt-4.1",
        "prompt_cache_key": "ann@example.org",
        "messages": [{"role": "user", "content": f"{secret} {LONG}"}],
        "tools": [tool],
    }
    first = program.ask("/v1/chat/completions", body)
    assert first["session"] == "#438c4c7afe600cdf"
    body["tools"] = [tool | {"function": tool["function"] | {"description": f"{secret}!"}}]
    body["messages"] = [
        *body["messages"],
        {"role": "assistant", "content": "x"},
        {"role": "user", "content": "y"},
    ]
    assert finding(program.ask("/v1/chat/completions", body)) == (
        "tool_changed",
        "tools[0].function.description",
    )
    kept = b"".join(path.read_bytes() for path in program.home.rglob("ledger.sqlite*"))
    assert b"horse" not in kept
    assert b"ann@" not in kept


def test_what_failed_is_not_gone_on_from(program: Program) -> None:
    def body(model: str, *texts: str) -> dict[str, Any]:
        messages = [{"role": "user", "content": text} for text in texts]
        return {"model": model, "prompt_cache_key": "key", "messages": messages}

    program.ask("/v1/chat/completions", body("gpt-4.1", LONG))
    path = "/v1/chat/completions"
    assert request(program.gateway.url, "POST", path, body("no-such", LONG)).status == 400
    program.sent += 1
    assert finding(program.ask(path, body("gpt-4.1", LONG, "more"))) == ("kept", "")
    assert [each["cache_cause"] for each in rows(program.home)] == ["first", "", "kept"]


def test_a_ledger_of_the_first_version_goes_on(tmp_path: Path) -> None:
    with SimulatorServer() as simulator:
        with GatewayProcess(tmp_path, simulator.url) as gateway:
            Program(gateway, tmp_path).ask("/v1/messages", claude("hello"))
        path = tmp_path / ".local/share/copilot-api/ledger.sqlite"
        with sqlite3.connect(path) as ledger:
            for name in ("cause", "path", "lost", "lost_nano", "gap"):
                ledger.execute(f"ALTER TABLE requests DROP COLUMN cache_{name}")
            ledger.execute("PRAGMA user_version = 1")
        ledger.close()
        assert "Nothing yet" in run_command(tmp_path, "cache")
        assert '"requests": 1' in run_command(tmp_path, "usage", "--json")
        with GatewayProcess(tmp_path, simulator.url) as gateway:
            program = Program(gateway, tmp_path)
            assert program.ask("/v1/messages", claude("hello"))["cache_cause"] == "first"
        assert '"requests": 2' in run_command(tmp_path, "usage", "--json")
