"""Three gateways behind nginx with one store: what they keep together, what they do when parts go away."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.front import Front
from tests.support.http import Answer, request
from tests.support.keyed import KeyFile
from tests.support.process import GatewayProcess, clean_environment
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.store_server import StoreServer
from tests.support.upstream_steps import done, end, finish, frame, head, wait

CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hi"}]}
PATH = "/v1/chat/completions"
PATIENCE = 20.0
FREE = "cak_option_" + "f" * 32
"""The key of whoever is not limited."""


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


class Replicas:
    """The store, three gateways and the front; made by the test so that it can take them apart."""

    def __init__(self, folder: Path, stack: ExitStack, *options: str) -> None:
        self.folder = folder
        self.stack = stack
        self.options = options
        self.store = stack.enter_context(StoreServer())
        self.upstream = stack.enter_context(ScriptedUpstream())
        self.gateways: list[GatewayProcess] = []
        ports: list[int] = []
        front_folder = folder / "front"
        front_folder.mkdir()
        self.front = Front(front_folder, ports)
        for number in range(3):
            self.start(number)
        ports += [gateway.port for gateway in self.gateways]
        stack.enter_context(self.front)

    def start(self, number: int) -> GatewayProcess:
        """Start a replica; one that ran before gets its port again."""
        home = self.folder / f"home{number}"
        home.mkdir(exist_ok=True)
        port = self.gateways[number].port if number < len(self.gateways) else 0
        gateway = GatewayProcess(
            home,
            self.upstream.url,
            *("--shared", self.store.url, "--api-key", FREE, "--trusted-proxy", "127.0.0.1"),
            *("--public-host", f"127.0.0.1:{self.front.port}"),
            *(("--port", str(port)) if port else ()),
            *self.options,
        )
        self.stack.enter_context(gateway)
        if number < len(self.gateways):
            self.gateways[number] = gateway
        else:
            self.gateways.append(gateway)
        return gateway

    def ask(self, body: Any = CHAT, *, key: str = FREE, at: int | None = None) -> Answer:
        """Ask through the front, or one replica."""
        url = self.front.url if at is None else self.gateways[at].url
        return request(url, "POST", PATH, body, {"authorization": f"Bearer {key}"})

    def health(self, number: int) -> Any:
        return request(self.gateways[number].url, path="/health", headers={"x-api-key": FREE}).json

    def keys(self, *words: str) -> str:
        """Run `copilot-api keys` for all replicas, on a machine that is none of them."""
        home = self.folder / "operator"
        home.mkdir(exist_ok=True)
        ran = subprocess.run(
            [sys.executable, "-m", "copilot_api", "keys", *words, "--shared", self.store.url, "--json"],
            env=clean_environment(home),
            capture_output=True,
            timeout=60,
            check=True,
        )
        return ran.stdout.decode()

    def noticed(self, change: str) -> None:
        """Wait until each replica has said so; asking with a key that it does not know would be a guess."""
        for gateway in self.gateways:
            gateway.output.wait_for(f"Client keys changed: {change}")

    def add_key(self, name: str, *limits: str) -> str:
        """Make a key and wait until every replica knows it."""
        key: str = json.loads(self.keys("add", name, *limits))["key"]
        self.noticed(f"new {name}")
        return key


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    """Replicas that all stay up."""
    with ExitStack() as stack:
        yield Replicas(
            tmp_path_factory.mktemp("fleet"),
            stack,
            *("--cache", "1M", "--budget", "key=capped: 5 requests/day"),
        )


def test_a_rate_is_of_all_replicas_together(fleet: Replicas) -> None:
    key = fleet.add_key("paced", "--rate", "5/min")
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: fleet.ask(key=key), range(24)))
    statuses = Counter(answer.status for answer in answers)
    # Five at once; one more each twelve seconds, should this take so long.
    assert statuses[200] in (5, 6), statuses
    assert statuses[200] + statuses[429] == 24
    refused = next(answer for answer in answers if answer.status == 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 12


def test_places_of_a_key_are_of_all_replicas_together(fleet: Replicas) -> None:
    key = fleet.add_key("narrow", "--concurrency", "2")
    fleet.upstream.forget()
    fleet.upstream.plan("/chat/completions", head(), frame("a"), wait("go"), finish(), done(), end(), times=2)
    shown = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    with ExitStack() as stack:
        held = []
        for gateway in fleet.gateways[:2]:
            connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
            stack.callback(connection.close)
            connection.request("POST", PATH, json.dumps(CHAT | {"stream": True}), shown)
            held.append(connection.getresponse())
        assert [response.status for response in held] == [200, 200]
        refused = fleet.ask(key=key, at=2)
        assert refused.status == 429
        for attempt in fleet.upstream.attempts("/chat/completions"):
            attempt.release("go")
        for response in held:
            response.read()
    until(lambda: fleet.ask(key=key, at=2).status == 200, "the places are free again")


def test_a_key_that_is_revoked_is_good_nowhere(fleet: Replicas) -> None:
    key = fleet.add_key("leaver")
    fleet.keys("revoke", "leaver")
    fleet.noticed("ended leaver")
    assert [fleet.ask(key=key, at=at).status for at in range(3)] == [401, 401, 401]


def test_a_budget_is_spent_by_all(fleet: Replicas) -> None:
    key = fleet.add_key("capped")
    for number in range(5):
        assert fleet.ask(key=key, at=number % 2).status == 200
    until(lambda: fleet.ask(key=key, at=2).status == 402, "the third knows what the others spent")


def test_an_answer_that_one_keeps_is_anothers_hit(fleet: Replicas) -> None:
    body = CHAT | {"temperature": 0, "messages": [{"role": "user", "content": "keep this"}]}
    first = fleet.ask(body, at=0)
    assert first.headers["x-copilot-api-cache"] == "miss"
    fleet.upstream.forget()
    until(lambda: fleet.ask(body, at=1).headers["x-copilot-api-cache"] == "hit", "the answer is shared")
    second = fleet.ask(body, at=2)
    assert second.headers["x-copilot-api-cache"] == "hit"
    assert second.body == first.body


def test_each_ledger_knows_of_all_requests(fleet: Replicas) -> None:
    for number in range(3):
        for _ in range(number + 1):
            assert fleet.ask(CHAT | {"user": "ledger"}, at=number).status == 200

    def counts() -> list[int]:
        found = []
        for gateway in fleet.gateways:
            ran = subprocess.run(
                [sys.executable, "-m", "copilot_api", "usage", "--by", "key", "--json"],
                env=clean_environment(gateway.home),
                capture_output=True,
                timeout=60,
                check=True,
            )
            rows = {row["group"]: row["requests"] for row in json.loads(ran.stdout)["groups"]}
            found.append(rows.get("option", 0))
        return found

    until(lambda: len(set(counts())) == 1 and counts()[0] >= 6, "all ledgers say the same")


def test_health_and_metrics_tell_of_the_store(fleet: Replicas) -> None:
    assert fleet.health(0)["shared_store"]["status"] == "up"
    text = request(fleet.gateways[0].url, path="/metrics", headers={"x-api-key": FREE}).text
    assert "copilot_api_shared_store_up 1" in text


def test_parts_go_away_and_come_back(tmp_path: Path) -> None:
    with ExitStack() as stack:
        fleet = Replicas(tmp_path, stack, "--drain-timeout", "20")
        key = fleet.add_key("paced", "--rate", "2/min")

        # A replica is killed in the middle of a stream: that client sees that it broke, and asks again.
        fleet.upstream.plan("/chat/completions", head(), frame("a"), wait("never"))
        connection = http.client.HTTPConnection("127.0.0.1", fleet.front.port, timeout=30)
        stack.callback(connection.close)
        shown = {"authorization": f"Bearer {FREE}", "content-type": "application/json"}
        connection.request("POST", PATH, json.dumps(CHAT | {"stream": True}), shown)
        response = connection.getresponse()
        assert b"data:" in response.readline()
        streaming = [at for at in range(3) if fleet.health(at)["requests_in_flight"]]
        assert len(streaming) == 1
        fleet.gateways[streaming[0]].kill()
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            response.read()
        connection.close()
        for _ in range(6):
            assert fleet.ask().status == 200
        fleet.start(streaming[0])

        # The store is killed: nothing is refused but what a replica refuses by itself.
        fleet.store.kill()
        for _ in range(6):
            assert fleet.ask().status == 200
        until(lambda: fleet.health(0)["shared_store"]["status"] == "away", "the first knows")
        alone = Counter(fleet.ask(key=key, at=at % 3).status for at in range(15))
        # The documented bound: each of three replicas lets in the key's whole rate.
        assert 2 <= alone[200] <= 6, alone
        assert alone[200] + alone[429] == 15

        # It comes back, empty: keys and limits are shared again.
        fleet.store.start()
        for at in range(3):
            until(lambda at=at: fleet.health(at)["shared_store"]["status"] == "up", "it is back")  # type: ignore[misc]
        again = fleet.add_key("paced2", "--rate", "3/min")
        statuses = Counter(fleet.ask(key=again).status for _ in range(9))
        assert statuses[200] in (3, 4), statuses

        # It is cut off: connections stay open, and nothing comes back.
        fleet.store.freeze()
        for _ in range(6):
            assert fleet.ask().status == 200
        fleet.store.thaw()
        for at in range(3):
            until(lambda at=at: fleet.health(at)["shared_store"]["status"] == "up", "it is back")  # type: ignore[misc]

        # A rolling restart, while clients ask all the time.
        statuses = Counter()
        lock, stop = threading.Lock(), threading.Event()

        def client() -> None:
            while not stop.is_set():
                status = fleet.ask(CHAT | {"stream": True}).status
                if status == 502:
                    # A connection that nobody took before the listener was closed: nginx does not repeat a
                    # POST, and a client that repeats what was refused does.
                    status = fleet.ask(CHAT | {"stream": True}).status
                with lock:
                    statuses[status] += 1

        clients = [threading.Thread(target=client) for _ in range(4)]
        for each in clients:
            each.start()
        for number in range(3):
            before = statuses[200]
            assert fleet.gateways[number].stop() == 0
            fleet.start(number)
            until(lambda before=before: statuses[200] > before + 20, "clients go on")  # type: ignore[misc]
        stop.set()
        for each in clients:
            each.join()
        assert set(statuses) == {200}, statuses


def test_a_replica_without_the_store_starts_and_says_so(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream:
        KeyFile(tmp_path).add("ann")
        gateway = GatewayProcess(tmp_path, upstream.url, "--shared", "redis://:hidden-word@127.0.0.1:1/0")
        with gateway:
            assert request(gateway.url, path="/health").status == 200
            gateway.errors.wait_for("shared store is away")
        assert "hidden-word" not in gateway.output.text + gateway.errors.text
