"""The SDKs of the vendors and what is built on them: each program with a model of each leg.

The programs (`programs/`) do with their SDK what its users do and print what they found as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from copilot_api.simulator import SimulatorServer
from tests.clients.conftest import Asked
from tests.clients.running import Place, from_pip, node, run
from tests.support.process import GatewayProcess

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]

PROGRAMS = Path(__file__).parent / "programs"
LEGS = {
    "gpt-5.4": "/responses",
    "claude-opus-5": "/v1/messages",
    "gemini-3.1-pro-preview": "/chat/completions",
}
"""Models that have one endpoint only, and which."""
TOLD = "The tool has answered: 19 degrees in Paris That is all there is to say."
DIMENSIONS = 256
UNKNOWN = 'model "no-such-model" not found; `copilot-api models` lists those of your account'


@pytest.fixture(scope="module")
def gateway(simulator: SimulatorServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """With reasoning sent to clients of Anthropic's format, whatever the model."""
    with GatewayProcess(tmp_path_factory.mktemp("home"), simulator.url, "--reasoning") as process:
        yield process


Run = Callable[[str], dict[str, Any]]


@pytest.fixture(params=LEGS)
def model(request: pytest.FixtureRequest) -> str:
    """A model of each leg."""
    return str(request.param)


@pytest.fixture
def found(
    gateway: GatewayProcess, place: Place, asked: Callable[[], list[Asked]], model: str
) -> Callable[[str], dict[str, Any]]:
    """Runs a program; what it asked of the model went over the model's own leg."""

    def ran(program: str) -> dict[str, Any]:
        interpreter = node() if program.endswith(".mjs") else from_pip("clients", "python")
        printed = run(place, [interpreter, str(PROGRAMS / program), gateway.url, model], {})
        paths = {each.path for each in asked() if each.body["model"] == model}
        assert paths == {LEGS[model]}
        result: dict[str, Any] = json.loads(printed.splitlines()[-1])
        return result

    return ran


def check_list(names: list[str], model: str) -> None:
    assert model in names
    assert len(names) == len(set(names)) > 20


def test_openai_for_node(found: Run, model: str) -> None:
    result = found("openai_sdk.mjs")
    check_list(result.pop("models"), model)
    # The model of Google's family says nothing beside its calls.
    before = "" if model.startswith("gemini") else "Let me use a tool for that."
    assert result == {
        "chat": TOLD.replace("Paris", "Paris / 19 degrees in Rome"),
        "chatTools": ["Paris", "Rome"],
        "streamedText": before,
        "responseText": before,
        "responsesTool": "Oslo",
        "responses": "The tool has answered: 3 degrees in Oslo That is all there is to say.",
        "usage": True,
        "embedding": DIMENSIONS,
        "model": model,
        "error": [404, f"404 {UNKNOWN}"],
    }


def test_anthropic_for_node(found: Run, model: str) -> None:
    result = found("anthropic_sdk.mjs")
    check_list(result.pop("models"), model)
    assert 5 < result.pop("count") < 40
    status, message = result.pop("error")
    assert status == 400
    assert "The requested model is not supported." in message
    assert result == {
        "stop": "tool_use",
        "tool": "Paris",
        "thinking": True,
        "text": "The tool has answered: 19 degrees That is all there is to say.",
        "usage": True,
        "shape": True,
    }


def test_google_for_node(found: Run, model: str) -> None:
    result = found("genai_sdk.mjs")
    check_list(result.pop("models"), f"models/{model}")
    assert result.pop("tokens") > 20
    assert 5 < result.pop("count") < 40
    assert result == {"tool": "Paris", "text": TOLD}


def test_google_for_python(found: Run, model: str) -> None:
    result = found("genai_client.py")
    check_list(result.pop("models"), f"models/{model}")
    assert 5 < result.pop("count") < 40
    assert result == {
        "tool": "Paris",
        "text": TOLD,
        "city": "Lisbon",
        "embeddings": 2,
        "error": [404, "NOT_FOUND"],
    }


def test_ollama_for_node(found: Run, model: str) -> None:
    result = found("ollama_sdk.mjs")
    check_list(result.pop("models"), model)
    assert result.pop("generated").startswith("You said: Say Lisbon.")
    assert result == {
        "tool": "Paris",
        "text": TOLD,
        "embedding": 2,
        "capabilities": ["completion", "tools", "vision", "thinking"],
    }


def test_ollama_for_python(found: Run, model: str) -> None:
    result = found("ollama_client.py")
    check_list(result.pop("models"), model)
    assert result == {
        "tool": "Paris",
        "text": TOLD,
        "city": "Lisbon",
        "embeddings": 2,
        "context": True,
        "error": [404, UNKNOWN],
    }


def test_vercel_ai(found: Run) -> None:
    good = {"text": TOLD, "asked": ["Paris"], "tokens": True}
    assert found("vercel_ai_sdk.mjs") == dict.fromkeys(("anthropic", "responses", "chat", "compatible"), good)


def test_langchain(found: Run) -> None:
    good = {"tool": "Paris", "text": TOLD, "city": "Lisbon"}
    assert found("langchain_client.py") == {
        **dict.fromkeys(("chat", "responses", "messages"), good),
        "embedding": DIMENSIONS,
    }
