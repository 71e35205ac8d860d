"""What the official SDKs make of failures: the error is of the right class and helps, and their own retry
does the right thing (issue 6, R-26 to R-30, R-37, R-38, R-60)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from tests.support.faults.legs import CHAT, MESSAGES, RESPONSES
from tests.support.faults.scenarios import BEFORE, WITHIN, Scenario, name_of, play
from tests.support.process import GatewayProcess
from tests.support.raw_http import RawConnection
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.upstream_steps import head, hold

KEY = "key-of-the-test-0123456789abcdef"
MODELS = {"chat": CHAT.model, "responses": RESPONSES.model, "messages": MESSAGES.model}


@dataclass(frozen=True, slots=True)
class Pair:
    gateway: GatewayProcess
    upstream: ScriptedUpstream


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as made:
        yield made


@pytest.fixture(scope="module", params=["native", "reference"])
def process(
    request: pytest.FixtureRequest, upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    limits = ("--stream-idle-timeout", "0.6", "--api-key", KEY)
    home = tmp_path_factory.mktemp("home")
    with GatewayProcess(home, upstream.url, "--engine", str(request.param), *limits) as gateway:
        yield gateway


@pytest.fixture
def pair(process: GatewayProcess, upstream: ScriptedUpstream) -> Pair:
    upstream.forget()
    upstream.close_idle()
    play(upstream)
    return Pair(process, upstream)


@dataclass
class Told:
    """What the SDK's user gets: text, then maybe an error."""

    text: str = ""
    error: Any = None


Waits = list[float]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """The SDKs do not wait before they try again; the list has how long they would have."""
    found: Waits = []
    for module in (openai, anthropic):
        client: Any = module._base_client.BaseClient
        plain = client._calculate_retry_timeout

        def calculate(self: Any, *arguments: Any, plain: Any = plain) -> float:
            found.append(plain(self, *arguments))
            return 0.0

        monkeypatch.setattr(client, "_calculate_retry_timeout", calculate)
    return found


def of_openai(pair: Pair, key: str = KEY) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{pair.gateway.url}/v1", api_key=key, max_retries=1)


def chat(pair: Pair, words: str, stream: bool, key: str = KEY) -> Told:
    told = Told()
    with of_openai(pair, key) as client:
        try:
            messages: Any = [{"role": "user", "content": words}]
            answer = client.chat.completions.create(model=CHAT.model, messages=messages, stream=stream)
            if not stream:
                told.text = answer.choices[0].message.content or ""
            else:
                for chunk in answer:
                    for choice in chunk.choices:
                        told.text += choice.delta.content or ""
                        assert choice.finish_reason is None or words == "hello"
        except openai.APIError as error:
            told.error = error
    return told


def responses(pair: Pair, words: str, stream: bool, key: str = KEY) -> Told:
    told = Told()
    with of_openai(pair, key) as client:
        try:
            answer: Any = client.responses.create(model=RESPONSES.model, input=words, stream=stream)
            if not stream:
                told.text = answer.output_text
            else:
                for event in answer:
                    if event.type == "response.output_text.delta":
                        told.text += event.delta
                    assert event.type != "response.completed" or words == "hello"
                    if event.type == "response.failed":
                        # This SDK gives its user the event; nothing is raised for it.
                        told.error = openai.APIError(event.response.error.message, None, body=None)  # type: ignore[arg-type]
        except openai.APIError as error:
            told.error = error
    return told


def messages(pair: Pair, words: str, stream: bool, key: str = KEY) -> Told:
    told = Told()
    with anthropic.Anthropic(base_url=pair.gateway.url, api_key=key, max_retries=1) as client:
        try:
            asked: Any = {
                "model": MESSAGES.model,
                "max_tokens": 100,
                "messages": [{"role": "user", "content": words}],
            }
            if not stream:
                told.text = client.messages.create(**asked).content[0].text
            else:
                with client.messages.stream(**asked) as events:
                    for piece in events.text_stream:
                        told.text += piece
                    assert events.get_final_message().stop_reason is not None
        except anthropic.APIError as error:
            told.error = error
    return told


Ask = Callable[..., Told]
SDKS: dict[str, Ask] = {"openai chat": chat, "openai responses": responses, "anthropic": messages}
by_sdk = pytest.mark.parametrize("sdk", SDKS)


