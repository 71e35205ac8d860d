"""SIGHUP reads the configuration again: whole and checked, or not at all (R-54)."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from copilot_api.configuration import CONFIG_FILE
from copilot_api.github.credentials import data_directory
from tests.support.http import Answer, request
from tests.support.process import GatewayProcess
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.upstream_failures import read_chat
from tests.support.upstream_steps import TOKEN, done, end, finish, frame, head, wait, whole

CHAT = "/chat/completions"
KEY = "key-of-the-test-0123456789abcdef"


class Reloading:
    """A gateway with a config file and a key file, and the upstream behind it."""

    def __init__(self, gateway: GatewayProcess, upstream: ScriptedUpstream, keys: Path) -> None:
        self.gateway, self.upstream, self.keys = gateway, upstream, keys
        self.file = data_directory(gateway.home) / CONFIG_FILE

    def hang_up(self, line: str, stream: str = "output") -> str:
        """Send SIGHUP and return the line of the log that answers it."""
        output = getattr(self.gateway, stream)
        seen = len(output.lines)
        self.gateway.process.send_signal(signal.SIGHUP)
        found: str = output.wait_for(line, after=seen).string
        return found

    def use(self, text: str) -> str:
        """Write the config file and have it loaded."""
        self.file.write_text(text, encoding="utf-8")
        return self.hang_up("Configuration reloaded")

    def ask(self, model: str = "gpt-4.1", key: str | None = None, origin: str | None = None) -> Answer:
        headers = {} if key is None else {"x-api-key": key}
        headers |= {} if origin is None else {"origin": origin}
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
        return request(self.gateway.url, "POST", f"/v1{CHAT}", body, headers)

    def asked_model(self, model: str) -> str:
        """Return the model that upstream is asked for when a client names `model`."""
        before = len(self.upstream.attempts(CHAT))
        assert self.ask(model).status == 200
        asked: str = self.upstream.attempt(CHAT, before).json["model"]
        return asked


def prepared(home: Path, text: str = "") -> Path:
    """Write the config file of a home."""
    folder = data_directory(home)
    folder.mkdir(parents=True, mode=0o700)
    (folder / CONFIG_FILE).write_text(text, encoding="utf-8")
    return home


@pytest.fixture(scope="module")
def started(
    engine: str, upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reloading]:
    home = prepared(tmp_path_factory.mktemp("home"))
    with GatewayProcess(home, upstream.url, "--engine", engine) as gateway:
        yield Reloading(gateway, upstream, home / "keys")


@pytest.fixture
def reloading(started: Reloading) -> Iterator[Reloading]:
    started.upstream.forget()
    yield started
    started.use("")
    assert started.gateway.process.poll() is None


def test_r54_a_valid_file_is_used_from_the_next_request_on(reloading: Reloading) -> None:
    assert reloading.asked_model("quick") == "quick"
    said = reloading.use('[aliases]\nquick = "gpt-5-mini"\n')
    assert said.endswith("changed: alias")
    assert reloading.asked_model("quick") == "gpt-5-mini"
    assert reloading.hang_up("Configuration reloaded").endswith("changed: nothing")
    reloading.use('[aliases]\nquick = "gpt-4.1"\n')
    assert reloading.asked_model("quick") == "gpt-4.1"


def test_r54_keys_are_added_and_revoked(reloading: Reloading) -> None:
    reloading.use(f'api-key = ["{KEY}"]\n')
    assert reloading.ask().status == 401
    assert reloading.ask(key=KEY).status == 200
    reloading.keys.write_text(f"{KEY}-second\n", encoding="utf-8")
    reloading.use(f'api-key-file = "{reloading.keys}"\n')
    assert [reloading.ask(key=key).status for key in (KEY, f"{KEY}-second")] == [401, 200]
    # The key file is read again, also when the config file says the same as before.
    reloading.keys.write_text(f"{KEY}-third\n", encoding="utf-8")
    reloading.hang_up("Configuration reloaded")
    assert [reloading.ask(key=f"{KEY}-{key}").status for key in ("second", "third")] == [401, 200]
    reloading.keys.unlink()
    assert "cannot be read" in reloading.hang_up("not reloaded", "errors")
    assert [reloading.ask(key=f"{KEY}-{key}").status for key in ("second", "third")] == [401, 200]


def test_r54_limits_origins_and_words_of_errors_change(reloading: Reloading) -> None:
    origin = "https://pages.example"
    assert reloading.ask(origin=origin).status == 403
    reloading.use(f'cors-origin = ["{origin}"]\nrate-limit = 3600\nerror-style = "dialect"\n')
    assert reloading.ask(origin=origin).headers["access-control-allow-origin"] == origin
    assert reloading.ask().status == 429
    reloading.use("")
    assert reloading.ask().status == 200
    assert reloading.ask(origin=origin).status == 403


def test_r54_details_are_shown_and_hidden_again(reloading: Reloading) -> None:
    reloading.use("verbose = true\n")
    seen = len(reloading.gateway.output.lines)
    assert reloading.ask().status == 200
    reloading.gateway.output.wait_for(f"chat -> {CHAT}", after=seen)
    reloading.use("verbose = false\n")
    seen = len(reloading.gateway.output.lines)
    assert reloading.ask().status == 200
    reloading.gateway.output.wait_for(f"--> POST /v1{CHAT}", after=seen)
    assert "initiator" not in "\n".join(reloading.gateway.output.lines[seen:])


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("strict = true\nalias = ", "line 2"),
        ("\n\nrate-limit = 'soon'\n", "line 3: rate-limit: 'soon' is not a number"),
        ("strict = true\nstrickt = true\n", "line 2: there is no option 'strickt'"),
        ("strict = 7.5\n", "line 1: strict: 7.5 is neither true nor false"),
        ("[aliases]\nfast = 1\n", "line 1: [aliases] holds lines"),
        ('alias = ["fast"]', "line 1: alias: write 'fast' as NAME=MODEL"),
        ("strict = true\ncors-origin = ['*']\n", "line 2: cors-origin: '*' is not an origin"),
        ("strict = true\n\n# \xff", "no UTF-8 (at line 3)"),
        ('api-key-file = "/nowhere/keys"', "the key file /nowhere/keys cannot be read"),
    ],
)
def test_r54_a_bad_file_keeps_the_old_one_and_says_where(reloading: Reloading, text: str, where: str) -> None:
    reloading.use('[aliases]\nquick = "gpt-5-mini"\n')
    reloading.file.write_bytes(text.encode("latin-1"))
    assert where in reloading.hang_up("not reloaded, the old one is kept", "errors")
    assert reloading.asked_model("quick") == "gpt-5-mini"
    assert reloading.ask().status == 200


def test_r54_a_file_that_vanished_opens_nothing(reloading: Reloading) -> None:
    reloading.use(f'api-key = ["{KEY}"]\n')
    reloading.file.unlink()
    assert "config.toml is gone" in reloading.hang_up("not reloaded", "errors")
    assert reloading.ask().status == 401
    assert reloading.ask(key=KEY).status == 200


def test_r54_what_needs_a_restart_is_said_and_left_alone(reloading: Reloading) -> None:
    text = 'max-queue = 9\nmax-concurrency = 1\n[aliases]\nquick = "gpt-5-mini"\n'
    for _ in range(2):
        reloading.file.write_text(text, encoding="utf-8")
        warned = len(reloading.gateway.errors.lines)
        reloading.hang_up("Configuration reloaded")
        found = reloading.gateway.errors.wait_for("needs a restart", after=warned)
        assert found.string.strip().endswith("Changed but needs a restart: max-concurrency, max-queue")
    assert reloading.asked_model("quick") == "gpt-5-mini"


def test_r54_under_load_no_request_and_no_stream_is_lost(reloading: Reloading) -> None:
    body = {"model": "gpt-4.1", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    reloading.upstream.plan(CHAT, head(), frame("some"), wait("go"), frame(" more"), finish(), done(), end())
    with ThreadPoolExecutor(5) as threads:
        stream = threads.submit(request, reloading.gateway.url, "POST", f"/v1{CHAT}", body)
        attempt = reloading.upstream.attempt(CHAT)
        attempt.reached("go")
        load = [threads.submit(lambda: [reloading.ask("fast").status for _ in range(40)]) for _ in range(4)]
        for number in range(20):
            if number % 3 == 2:
                reloading.file.write_text("strict = ", encoding="utf-8")
                reloading.hang_up("not reloaded", "errors")
            else:
                model = ("gpt-4.1", "gpt-5-mini")[number % 2]
                reloading.use(f'keepalive-interval = {number + 5}\n[aliases]\nfast = "{model}"\n')
        attempt.release("go")
        assert {status for each in load for status in each.result()} == {200}
        assert read_chat(stream.result().body) == ("some more", True, [])


def test_r54_asked_for_while_it_starts_it_is_done_afterwards(
    engine: str, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    home = prepared(tmp_path)
    upstream.forget()
    upstream.plan("/copilot_internal/v2/token", wait("go"), *whole(TOKEN))
    gateway = GatewayProcess(home, upstream.url, "--engine", engine)

    def change() -> None:
        attempt = upstream.attempt("/copilot_internal/v2/token")
        (data_directory(home) / CONFIG_FILE).write_text("strict = true\n", encoding="utf-8")
        gateway.process.send_signal(signal.SIGHUP)
        attempt.release("go")

    with ThreadPoolExecutor(1) as threads:
        changing = threads.submit(change)
        with gateway:
            changing.result()
            assert gateway.output.wait_for("Configuration reloaded").string.endswith("changed: strict")


def test_r54_a_terminal_that_is_closed_stops_it_as_a_signal_does(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    """Who started it there is gone; it would hold the port unseen."""
    ours, theirs = pty.openpty()
    gateway = GatewayProcess(tmp_path, upstream.url)
    process = subprocess.Popen(
        gateway.command,
        env=gateway.environment,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while "Listening on" not in (line := process.stdout.readline()):
        assert line
    process.send_signal(signal.SIGHUP)
    while "Configuration reloaded" not in (line := process.stdout.readline()):
        assert line
    os.close(theirs)
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    assert process.communicate(timeout=30)[1].count("Traceback") == 0
    assert process.returncode == 0
