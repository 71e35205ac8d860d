"""The ledger of the running program: what Copilot billed, to the unit; budgets; what the dashboard asks."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from copilot_api.ledger.entry import COLUMNS
from copilot_api.ledger.findings import FINDING_COLUMNS
from copilot_api.simulator import SimulatorServer
from tests.matrix.chat import Chat
from tests.matrix.completions import Completions
from tests.matrix.gemini import Gemini
from tests.matrix.messages import Messages
from tests.matrix.ollama import Ollama
from tests.matrix.responses import Responses
from tests.matrix.talk import Ask, Dialect, user
from tests.support.http import request
from tests.support.process import GatewayProcess
from tests.support.raw_http import RawConnection

DIALECTS: tuple[Dialect, ...] = (Chat(), Messages(), Responses(), Gemini(), Ollama(), Completions())
MODELS = ("gpt-4.1", "gpt-5.4", "claude-sonnet-4.6", "gemini-3.1-pro-preview")
CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
PATIENCE = 20.0


def ask(gateway: GatewayProcess, dialect: Dialect, model: str, *, stream: bool) -> int:
    asked = dialect.request(Ask(model, (user(f"say {model}"),), stream))
    return request(gateway.url, "POST", asked.path, asked.body).status


@contextmanager
def begun(gateway: GatewayProcess, model: str) -> Iterator[None]:
    """Hold a stream whose answer has begun."""
    with RawConnection(("127.0.0.1", gateway.port)) as connection:
        body = json.dumps(CHAT | {"model": model, "stream": True}).encode()
        connection.request("POST", "/v1/chat/completions", ("Content-Type", "application/json"), body=body)
        connection.head()
        connection.chunk()
        yield


def leave_within(gateway: GatewayProcess, model: str) -> None:
    """Go away once the answer has begun."""
    with begun(gateway, model):
        pass


def rows(home: Path) -> list[dict[str, Any]]:
    path = home / ".local/share/copilot-api/ledger.sqlite"
    if not path.exists():
        return []
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute("SELECT * FROM requests ORDER BY id")]
    except sqlite3.OperationalError:  # made, and without its table as yet
        return []
    finally:
        connection.close()


def is_written(home: Path, count: int) -> bool:
    return len(rows(home)) >= count


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that tells of itself by being there."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def billed(entries: list[dict[str, Any]]) -> dict[str, Counter[str]]:
    sums: dict[str, Counter[str]] = {}
    for entry in entries:
        if entry["input_tokens"] is not None:
            found = sums.setdefault(entry["model"], Counter())
            for name in ("input_tokens", "cached_tokens", "output_tokens", "nano_aiu"):
                found[name] += entry[name] or 0
    return sums


FAULTS: dict[str, dict[str, Any]] = {
    "status": {"kind": "status", "status": 503},
    "close": {"kind": "close"},
    "cut": {"kind": "cut", "after_frames": 3},
    "error_frame": {"kind": "error_frame", "after_frames": 3},
    "stop": {"kind": "stop", "after_frames": 3},
    "garbage_frame": {"kind": "garbage_frame", "after_frames": 3},
}
"""What goes wrong upstream, on the way of a chat stream."""


class Mixture:
    """Requests of every kind, the same in each run, and what must come of them."""

    def __init__(self, simulator: SimulatorServer, home: Path) -> None:
        self._simulator, self._home = simulator, home
        self._chance = random.Random(7)  # noqa: S311 - for variety only
        self.sent = 0
        self.outcomes: Counter[str] = Counter()
        self.repeated = 0
        """Requests for which Copilot was called twice: their token was not good any more, or a connection."""

    def send(self, gateway: GatewayProcess, count: int) -> None:
        """Send requests one by one; each is over when this returns."""
        kinds = ["plain"] * 32 + [*FAULTS, "left", "unknown"]
        for number in range(count):
            # A new token is waited for most of a second, so there are few of these.
            kind = "revoked" if number % 160 == 40 else self._chance.choice(kinds)
            getattr(self, f"_{kind}", self._faulty)(gateway, kind)
        self.sent += count

    def settled(self) -> bool:
        """Tell whether all that is over is written."""
        return is_written(self._home, self.sent)

    def _plain(self, gateway: GatewayProcess, _kind: str) -> None:
        dialect, model = self._chance.choice(DIALECTS), self._chance.choice(MODELS)
        assert ask(gateway, dialect, model, stream=self._chance.random() < 0.5) == 200
        self.outcomes["complete"] += 1

    def _faulty(self, gateway: GatewayProcess, kind: str) -> None:
        self._simulator.faults.add("/chat/completions", **FAULTS[kind])
        status = ask(gateway, DIALECTS[0], "gpt-4.1", stream=True)
        if kind == "close" and status == 200:
            # A connection that had served before was closed without a word: tried again (D-H13).
            self.outcomes["complete"] += 1
            self.repeated += 1
        else:
            self.outcomes["failed"] += 1

    def _left(self, gateway: GatewayProcess, _kind: str) -> None:
        self._simulator.faults.add("/chat/completions", "silence", after_frames=2, seconds=PATIENCE)
        leave_within(gateway, "gpt-4.1")
        self.outcomes["client_gone"] += 1

    def _unknown(self, gateway: GatewayProcess, _kind: str) -> None:
        assert ask(gateway, DIALECTS[0], "no-such-model", stream=False) == 400
        self.outcomes["failed"] += 1

    def _revoked(self, gateway: GatewayProcess, _kind: str) -> None:
        self._simulator.revoke_tokens()
        assert ask(gateway, DIALECTS[0], "gpt-4.1", stream=True) == 200
        self.outcomes["complete"] += 1
        self.repeated += 1


@pytest.mark.parametrize(("engine", "count"), [("native", 1000), ("reference", 150)])
def test_totals_are_what_was_billed_with_aborts_retries_and_kills(
    tmp_path: Path, engine: str, count: int
) -> None:
    with SimulatorServer() as simulator:
        mixture = Mixture(simulator, tmp_path)
        in_flight = set()
        for _ in range(3):
            with GatewayProcess(tmp_path, simulator.url, "--engine", engine) as gateway:
                mixture.send(gateway, count // 3 + 1)
                # What is a second old outlives everything; what is on its way when it ends was not over.
                until(mixture.settled)
                simulator.faults.add("/chat/completions", "silence", after_frames=2, seconds=PATIENCE)
                with begun(gateway, "gpt-4.1"):
                    in_flight.add(simulator.state.billed[-1].request_id)
                    gateway.kill()
        entries = rows(tmp_path)
        bills = {
            bill.request_id: {
                "model": bill.model,
                "input_tokens": bill.input_tokens,
                "cached_tokens": bill.cached_tokens,
                "output_tokens": bill.output_tokens,
                "nano_aiu": bill.nano_aiu,
            }
            for bill in simulator.state.billed
        }
        assert len(bills) == len(simulator.state.billed)
    assert len(entries) == mixture.sent >= count
    whole = [entry for entry in entries if entry["outcome"] == "complete"]
    broken = {entry["request_id"]: entry for entry in entries if entry["outcome"] != "complete"}
    assert all(entry["nano_aiu"] is None for entry in broken.values()), "nobody said what it cost"
    # A call that is repeated with a new token is another one to Copilot: by all of them, not one by one.
    told = [bill for name, bill in bills.items() if name not in broken and name not in in_flight]
    assert len(told) == len(whole)
    assert billed(whole) == billed(told)
    for entry in whole:
        if entry["attempts"] == 1:
            assert billed([entry]) == billed([bills[entry["request_id"]]])
    outcomes = Counter(
        name if (name := entry["outcome"]) in ("complete", "client_gone") else "failed" for entry in entries
    )
    assert outcomes == mixture.outcomes
    assert sum(entry["attempts"] == 2 for entry in entries) == mixture.repeated
    assert min(mixture.outcomes.values()) > 0
    assert mixture.repeated > 0


@pytest.fixture(scope="module")
def served(
    simulator: SimulatorServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[GatewayProcess, Path]]:
    home = tmp_path_factory.mktemp("home")
    with GatewayProcess(home, simulator.url, "--budget", "1000 requests/day soft") as gateway:
        for stream in (False, True):
            for model in MODELS:
                assert ask(gateway, DIALECTS[0], model, stream=stream) == 200
        until(lambda: len(rows(home)) == 8)
        yield gateway, home


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer() as server:
        yield server


def test_a_row_has_all_that_is_to_be_known(simulator: SimulatorServer, tmp_path: Path) -> None:
    key = "q8Zr2LwXv7Tn4KcYp1Hd6Bs9"
    session = "efbc8ab2-637e-4f23-909b-0869128c4eac"
    before = time.time()
    with GatewayProcess(tmp_path, simulator.url, "--api-key", key) as gateway:
        simulator.revoke_tokens()
        body = {
            "model": "gpt-5.4",
            "max_tokens": 50,
            "top_k": 5,
            "stream": True,
            "metadata": {"user_id": f"user_x_account__session_{session}"},
            "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
        }
        headers = {"x-api-key": key, "user-agent": "claude-cli/2.1.330 (external, cli)"}
        answer = request(gateway.url, "POST", "/v1/messages", body, headers)
        assert answer.status == 200
        until(lambda: len(rows(tmp_path)) == 1)
    row = rows(tmp_path)[0]
    bill = simulator.state.billed[-1]
    told = {
        "dialect": "messages",
        "leg": "responses",
        "asked": "gpt-5.4",
        "model": "gpt-5.4",
        "client": "Claude Code",
        "key": "option",
        "session": session,
        "initiator": "user",
        "reason": "last message is the user's",
        "streamed": 1,
        "status": 200,
        "outcome": "complete",
        "attempts": 2,
        "input_tokens": bill.input_tokens,
        "cached_tokens": bill.cached_tokens,
        "cache_write_tokens": None,
        "output_tokens": bill.output_tokens,
        "nano_aiu": bill.nano_aiu,
        "multiplier": 1.0,
        "bytes_in": len(json.dumps(body)),
        "bytes_out": len(answer.body),
        "rewrites": answer.headers["x-copilot-api-rewrites"],
    }
    assert {name: row[name] for name in told} == told
    assert row["request_id"]
    assert row["rewrites"]
    assert before <= row["at"] <= time.time()
    assert 0 < row["first_byte_ms"] <= row["duration_ms"]
    assert set(row) == {"id", *COLUMNS, *FINDING_COLUMNS}


def question(served: tuple[GatewayProcess, Path], name: str) -> Any:
    answer = request(served[0].url, "GET", f"/dashboard/api/{name}")
    assert answer.status == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json


def test_the_overview_adds_up(served: tuple[GatewayProcess, Path]) -> None:
    told = question(served, "overview")
    assert told["today"]["requests"] == told["month"]["requests"] == 8
    assert told["today"]["nano_aiu"] == sum(row["nano_aiu"] or 0 for row in rows(served[1])) > 0
    assert {row["group"] for row in told["by_model"]} == set(MODELS)
    assert told["ledger"] == "on"
    assert told["budgets"][0]["spent"] == 8
    assert told["warnings"] == []


@pytest.mark.parametrize("axis", ["hour", "day"])
@pytest.mark.parametrize("by", ["model", "client", "key"])
def test_a_series_has_its_times(served: tuple[GatewayProcess, Path], axis: str, by: str) -> None:
    told = question(served, f"series?axis={axis}&by={by}")
    assert told["times"] == sorted(set(told["times"]))
    assert {row["time"] for row in told["rows"]} <= {*told["times"]}
    assert sum(row["requests"] for row in told["rows"]) == 8


def test_requests_by_filter_and_page(served: tuple[GatewayProcess, Path]) -> None:
    first = question(served, "requests?limit=3")["requests"]
    assert [row["id"] for row in first] == [8, 7, 6]
    assert question(served, "requests?limit=3&before=6")["requests"][0]["id"] == 5
    only = question(served, "requests?model=gpt-5.4&status=200&outcome=complete")["requests"]
    assert [row["leg"] for row in only] == ["responses", "responses"]
    assert only[0]["reason"] == "last message is the user's"


@pytest.mark.parametrize("name", ["series?axis=week", "series?by=status", "requests?limit=many"])
def test_a_question_that_is_none_is_400(served: tuple[GatewayProcess, Path], name: str) -> None:
    assert request(served[0].url, "GET", f"/dashboard/api/{name}").status == 400


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("about", {"version"}),
        ("cache", {"ledger", "month", "days", "sessions", "answers", "doctor"}),
        ("models", {"models"}),
        ("choices", {"ledger", "model", "client", "key", "dialect", "initiator", "outcome"}),
        ("failures", {"ledger", "classes", "retries", "calls", "times", "rows", "requests"}),
        ("engine", {"components", "settings", "ledger"}),
    ],
)
def test_other_questions(served: tuple[GatewayProcess, Path], name: str, members: set[str]) -> None:
    assert set(question(served, name)) == members


def test_settings_are_told_without_secrets(simulator: SimulatorServer, tmp_path: Path) -> None:
    key = "q8Zr2LwXv7Tn4KcYp1Hd6Bs9"
    with GatewayProcess(tmp_path, simulator.url, "--api-key", key, "--no-ledger") as gateway:
        assert request(gateway.url, "GET", "/dashboard").status == 200
        assert request(gateway.url, "GET", "/dashboard/api/engine").status == 401
        answer = request(gateway.url, "GET", "/dashboard/api/engine", headers={"x-api-key": key})
        assert {"name": "api-key", "value": "[redacted]", "origin": "--api-key"} in answer.json["settings"]
        assert key not in answer.text
        assert (
            request(gateway.url, "POST", "/v1/chat/completions", CHAT, headers={"x-api-key": key}).status
            == 200
        )
        told = request(gateway.url, "GET", "/dashboard/api/overview", headers={"x-api-key": key})
        assert told.json["month"]["requests"] == 0
    assert rows(tmp_path) == []


def test_r20_the_page_runs_nothing_of_others(served: tuple[GatewayProcess, Path]) -> None:
    page = request(served[0].url, "GET", "/dashboard")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "<script" in page.text
    assert "style=" not in page.text
    again = request(served[0].url, "GET", "/dashboard", headers={"if-none-match": page.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


def test_live_tells_of_a_stream_while_it_runs(
    served: tuple[GatewayProcess, Path], simulator: SimulatorServer
) -> None:
    gateway, _ = served
    simulator.faults.add("/chat/completions", "silence", after_frames=2, seconds=PATIENCE)
    address = ("127.0.0.1", gateway.port)
    with RawConnection(address) as watching, RawConnection(address) as asking:
        watching.request("GET", "/dashboard/api/live")
        watching.head()
        body = json.dumps(CHAT | {"stream": True}).encode()
        asking.request("POST", "/v1/chat/completions", ("Content-Type", "application/json"), body=body)
        seen: list[dict[str, Any]] = []
        while not seen:
            event = watching.chunk()
            assert event.startswith(b"data: ")
            seen = json.loads(event[6:])["streams"]
        assert seen[0]["model"] == "gpt-4.1"
        assert seen[0]["events"] >= 1
        assert 0 <= seen[0]["silent_ms"] <= seen[0]["age_ms"] + 1


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_budget_that_is_spent_closes_in_the_clients_words(
    simulator: SimulatorServer, tmp_path: Path, dialect: Dialect
) -> None:
    arguments = ("--budget", "model=gpt-4.1: 1 requests/day", "--budget", "5 requests/month soft")
    with GatewayProcess(tmp_path, simulator.url, *arguments) as gateway:
        assert ask(gateway, dialect, "gpt-4.1", stream=False) == 200
        before = len(simulator.state.requests)
        asked = dialect.request(Ask("gpt-4.1", (user("again"),), stream=False))
        answer = request(gateway.url, "POST", asked.path, asked.body)
        assert answer.status in (402, 429)
        assert "is spent" in dialect.error(answer.status, answer.body)
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["x-should-retry"] == "false"
        assert len(simulator.state.requests) == before, "nothing was sent"
        # Another model has its own; the ledger is asked at the next start.
        assert ask(gateway, dialect, "claude-sonnet-4.6", stream=False) == 200
        until(lambda: len(rows(tmp_path)) == 3)
    with GatewayProcess(tmp_path, simulator.url, *arguments) as gateway:
        assert ask(gateway, dialect, "gpt-4.1", stream=False) in (402, 429)


def test_a_soft_budget_warns_in_log_and_header(simulator: SimulatorServer, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, simulator.url, "--budget", "2 requests/day soft") as gateway:
        for _ in range(3):
            answer = request(gateway.url, "POST", "/v1/chat/completions", CHAT)
            assert answer.status == 200
        assert answer.headers["x-copilot-api-budget"] == "2 requests/day soft: 2 of 2 requests spent"
        gateway.errors.wait_for("Budget 2 requests/day soft: 2 of 2 requests spent")
