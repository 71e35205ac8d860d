"""Hooks of the user's own: they see each plan once, choose another model or refuse, and hear how it ended."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from copilot_api import BackgroundGateway, Entry, Plan, Refusal, RequestFacts
from copilot_api.gateway import hooks
from copilot_api.github.credentials import data_directory
from copilot_api.simulator import SimulatorServer
from tests.matrix.chat import Chat
from tests.matrix.completions import Completions
from tests.matrix.gemini import Gemini
from tests.matrix.messages import Messages
from tests.matrix.ollama import Ollama
from tests.matrix.responses import Responses
from tests.matrix.talk import Ask, Dialect, user
from tests.support.http import request
from tests.support.keyed import KeyFile
from tests.support.process import GatewayProcess

DIALECTS: tuple[Dialect, ...] = (Chat(), Messages(), Responses(), Gemini(), Ollama(), Completions())
CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
PATIENCE = 20.0
SECRET_WORDS = "a prompt that no log may have"


class Watcher:
    """Both hooks; a test says what they do."""

    def __init__(self) -> None:
        self.plans: list[tuple[Plan, RequestFacts]] = []
        self.told: list[Entry] = []
        self.answer: Any = None
        self.failure: Exception | None = None
        self._changed = threading.Condition()

    def on_plan(self, plan: Plan, facts: RequestFacts) -> Any:
        self.plans.append((plan, facts))
        if self.failure is not None:
            raise self.failure
        return self.answer(plan, facts) if callable(self.answer) else self.answer

    def on_summary(self, entry: Entry) -> None:
        with self._changed:
            self.told.append(entry)
            self._changed.notify_all()

    def wait(self, count: int = 1) -> Entry:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.told) >= count, PATIENCE)
            return self.told[count - 1]


@pytest.fixture(scope="module")
def shared(simulator: SimulatorServer) -> Iterator[tuple[BackgroundGateway, list[Watcher]]]:
    """One gateway whose hooks pass on to those of the running test."""
    now: list[Watcher] = []

    def on_plan(plan: Plan, facts: RequestFacts) -> Any:
        return now[-1].on_plan(plan, facts)

    def on_summary(entry: Entry) -> None:
        now[-1].on_summary(entry)

    with BackgroundGateway(simulator=simulator, on_plan=on_plan, on_summary=on_summary) as gateway:
        yield gateway, now


@pytest.fixture
def watcher(shared: tuple[BackgroundGateway, list[Watcher]], simulator: SimulatorServer) -> Watcher:
    simulator.faults.clear()
    made = Watcher()
    shared[1].append(made)
    return made


@pytest.fixture
def gateway(shared: tuple[BackgroundGateway, list[Watcher]]) -> BackgroundGateway:
    return shared[0]


def asked(simulator: SimulatorServer) -> list[str]:
    return [each.path for each in simulator.state.requests if each.path != "/models"]


# -------------------------------------------------------------------------------------------- on_plan


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: type(each).__name__)
def test_another_model_in_every_dialect(
    gateway: BackgroundGateway,
    watcher: Watcher,
    simulator: SimulatorServer,
    dialect: Dialect,
    stream: bool,
) -> None:
    watcher.answer = "claude-sonnet-4.6"
    made = dialect.request(Ask("gpt-4.1", (user("hello"),), stream))
    answer = request(gateway.url, "POST", made.path, made.body)
    assert answer.status == 200, answer.text
    assert json.loads(simulator.state.requests[-1].body)["model"] == "claude-sonnet-4.6"
    rewrites = answer.headers["x-copilot-api-rewrites"]
    assert "model gpt-4.1 -> claude-sonnet-4.6: by the hook on_plan" in rewrites
    ((plan, facts),) = watcher.plans
    assert (plan.resolution.name, facts.model, facts.stream) == ("gpt-4.1", "gpt-4.1", stream)
    entry = watcher.wait()
    assert (entry.asked, entry.model, entry.status) == ("gpt-4.1", "claude-sonnet-4.6", 200)
    assert entry.outcome == "complete"


def test_a_family_name_is_resolved(
    gateway: BackgroundGateway, watcher: Watcher, simulator: SimulatorServer
) -> None:
    watcher.answer = "haiku"
    assert request(gateway.url, "POST", "/v1/chat/completions", CHAT).status == 200
    assert json.loads(simulator.state.requests[-1].body)["model"].startswith("claude-haiku")


def test_the_choice_outlives_a_refusal_that_is_mended(
    gateway: BackgroundGateway, watcher: Watcher, simulator: SimulatorServer
) -> None:
    watcher.answer = "claude-sonnet-4.6"
    begin = len(asked(simulator))
    body = b'{"error":{"message":"model \\"x\\" is not accessible via the /chat/completions endpoint"}}'
    simulator.faults.add("/chat/completions", "status", status=400, body=body)
    answer = request(gateway.url, "POST", "/v1/chat/completions", CHAT)
    assert answer.status == 200, answer.text
    assert asked(simulator)[begin:] == ["/chat/completions", "/v1/messages"]
    assert json.loads(simulator.state.requests[-1].body)["model"] == "claude-sonnet-4.6"
    assert "by the hook on_plan" in answer.headers["x-copilot-api-rewrites"]
    assert len(watcher.plans) == 1


@pytest.mark.parametrize("answer", [None, "gpt-4.1", lambda plan, _facts: plan], ids=["none", "same", "plan"])
def test_going_on_changes_nothing(
    gateway: BackgroundGateway, watcher: Watcher, simulator: SimulatorServer, answer: Any
) -> None:
    watcher.answer = answer
    got = request(gateway.url, "POST", "/v1/chat/completions", CHAT)
    assert got.status == 200
    assert "on_plan" not in got.headers.get("x-copilot-api-rewrites", "")
    assert json.loads(simulator.state.requests[-1].body)["model"] == "gpt-4.1"


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: type(each).__name__)
def test_a_refusal_is_told_in_the_dialect(
    gateway: BackgroundGateway, watcher: Watcher, simulator: SimulatorServer, dialect: Dialect
) -> None:
    watcher.failure = Refusal("not on a Sunday", 429)
    begin = len(asked(simulator))
    made = dialect.request(Ask("gpt-4.1", (user("hello"),), False))
    answer = request(gateway.url, "POST", made.path, made.body)
    assert answer.status == 429
    error = answer.json["error"]
    assert "not on a Sunday" in (error if isinstance(error, str) else error["message"])
    assert asked(simulator)[begin:] == []
    entry = watcher.wait()
    assert (entry.status, entry.outcome, entry.attempts, entry.leg) == (429, "refused_by_hook", 0, "")


@pytest.mark.parametrize("wrong", ["raises", "number", "empty"])
def test_a_hook_that_fails_is_a_clear_error(
    gateway: BackgroundGateway,
    watcher: Watcher,
    simulator: SimulatorServer,
    caplog: pytest.LogCaptureFixture,
    wrong: str,
) -> None:
    if wrong == "raises":
        watcher.failure = ValueError(SECRET_WORDS)
    watcher.answer = {"number": 7, "empty": ""}.get(wrong)
    begin = len(asked(simulator))
    with caplog.at_level(logging.ERROR, "copilot_api.hooks"):
        answer = request(gateway.url, "POST", "/v1/messages", CHAT | {"max_tokens": 10})
    assert answer.status == 500
    assert answer.json["type"] == "error"
    assert "on_plan" in answer.json["error"]["message"]
    assert SECRET_WORDS not in answer.text
    assert asked(simulator)[begin:] == []
    (told,) = [each for each in caplog.records if each.name == "copilot_api.hooks"]
    assert "on_plan" in told.getMessage()
    assert SECRET_WORDS not in caplog.text
    assert watcher.wait().outcome == "internal"


def test_the_next_request_is_as_before(gateway: BackgroundGateway, watcher: Watcher) -> None:
    watcher.failure = ValueError()
    assert request(gateway.url, "POST", "/v1/chat/completions", CHAT).status == 500
    watcher.failure = None
    assert request(gateway.url, "POST", "/v1/chat/completions", CHAT).status == 200


def test_what_is_only_counted_is_not_asked_about(gateway: BackgroundGateway, watcher: Watcher) -> None:
    assert request(gateway.url, "POST", "/v1/messages/count_tokens", CHAT).status == 200
    assert watcher.plans == []


def test_a_hook_gives_nobody_more_than_the_key_does(tmp_path: Path, simulator: SimulatorServer) -> None:
    key = KeyFile(tmp_path).add("ann", models=("gpt-4.1",))
    with BackgroundGateway(
        simulator=simulator,
        directory=data_directory(tmp_path),
        on_plan=lambda _plan, _facts: "claude-sonnet-4.6",
    ) as gateway:
        head = {"authorization": f"Bearer {key}"}
        answer = request(gateway.url, "POST", "/v1/chat/completions", CHAT, head)
    assert answer.status == 403
    assert answer.json["error"]["code"] == "model_not_allowed"


# ----------------------------------------------------------------------------------------- on_summary


def test_nobody_waits_for_a_slow_hook_and_the_end_does() -> None:
    go, told = threading.Event(), []

    def on_summary(entry: Entry) -> None:
        assert go.wait(PATIENCE)
        told.append((entry.model, threading.current_thread() is not threading.main_thread()))

    with BackgroundGateway(simulate=True, on_summary=on_summary) as gateway:
        for _ in range(3):
            assert request(gateway.url, "POST", "/v1/chat/completions", CHAT).status == 200
        assert told == []
        go.set()
    assert told == [("gpt-4.1", True)] * 3


def test_a_coroutine_runs_on_the_loop_and_failures_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []

    async def on_summary(entry: Entry) -> None:
        await asyncio.sleep(0)
        seen.append(threading.current_thread().name)
        raise LookupError(entry.model)

    with BackgroundGateway(simulate=True, on_summary=on_summary) as gateway:
        for _ in range(2):
            assert request(gateway.url, "POST", "/v1/chat/completions", CHAT).status == 200
    assert seen == ["copilot-api-gateway"] * 2
    assert [each.getMessage() for each in caplog.records if each.name == "copilot_api.hooks"] == [
        "on_summary failed"
    ] * 2


def test_what_a_hook_cannot_keep_up_with_is_lost_and_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hooks, "MOST_WAITING", 1)
    go, busy, told = threading.Event(), threading.Event(), []

    def on_summary(entry: Entry) -> None:
        busy.set()
        assert go.wait(PATIENCE)
        told.append(entry)

    with BackgroundGateway(simulate=True, on_summary=on_summary) as gateway:
        assert request(gateway.url, "POST", "/v1/chat/completions", CHAT).status == 200
        assert busy.wait(PATIENCE)
        for _ in range(4):
            assert request(gateway.url, "POST", "/v1/chat/completions", CHAT).status == 200
        go.set()
    assert len(told) == 2
    assert sum("too slow" in each.getMessage() for each in caplog.records) == 1


# --------------------------------------------------------------------------------------------- --hook

MODULE = f"""
class Mine:
    def on_plan(self, plan, facts):
        if facts.model == "nothing":
            raise ValueError({SECRET_WORDS!r})
        return "gpt-4.1" if facts.model == "mine" else None

    def on_summary(self, entry):
        print(f"told {{entry.asked}} {{entry.model}} {{entry.status}}", flush=True)

