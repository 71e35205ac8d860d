"""The model lists of each asker, and `copilot-api models`, by the running program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.http import request
from tests.support.process import GITHUB_TOKEN, GatewayProcess, clean_environment

ANTHROPIC = {"anthropic-version": "2026-10-21"}
GOOGLE = {"x-goog-api-key": "dummy"}


def test_openai_askers_get_the_list_of_0_7_0(gateway: GatewayProcess) -> None:
    plain = request(gateway.url, "GET", "/v1/models")
    assert request(gateway.url, "GET", "/models?client_version=0.169.0").body == plain.body
    assert set(plain.json) == {"object", "data", "has_more"}
    assert set(plain.json["data"][0]) == {
        "id",
        "object",
        "type",
        "created",
        "created_at",
        "owned_by",
        "display_name",
    }


def test_one_model_has_its_limits(gateway: GatewayProcess) -> None:
    entry = request(gateway.url, "GET", "/v1/models/claude-sonnet-4-5-20250929").json
    assert entry["id"] == "claude-sonnet-4.5"
    assert (entry["context_window"], entry["max_prompt_tokens"], entry["max_output_tokens"]) == (
        200_000,
        168_000,
        32_768,
    )


def test_anthropic_askers_get_pages_limits_and_large_variants(gateway: GatewayProcess) -> None:
    every = request(gateway.url, "GET", "/v1/models?limit=1000", headers=ANTHROPIC).json
    ids = [entry["id"] for entry in every["data"]]
    assert (every["has_more"], every["first_id"], every["last_id"]) == (False, ids[0], ids[-1])
    assert [name for name in ids if name.endswith("[1m]")] == ["claude-opus-4.6[1m]"]
    assert len(ids) == len(set(ids))
    assert {"type", "id", "display_name", "created_at", "max_input_tokens", "max_tokens"} <= set(
        every["data"][0]
    )
    first = request(gateway.url, "GET", "/v1/models?limit=3", headers=ANTHROPIC).json
    assert ([entry["id"] for entry in first["data"]], first["has_more"]) == (ids[:3], True)
    rest = request(gateway.url, "GET", f"/v1/models?after_id={ids[2]}", headers=ANTHROPIC).json
    assert [entry["id"] for entry in rest["data"]] == ids[3:]
    before = request(gateway.url, "GET", f"/v1/models?limit=2&before_id={ids[3]}", headers=ANTHROPIC).json
    assert ([entry["id"] for entry in before["data"]], before["has_more"]) == (ids[1:3], True)


def test_anthropic_askers_get_one_by_the_name_that_they_used(gateway: GatewayProcess) -> None:
    entry = request(gateway.url, "GET", "/v1/models/claude-opus-4-6%5B1m%5D", headers=ANTHROPIC).json
    assert (entry["type"], entry["id"], entry["max_input_tokens"]) == (
        "model",
        "claude-opus-4-6[1m]",
        936_000,
    )


@pytest.mark.parametrize("path", ["/v1/models", "/v1beta/models"])
def test_google_askers_get_theirs(gateway: GatewayProcess, path: str) -> None:
    answer = request(gateway.url, "GET", path, headers=GOOGLE).json
    names = [entry["name"] for entry in answer["models"]]
    assert "models/gemini-2.5-pro" in names
    assert "models/gpt-41-copilot" not in names
    one = request(gateway.url, "GET", f"{path}/gemini-2.5-pro", headers=GOOGLE).json
    assert one["supportedGenerationMethods"] == ["generateContent", "streamGenerateContent", "countTokens"]
    assert (one["inputTokenLimit"], one["outputTokenLimit"]) == (128_000, 65_536)


def test_google_pages(gateway: GatewayProcess) -> None:
    seen: list[str] = []
    token = ""
    while True:
        page = request(gateway.url, "GET", f"/v1beta/models?pageSize=7&pageToken={token}").json
        seen += [entry["name"] for entry in page["models"]]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert len(seen) == len(set(seen)) > 14


@pytest.mark.parametrize(
    ("path", "headers", "shape"),
    [
        ("/v1/models/nothing", {}, lambda body: body["error"]["code"] == "model_not_found"),
        ("/v1/models/nothing", ANTHROPIC, lambda body: body["type"] == "error"),
        ("/v1/models/nothing", GOOGLE, lambda body: body["error"]["status"] == "NOT_FOUND"),
        ("/v1beta/models/nothing", {}, lambda body: body["error"]["code"] == 404),
    ],
)
def test_an_unknown_model_is_a_404_in_the_askers_shape(
    gateway: GatewayProcess, path: str, headers: dict[str, str], shape: Any
) -> None:
    answer = request(gateway.url, "GET", path, headers=headers)
    assert answer.status == 404
    assert shape(answer.json)


def program(simulator: SimulatorServer, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    extra = {
        "COPILOT_API_GITHUB_URL": simulator.url,
        "COPILOT_API_GITHUB_API_URL": simulator.url,
        "COPILOT_API_COPILOT_URL": simulator.url,
        "COPILOT_API_GITHUB_TOKEN": GITHUB_TOKEN,
    }
    return subprocess.run(
        [sys.executable, "-m", "copilot_api", "models", *words],
        env=clean_environment(home, extra),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_models_command_lists(simulator: SimulatorServer, tmp_path: Path) -> None:
    listed = program(simulator, tmp_path)
    assert listed.returncode == 0, listed.stderr
    row = next(line for line in listed.stdout.splitlines() if line.startswith("claude-opus-4.6 "))
    assert row.split()[1:6] == ["Anthropic", "200k", "168k", "33k", "3x"]
    assert "messages,chat" in row
    entries = json.loads(program(simulator, tmp_path, "--json").stdout)
    assert {entry["id"] for entry in entries} >= {"gpt-4.1", "text-embedding-3-small"}


def test_models_command_explains_a_name(simulator: SimulatorServer, tmp_path: Path) -> None:
    told = program(simulator, tmp_path, "resolve", "claude-sonnet-4-5-20250929")
    assert told.returncode == 0, told.stderr
    assert "=> claude-sonnet-4.5 (endpoints: chat, messages)" in told.stdout
    assert "date removed, not listed" in told.stdout
    as_json = json.loads(
        program(simulator, tmp_path, "resolve", "mine", "--json", "--alias", "mine=haiku").stdout
    )
    assert as_json["sent"] == "claude-haiku-4.5"
    assert [step["listed"] for step in as_json["steps"]][-1] is True
    missing = program(simulator, tmp_path, "resolve", "nothing-like-it")
    assert (missing.returncode, "does not list it" in missing.stdout) == (1, True)
    wrong = program(simulator, tmp_path, "list")
    assert wrong.returncode == 1
