"""`copilot-api selftest`: everything passes here, what is broken is named, and nothing is billed unasked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from copilot_api import BackgroundGateway
from copilot_api.cli import selftest, selftest_checks
from copilot_api.cli.main import main
from copilot_api.cli.selftest_checks import Failed
from copilot_api.gateway.catalog import Model
from copilot_api.simulator import SimulatorServer
from tests.support.process import GITHUB_TOKEN, clean_environment

NAMES = [
    *("gateway and simulator", "native engine", "engines agree"),
    *("chat, whole", "chat, streamed", "responses, whole", "responses, streamed"),
    *("messages, whole", "messages, streamed", "gemini, whole", "gemini, streamed"),
    *("ollama, whole", "ollama, streamed", "completions, whole", "completions, streamed"),
    *("embeddings, whole", "token count", "errors", "cancellation", "keys"),
]


def run(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "copilot_api", "selftest", *words],
        cwd=home,
        env=clean_environment(home, environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def upstream(simulator: SimulatorServer) -> dict[str, str]:
    urls = {f"COPILOT_API_{name}_URL": simulator.url for name in ("GITHUB", "GITHUB_API", "COPILOT")}
    return urls | {"COPILOT_API_GITHUB_TOKEN": GITHUB_TOKEN}


def test_everything_passes_and_nothing_is_left(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line[2:24].strip() for line in done.stdout.splitlines() if line.startswith("✔")] == NAMES
    assert f"All {len(NAMES)} checks passed" in done.stdout
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_a_configuration_that_is_broken_does_not_matter(tmp_path: Path) -> None:
    """What is tested is the installation; the doctor looks at the configuration."""
    done = run(tmp_path, "--json", COPILOT_API_PORT="no port")
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert told["ok"] is True
    assert [each["name"] for each in told["checks"]] == NAMES
    assert all(each["ok"] and each["seconds"] >= 0 for each in told["checks"])


def test_live_is_not_sent_without_a_yes(tmp_path: Path, simulator: SimulatorServer) -> None:
    simulator.state.reset()
    for words in (("--live",), ("--live", "--json")):
        done = run(tmp_path, *words, **upstream(simulator))
        assert done.returncode == 1
        assert "billed" in done.stderr
        assert "--yes" in done.stderr
    assert simulator.state.requests == []


def test_live_makes_one_call_and_says_what_it_cost(tmp_path: Path, simulator: SimulatorServer) -> None:
    simulator.state.reset()
    done = run(tmp_path, "--live", "--yes", "--json", **upstream(simulator))
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(simulator.state.billed) == 1
    (live,) = [each for each in json.loads(done.stdout)["checks"] if each["name"] == "live call"]
    assert simulator.state.billed[0].model in live["detail"]
    assert "billed" in live["detail"]
    assert GITHUB_TOKEN not in done.stdout + done.stderr


def test_live_without_a_sign_in_says_what_to_do(tmp_path: Path, simulator: SimulatorServer) -> None:
    done = run(tmp_path, "--live", "--yes", **upstream(simulator) | {"COPILOT_API_GITHUB_TOKEN": ""})
    assert done.returncode == 1
    assert "✖ live call" in done.stdout
    assert "copilot-api auth" in done.stdout
    assert "1 of 21 checks failed: live call" in done.stderr


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.setenv("NO_COLOR", "1")

    def run_here() -> tuple[int, Any]:
        code = main(["selftest", "--json"])
        return code, {each["name"]: each for each in json.loads(capsys.readouterr().out)["checks"]}

    return run_here


def test_what_fails_is_named_and_the_others_are_made(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_gateway: object) -> str:
        raise KeyError("input_tokens")

    monkeypatch.setattr(selftest_checks, "_count", broken)
    monkeypatch.setattr(selftest_checks, "WORD", "elephant")
    code, checks = told()
    assert code == 1
    failed = [name for name, each in checks.items() if not each["ok"]]
    whole = [name for name in NAMES if name.endswith("whole") and not name.startswith("embeddings")]
    assert failed == [*whole, "token count"]
    assert checks["token count"]["detail"] == "KeyError: 'input_tokens'"
    assert "lacks what was asked for" in checks["chat, whole"]["detail"]
    assert list(checks) == NAMES


def test_a_gateway_that_does_not_open_is_the_one_failure(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unopened:
        def __init__(self, **_options: object) -> None:
            raise OSError("no port is free")

    monkeypatch.setattr(selftest, "BackgroundGateway", Unopened)
    code, checks = told()
    assert code == 1
    assert {name: each["detail"] for name, each in checks.items()} == {
        "gateway and simulator": "no port is free"
    }


def test_the_reference_engine_is_not_what_was_installed() -> None:
    with BackgroundGateway(simulate=True, engine="reference") as gateway:
        found = {check.name: check for check in selftest_checks.checks(gateway)}
        with pytest.raises(Failed, match="tokenizer"):
            found["native engine"].run()
        assert found["chat, streamed"].run()


def test_the_cheapest_model_that_chats() -> None:
    def model(name: str, multiplier: float | None, **more: Any) -> Model:
        kind = more.pop("kind", "chat")
        return Model(
            id=name, name=None, vendor=None, kind=kind, max_output_tokens=None, multiplier=multiplier, **more
        )

    models = (
        model("dear", 10.0),
        model("free-embeddings", 0.0, kind="embeddings"),
        model("free-and-off", 0.0, disabled=True),
        model("cheap", 0.25),
        model("cheap-too", 0.25),
        model("unknown", None),
    )
    assert selftest.cheapest(models) == models[3]
    assert selftest.cheapest(models[1:3]) is None