mine = Mine()
empty = object()
"""


def test_hook_of_the_command_line(tmp_path: Path, simulator: SimulatorServer) -> None:
    (tmp_path / "my_hooks.py").write_text(MODULE, encoding="utf-8")
    with GatewayProcess(tmp_path, simulator.url, "--hook", "my_hooks:mine") as gateway:
        answer = request(gateway.url, "POST", "/v1/chat/completions", CHAT | {"model": "mine"})
        assert answer.status == 200
        assert json.loads(simulator.state.requests[-1].body)["model"] == "gpt-4.1"
        gateway.output.wait_for("^told mine gpt-4.1 200$")
        answer = request(gateway.url, "POST", "/v1/chat/completions", CHAT | {"model": "nothing"})
        assert (answer.status, answer.json["error"]["code"]) == (500, "hook_failed")
        gateway.errors.wait_for("on_plan failed: ValueError")
        assert gateway.stop() == 0
        assert SECRET_WORDS not in gateway.errors.text


@pytest.mark.parametrize(
    ("named", "word"),
    [
        ("my_hooks", "MODULE:OBJECT"),
        ("my_hooks:", "MODULE:OBJECT"),
        ("not_there:x", "ModuleNotFoundError"),
        ("my_hooks:other", "no attribute 'other'"),
        ("my_hooks:empty", "neither a function on_plan nor on_summary"),
    ],
)
def test_a_hook_that_cannot_be_used_is_said_at_the_start(
    tmp_path: Path, simulator: SimulatorServer, monkeypatch: pytest.MonkeyPatch, named: str, word: str
) -> None:
    (tmp_path / "my_hooks.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    with (
        pytest.raises(Exception, match="--hook") as raised,
        BackgroundGateway(simulator=simulator, hook=[named]),
    ):
        pass
    assert type(raised.value).__name__ == "StartupError"
    assert word in str(raised.value)
    assert "\n" not in str(raised.value)