def asked(pair: Pair, scenario: str) -> int:
    return [name_of(attempt) for attempt in pair.upstream.attempts()].count(scenario)


def check_class(sdk: str, error: Any, name: str, status: int) -> None:
    module: Any = anthropic if sdk == "anthropic" else openai
    if name == "stream":
        assert isinstance(error, module.APIError)
        assert not isinstance(error, module.APIConnectionError), "a broken connection tells nothing"
        return
    if name == "status":  # there is no class of its own for it
        assert isinstance(error, module.APIStatusError)
    else:
        assert isinstance(error, getattr(module, name)), repr(error)
    if sdk == "openai responses" and status == 402:
        status = 429
    assert error.status_code == status


@by_sdk
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("scenario", BEFORE, ids=lambda scenario: scenario.name)
def test_r37_r38_a_failure_before_the_first_byte(
    pair: Pair, waits: Waits, sdk: str, scenario: Scenario, stream: bool
) -> None:
    told = SDKS[sdk](pair, f"scenario {scenario.name}", stream)
    assert told.text == ""
    check_class(sdk, told.error, scenario.error, scenario.status)
    assert scenario.says in str(told.error)
    assert asked(pair, scenario.name) == scenario.asked
    if scenario.retry_after:
        assert waits == [float(scenario.retry_after)]
        assert told.error.response.headers["retry-after"] == scenario.retry_after
    if scenario.status in (401, 403):
        assert "copilot-api auth" in str(told.error.body)
    if scenario.name == "too-long" and sdk == "anthropic":
        assert "prompt is too long: 391491 tokens > 128000 maximum" in str(told.error)
    elif scenario.name == "too-long":
        assert told.error.code == "context_length_exceeded"


@by_sdk
@pytest.mark.parametrize("scenario", WITHIN, ids=lambda scenario: scenario.name)
def test_r26_r27_r29_a_failure_within_the_stream(
    pair: Pair, waits: Waits, sdk: str, scenario: Scenario
) -> None:
    told = SDKS[sdk](pair, f"scenario {scenario.name}", True)
    assert told.text == scenario.text
    check_class(sdk, told.error, scenario.error, scenario.status)
    assert scenario.says in str(told.error)
    assert asked(pair, scenario.name) == scenario.asked
    assert len(waits) == scenario.asked - 1


@by_sdk
def test_r60_a_gateway_that_is_full(waits: Waits, sdk: str, tmp_path: Path) -> None:
    """The SDK waits as long as it is told, tries again, and says what was wrong."""
    limit = ("--max-concurrency", "1", "--api-key", KEY)
    with ScriptedUpstream() as upstream, GatewayProcess(tmp_path, upstream.url, *limit) as gateway:
        pair = Pair(gateway, upstream)
        upstream.plan(CHAT.path, head(), hold())
        with RawConnection(("127.0.0.1", gateway.port)) as busy:
            body = b'{"model": "%s", "messages": [{"role": "user", "content": "x"}]}' % CHAT.model.encode()
            headers = (("Content-Type", "application/json"), ("Authorization", f"Bearer {KEY}"))
            busy.request("POST", "/v1/chat/completions", *headers, body=body)
            upstream.attempt(CHAT.path)
            told = SDKS[sdk](pair, "scenario none", True)
        assert asked(pair, "none") == 0
    check_class(sdk, told.error, "InternalServerError", 503)
    assert "limit of 1 requests" in str(told.error)
    assert waits == [1.0]


@by_sdk
@pytest.mark.parametrize("key", ["", "wrong-key"])
def test_r09_a_wrong_key(pair: Pair, waits: Waits, sdk: str, key: str) -> None:
    told = SDKS[sdk](pair, "scenario none", False, key or "dummy")
    check_class(sdk, told.error, "AuthenticationError", 401)
    assert "key" in str(told.error)
    assert waits == []
    assert asked(pair, "none") == 0


@by_sdk
def test_r38_an_upstream_that_cannot_be_reached(waits: Waits, sdk: str, tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream, GatewayProcess(tmp_path, upstream.url, "--api-key", KEY) as gateway:
        pair = Pair(gateway, upstream)
        upstream.stop_listening()
        upstream.close_idle()
        told = SDKS[sdk](pair, "hello", True)
    check_class(sdk, told.error, "InternalServerError", 502)
    assert "cannot reach 127.0.0.1" in str(told.error)
    assert len(waits) == 1
