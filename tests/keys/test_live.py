"""R-09 while the gateway runs: keys are added, changed and revoked, and wrong ones cost their source."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from copilot_api.keys.attempts import MOST, PAUSE
from tests.keys.conftest import Guarded
from tests.matrix.talk import Ask, Dialect, InBand, user
from tests.support.departures import CHAT, DIALECTS
from tests.support.keyed import KeyedGateway
from tests.support.process import clean_environment
from tests.support.upstream_steps import done, end, finish, frame, head, hold, wait

MODELS = "/v1/models"
BODY = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hi"}]}
STREAM = {**BODY, "stream": True}


def keys_command(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `copilot-api keys …` as a user does, beside the running gateway."""
    return subprocess.run(
        [sys.executable, "-m", "copilot_api", "keys", *words],
        env=clean_environment(home),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def status(gateway: KeyedGateway, key: str, source: str = "127.0.0.1") -> int:
    return gateway.ask("GET", MODELS, None, {"x-api-key": key}, source=source).status


def test_r09_a_key_is_made_used_and_revoked_while_it_runs(guarded: Guarded) -> None:
    gateway, name = guarded.gateway, f"ann-{guarded.engine}"
    made = keys_command(gateway.home, "add", name, "--model", "gpt-4.1", "--json")
    told = json.loads(made.stdout)
    key = told["key"]
    assert key.startswith("cak_")
    assert told["models"] == ["gpt-4.1"]
    gateway.output.wait_for(f"Client keys changed: .*new .*{name}")
    assert status(gateway, key) == 200
    assert key not in (gateway.home / ".local/share/copilot-api/keys.json").read_text()
    listed = json.loads(keys_command(gateway.home, "list", "--json").stdout)
    assert {each["name"]: each["state"] for each in listed}[name] == "good"
    assert keys_command(gateway.home, "revoke", name).returncode == 0
    gateway.output.wait_for(f"Client keys changed: .*ended .*{name}")
    assert status(gateway, key) == 401
    assert key not in gateway.output.text + gateway.errors.text


def test_r09_revoking_ends_streams_in_band_and_the_next_request_is_401(guarded: Guarded) -> None:
    """In each dialect; streams of other keys go on."""
    gateway, upstream = guarded.gateway, guarded.upstream
    asked = [dialect.request(Ask("gpt-4.1", (user("hello"),), stream=True)) for dialect in DIALECTS]
    shown = [{"authorization": f"Bearer {gateway.keys.keys[f'gone-{each.name}']}"} for each in DIALECTS]
    others = {"x-api-key": gateway.keys.keys["full"]}
    with ExitStack() as stack:
        streams = []
        for number, (request, headers) in enumerate(zip(asked, shown, strict=True)):
            upstream.plan(CHAT, head(), frame("some"), hold())
            response = stack.enter_context(gateway.asking("POST", request.path, request.body, headers))
            assert response.status == 200
            streams.append((response, response.read(1), upstream.attempt(CHAT, number)))
        upstream.plan(CHAT, head(), frame("mine"), wait("go"), finish(), done(), end())
        other = stack.enter_context(gateway.asking("POST", "/v1/chat/completions", STREAM, others))
        begun = other.read(1)
        gateway.keys.revoke(*(f"gone-{dialect.name}" for dialect in DIALECTS))
        for dialect, (response, first, attempt) in zip(DIALECTS, streams, strict=True):
            with pytest.raises(InBand):
                dialect.streamed(first + response.read())
            attempt.closed()
        upstream.attempt(CHAT, len(DIALECTS)).release("go")
        whole = begun + other.read()
    assert b"mine" in whole
    assert b"[DONE]" in whole
    assert b'"error"' not in whole
    for request, headers in zip(asked, shown, strict=True):
        assert gateway.ask("POST", request.path, request.body, headers).status == 401


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{\n  "version": 1,\n  "keys": [\n    {"id": "k1"\n', "line 5"),
        ('{"version": 1, "keys": [\n{"id": "k1", "name": "n", "hash": "short", "created": 1}]}', "line 2"),
    ],
)
def test_r09_a_file_that_cannot_be_used_changes_nothing(guarded: Guarded, text: str, words: str) -> None:
    gateway = guarded.gateway
    path = gateway.home / ".local/share/copilot-api/keys.json"
    before, seen = path.read_text(), len(gateway.errors.lines)

    def put(content: str) -> None:
        beside = path.with_name("written-beside")
        beside.write_text(content)
        beside.chmod(0o600)
        beside.replace(path)

    try:
        put(text)
        gateway.errors.wait_for(f"cannot be used, {words}", after=seen)
        assert status(gateway, gateway.keys.keys["full"]) == 200
        assert status(gateway, "") == 401
        seen = len(gateway.errors.lines)
        path.unlink()
        gateway.errors.wait_for("are gone; those that were read stay good", after=seen)
        assert status(gateway, gateway.keys.keys["full"]) == 200
    finally:
        put(before)


def test_r09_a_thousand_wrong_keys_silence_their_source_alone(guarded: Guarded) -> None:
    gateway = guarded.gateway
    good = gateway.keys.keys["full"]
    many = 1000 if guarded.engine == "native" else 200
    began = time.monotonic()
    statuses = [status(gateway, f"cak_guess_{number:020}", "127.6.0.1") for number in range(many)]
    assert statuses[:MOST] == [401] * MOST
    assert set(statuses[MOST:]) <= {401, 429}
    # On a machine that is slow beyond belief a pause may have ended.
    assert statuses.count(401) <= MOST * (1 + (time.monotonic() - began) // PAUSE)
    for other in ("127.0.0.1", "127.6.0.2"):
        assert status(gateway, good, other) == 200


def test_r09_a_source_that_guesses_is_not_heard_at_all(guarded: Guarded) -> None:
    gateway, source = guarded.gateway, "127.6.0.3"
    for number in range(MOST):
        assert status(gateway, f"cak_guess_{number:020}", source) == 401
    gateway.errors.wait_for(r"Many wrong keys came from 127\.6\.0\.3")
    refused = gateway.ask("GET", MODELS, None, {"x-api-key": gateway.keys.keys["full"]}, source=source)
    # Also with a good key: the answer must not tell a guesser which one it was.
    assert refused.status == 429
    assert 1 <= int(refused.headers["retry-after"]) <= PAUSE
    assert gateway.ask("GET", MODELS, source=source).status == 429
    assert gateway.ask("GET", "/", source=source).status == 200


def test_r09_a_revoked_key_and_no_key_are_no_guesses(guarded: Guarded) -> None:
    gateway, source = guarded.gateway, "127.6.1.1"
    for _ in range(30):
        assert status(gateway, gateway.keys.keys["revoked"], source) == 401
        assert status(gateway, gateway.keys.keys["expired"], source) == 401
        assert gateway.ask("GET", MODELS, source=source).status == 401
    assert status(gateway, gateway.keys.keys["full"], source) == 200


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_r09_a_key_has_its_own_rate(guarded: Guarded, dialect: Dialect) -> None:
    gateway = guarded.gateway
    key = {"authorization": f"Bearer {gateway.keys.keys[f'slow-{dialect.name}']}"}
    asked = dialect.request(Ask("gpt-4.1", (user("hello"),)))
    answers = [gateway.ask("POST", asked.path, asked.body, key) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 429]
    assert "Rate limit" in dialect.error(429, answers[1].body)
    assert 1 <= int(answers[1].headers["retry-after"]) <= 60
    others = {"x-api-key": gateway.keys.keys["full"]}
    assert gateway.ask("POST", asked.path, asked.body, others).status == 200
    assert gateway.ask("GET", MODELS, None, key).status == 200


def test_r09_a_key_has_its_own_places(guarded: Guarded) -> None:
    gateway, upstream = guarded.gateway, guarded.upstream
    key = {"x-api-key": gateway.keys.keys["narrow"]}
    upstream.plan(CHAT, head(), frame("some"), hold())
    with gateway.asking("POST", "/v1/chat/completions", STREAM, key) as response:
        response.read(1)
        refused = gateway.ask("POST", "/v1/chat/completions", BODY, key)
        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        assert "narrow" in refused.json["error"]["message"]
        others = {"x-api-key": gateway.keys.keys["full"]}
        assert gateway.ask("POST", "/v1/chat/completions", BODY, others).status == 200
    gateway.until(
        lambda: gateway.ask("POST", "/v1/chat/completions", BODY, key).status == 200, "the place is free"
    )
