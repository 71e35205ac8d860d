"""``start --capture``, ``capture`` and ``replay``, by the program as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from copilot_api.capture.store import DIRECTORY, listed, read
from copilot_api.simulator import SimulatorServer
from tests.support.har_schema import problems
from tests.support.http import Answer, request
from tests.support.marks import found_in
from tests.support.process import GITHUB_TOKEN, GatewayProcess, clean_environment
from tests.support.raw_http import RawConnection
from tests.support.waiting import until

KEY = "key-of-a-client-that-looks-like-none"
HEADERS = {"authorization": f"Bearer {KEY}", "cookie": "session=MarkOfACookie"}
CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": f"hello, my key is {KEY}"}]}
MESSAGES = {"model": "sonnet", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]}
PAIRS = [("native", "native"), ("reference", "uvicorn")]


by_native = pytest.mark.parametrize("captured", PAIRS[:1], ids="-".join, indirect=True)
"""For what commands do with records, which are the same whoever wrote them."""


@dataclass
class Captured:
    """A gateway that captures, what it answered, and where."""

    home: Path
    directory: Path
    simulator: SimulatorServer
    answers: dict[str, Answer]

    def record(self, name: str) -> dict[str, Any]:
        found = listed(self.directory)
        return read(next(each for each in found if each.id == self.answers[name].headers["x-request-id"]))

    def run(self, *words: str, upstream: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command in the same home."""
        urls = {f"COPILOT_API_{name}_URL": upstream for name in ("GITHUB", "GITHUB_API", "COPILOT")}
        return subprocess.run(
            [sys.executable, "-m", "copilot_api", *words],
            env=clean_environment(self.home, urls if upstream else {}),
            capture_output=True,
            text=True,
            timeout=60,
            cwd=self.home,
        )


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def captured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Captured]:
    engine, server = request.param
    home = tmp_path_factory.mktemp("home")
    options = ("--capture", "on", "--api-key", KEY, "--engine", engine, "--server", server)
    with SimulatorServer() as simulator, GatewayProcess(home, simulator.url, *options) as gateway:
        answers = ask(gateway)
        gateway.errors.wait_for("--capture is on: prompts and answers are written to .* after 24 hours")
        assert gateway.stop() == 0
        yield Captured(home, home / ".local/share/copilot-api" / DIRECTORY, simulator, answers)


def ask(gateway: GatewayProcess) -> dict[str, Answer]:
    asked = {
        "whole": ("/v1/chat/completions", CHAT),
        "stream": ("/v1/chat/completions", CHAT | {"stream": True}),
        "translated": ("/v1/messages?beta=true", MESSAGES | {"model": "gpt-4.1", "stream": True}),
        "renamed": ("/v1/messages", MESSAGES),
        "invalid": ("/v1/messages", {"model": "gpt-4.1"}),
    }
    answers = {}
    for name, (path, body) in asked.items():
        answers[name] = request(gateway.url, "POST", path, body, headers=HEADERS)
        assert answers[name].status == (400 if name == "invalid" else 200)
    health = request(gateway.url, "GET", "/health", headers=HEADERS).json
    assert health["capture"] == "on"
    return answers


def test_each_request_for_a_model_is_one_record(captured: Captured) -> None:
    assert {each.id for each in listed(captured.directory)} == {
        answer.headers["x-request-id"] for answer in captured.answers.values()
    }


@pytest.mark.parametrize("name", ["whole", "stream", "translated", "renamed", "invalid"])
def test_what_the_client_got_is_kept_to_the_byte(captured: Captured, name: str) -> None:
    record, answer = captured.record(name), captured.answers[name]
    kept = record["response"]
    assert kept["status"] == answer.status
    assert kept["body"]["text"] == answer.text.replace(KEY, "[redacted]")
    assert kept["body"]["size"] == len(answer.body)
    assert dict(kept["headers"])["x-request-id"] == record["id"]


def test_both_sides_of_a_translated_stream_are_there(captured: Captured) -> None:
    record = captured.record("translated")
    assert record["request"]["target"] == "/v1/messages?beta=true"
    assert json.loads(record["request"]["body"]["text"])["max_tokens"] == 50
    (exchange,) = record["exchanges"]
    assert exchange["request"]["url"] == f"{captured.simulator.url}/chat/completions"
    assert json.loads(exchange["request"]["body"]["text"])["stream"] is True
    assert exchange["response"]["status"] == 200
    assert exchange["response"]["body"]["text"].startswith("data: {")
    assert exchange["response"]["body"]["text"].rstrip().endswith("[DONE]")
    assert record["response"]["body"]["text"].startswith("event: message_start")
    moments = [exchange[name] for name in ("began_ms", "head_ms", "ended_ms")]
    assert moments == sorted(moments)
    assert record["entry"]["model"] == "gpt-4.1"


@by_native
def test_rewrites_are_told_and_seen(captured: Captured) -> None:
    record = captured.record("renamed")
    assert "claude-sonnet-4.6" in record["rewrites"]
    assert json.loads(record["request"]["body"]["text"])["model"] == "sonnet"
    assert json.loads(record["exchanges"][0]["request"]["body"]["text"])["model"] == "claude-sonnet-4.6"
    shown = captured.run("capture", "show", record["id"])
    assert shown.returncode == 0
    assert '-  "model": "sonnet",' in shown.stdout
    assert '+  "model": "claude-sonnet-4.6",' in shown.stdout


def test_what_never_went_upstream_is_kept_too(captured: Captured) -> None:
    record = captured.record("invalid")
    assert (record["exchanges"], record["entry"]) == ([], None)
    assert "messages" in record["response"]["body"]["text"]


@pytest.mark.secrets
def test_r08_no_credential_is_in_any_record(captured: Captured) -> None:
    marks = (KEY, "MarkOfACookie", GITHUB_TOKEN, "tid=", "Bearer")
    for each in listed(captured.directory):
        assert not found_in(each.path.read_bytes(), marks), each.path
    headers = dict(captured.record("whole")["exchanges"][0]["request"]["headers"])
    assert headers["Authorization"] == "[redacted]"


@pytest.mark.skipif(os.name == "nt", reason="modes")
def test_r07_records_are_for_this_user_alone(captured: Captured) -> None:
    assert captured.directory.stat().st_mode & 0o777 == 0o700
    assert {each.path.stat().st_mode & 0o777 for each in listed(captured.directory)} == {0o600}


@by_native
def test_the_list(captured: Captured) -> None:
    told = json.loads(captured.run("capture", "list", "--json").stdout)
    assert [each["status"] for each in told] == [400, 200, 200, 200, 200]


@by_native
def test_har_is_as_its_specification_wants_it(captured: Captured) -> None:
    done = captured.run("capture", "export", "--har", "talk.har")
    assert done.returncode == 0, done.stderr
    archive = json.loads((captured.home / "talk.har").read_text("utf-8"))
    assert problems(archive) == []
    entries = archive["log"]["entries"]
    assert len(entries) == 5 + 4, "each request, and each call of Copilot"
    assert {each["request"]["method"] for each in entries} == {"POST"}


@by_native
@pytest.mark.parametrize("name", ["stream", "translated", "invalid"])
def test_a_replay_against_the_simulator_has_the_same_form(captured: Captured, name: str) -> None:
    one = captured.answers[name].headers["x-request-id"]
    asked = len(captured.simulator.state.requests)
    done = captured.run("replay", one, "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["status"]) == (0, captured.answers[name].status), done.stdout
    assert not any(each["grave"] for each in told["differences"])
    assert len(captured.simulator.state.requests) == asked, "nothing went where the first one went"


@by_native
def test_a_replay_shows_what_differs(captured: Captured, tmp_path: Path) -> None:
    one = next(
        each
        for each in listed(captured.directory)
        if each.id == captured.answers["whole"].headers["x-request-id"]
    )
    record = read(one)
    record["response"]["status"] = 201
    record["response"]["body"]["text"] = '{"id": 7, "more": true}'
    (tmp_path / one.path.name).write_text(json.dumps(record), "utf-8")
    done = captured.run("replay", "last", "--dir", str(tmp_path))
    assert done.returncode == 1
    assert "≠ status: 201 → 200" in done.stdout
    assert "≠ member id: number → text" in done.stdout
    assert "≠ member more: boolean → missing" in done.stdout


@by_native
def test_a_live_replay_is_asked_for_and_warns(captured: Captured) -> None:
    one = captured.answers["whole"].headers["x-request-id"]
    with SimulatorServer() as other:
        token = captured.home / ".local/share/copilot-api/github_token"
        token.write_text(GITHUB_TOKEN, "utf-8")
        token.chmod(0o600)
        done = captured.run("replay", one, "--upstream", "live", upstream=other.url)
        assert done.returncode == 0, done.stderr
        assert "which bills it to your account" in done.stderr
        assert [each.path for each in other.state.requests if each.path == "/chat/completions"]


@by_native
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("capture", "export"), "write capture list, capture show ID"),
        (("replay",), "write replay ID"),
        (("replay", "no-such"), "no capture no-such in"),
    ],
)
def test_what_cannot_be_done_is_one_line(captured: Captured, words: tuple[str, ...], said: str) -> None:
    done = captured.run(*words)
    assert (done.returncode, said in done.stderr) == (1, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_stream_whose_client_leaves_is_kept_as_far_as_it_came(tmp_path: Path) -> None:
    with SimulatorServer() as simulator:
        simulator.faults.add("/chat/completions", "silence", after_frames=2, seconds=30)
        with GatewayProcess(tmp_path, simulator.url, "--capture", str(tmp_path / "here")) as gateway:
            with RawConnection(("127.0.0.1", gateway.port)) as connection:
                body = json.dumps(CHAT | {"stream": True}).encode()
                connection.request(
                    "POST", "/v1/chat/completions", ("Content-Type", "application/json"), body=body
                )
                connection.head()
                connection.chunk()
            until(lambda: len(listed(tmp_path / "here")) == 1)
        record = read(listed(tmp_path / "here")[0])
    assert record["entry"]["outcome"] == "client_gone"
    assert record["response"]["body"]["text"].startswith("data: {")
    assert "[DONE]" not in record["response"]["body"]["text"]


def test_a_directory_that_cannot_be_is_one_line(simulator: SimulatorServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    gateway = GatewayProcess(tmp_path, simulator.url, "--capture", str(tmp_path / "file/capture"))
    with pytest.raises(AssertionError), gateway:
        pass
    assert "file/capture cannot be written: Not a directory" in gateway.errors.text


@by_native
def test_clear_removes_them(captured: Captured, tmp_path: Path) -> None:
    for each in listed(captured.directory):
        (tmp_path / each.path.name).write_bytes(each.path.read_bytes())
    assert captured.run("capture", "clear", "--dir", str(tmp_path)).returncode == 0
    assert listed(tmp_path) == []
