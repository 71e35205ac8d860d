"""What is said of each client's configuration: nothing of a good one, the cause and the fix of a bad one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from copilot_api.clients import Finding, lint
from copilot_api.clients.base import Choice, Place, Target
from copilot_api.clients.claude import ClaudeCode
from copilot_api.clients.codex import Codex

URL = "http://localhost:4141"
KNOWN = frozenset({"claude-sonnet-4.6", "claude-haiku-4.5", "gpt-5.5", "sonnet"})


def found(home: Path, environ: Mapping[str, str] | None = None, **more: Any) -> tuple[Finding, ...]:
    """What is wrong, for a gateway at the usual address."""
    return lint(home, environ or {}, URL, knows=KNOWN.__contains__, **more)


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def claude_env(**more: str) -> dict[str, str]:
    return {
        "ANTHROPIC_BASE_URL": URL,
        "ANTHROPIC_AUTH_TOKEN": "dummy",
        "ANTHROPIC_MODEL": "claude-sonnet-4.6",
    } | more


CODEX = """
model = "{model}"
model_provider = "{chosen}"
[model_providers.gateway]
name = "gateway"
base_url = "{url}"
wire_api = "{wire}"
"""


def codex(**changed: str) -> str:
    values = {"model": "gpt-5.5", "chosen": "gateway", "url": f"{URL}/v1", "wire": "responses"}
    return CODEX.format(**(values | changed))


def opencode(**changed: Any) -> dict[str, Any]:
    options = {"baseURL": f"{URL}/v1", "apiKey": "dummy"} | changed.pop("options", {})
    provider = {"npm": "@ai-sdk/openai-compatible", "options": options, "models": {"gpt-5.5": {}}}
    return {"provider": {"gateway": provider}, "model": "gateway/gpt-5.5"} | changed


def test_nothing_is_said_where_nothing_is_set_up(tmp_path: Path) -> None:
    write(tmp_path / ".claude/settings.json", {"env": {"FOO": "bar"}})
    write(tmp_path / ".codex/config.toml", 'model = "o9"\n')
    write(tmp_path / ".config/opencode/opencode.json", {"theme": "x"})
    elsewhere = {"ANTHROPIC_BASE_URL": "https://example.com", "HTTPS_PROXY": "http://proxy:1"}
    assert found(tmp_path, elsewhere, key_needed=True) == ()


def test_nothing_is_said_of_good_ones(tmp_path: Path) -> None:
    write(tmp_path / ".claude/settings.json", {"env": claude_env()})
    write(tmp_path / ".codex/config.toml", codex())
    write(tmp_path / ".config/opencode/opencode.json", opencode())
    write(tmp_path / ".gemini/settings.json", {"security": {"auth": {"selectedType": "gemini-api-key"}}})
    write(tmp_path / ".gemini/.env", f"GOOGLE_GEMINI_BASE_URL={URL}\nGEMINI_API_KEY=x\n")
    aider = f"openai-api-base: {URL}/v1\nopenai-api-key: x\nmodel: openai/gpt-5.5\n"
    write(tmp_path / ".aider.conf.yml", aider)
    assert found(tmp_path) == ()


CLAUDE = {
    "a /v1 too many": (claude_env(ANTHROPIC_BASE_URL=f"{URL}/v1"), "adds /v1 itself", f"set it to {URL}"),
    "another port": (claude_env(ANTHROPIC_BASE_URL="http://127.0.0.1:4142"), "names port 4142", URL),
    "https": (claude_env(ANTHROPIC_BASE_URL="https://localhost:4141"), "says https", URL),
    "no URL": (claude_env(ANTHROPIC_BASE_URL="localhost:4141"), "is no URL", URL),
    "two keys": (claude_env(ANTHROPIC_API_KEY="sk-x"), "both are sent", "unset ANTHROPIC_API_KEY"),
    "no key": (claude_env(ANTHROPIC_AUTH_TOKEN=""), "asks for a sign-in", "ANTHROPIC_AUTH_TOKEN=dummy"),
    "no such model": (
        claude_env(ANTHROPIC_DEFAULT_HAIKU_MODEL="claude-haiku-9"),
        "ANTHROPIC_DEFAULT_HAIKU_MODEL is claude-haiku-9",
        "copilot-api models",
    ),
    "Bedrock": (claude_env(CLAUDE_CODE_USE_BEDROCK="1"), "past the gateway", "unset CLAUDE_CODE_USE_BEDROCK"),
}


@pytest.mark.parametrize("where", ["environment", "settings"])
@pytest.mark.parametrize("what", CLAUDE)
def test_claude_code(tmp_path: Path, what: str, where: str) -> None:
    values, text, fix = CLAUDE[what]
    path = write(tmp_path / ".claude/settings.json", {"env": values if where == "settings" else {}})
    (finding,) = found(tmp_path, values if where == "environment" else {})
    assert (finding.client, text in finding.text, fix in finding.fix) == ("claude", True, True)
    assert finding.where == (str(path) if where == "settings" else "the environment")


def test_settings_that_are_not_read(tmp_path: Path) -> None:
    write(tmp_path / ".claude/settings.json", json.dumps({"env": claude_env()}) + " // mine")
    (finding,) = found(tmp_path)
    assert "without comments and trailing commas" in finding.text


def test_settings_that_overrule_the_environment(tmp_path: Path) -> None:
    write(tmp_path / "other/settings.json", {"env": claude_env()})
    environ = claude_env(ANTHROPIC_BASE_URL="https://example.com", CLAUDE_CONFIG_DIR=str(tmp_path / "other"))
    (finding,) = found(tmp_path, environ)
    assert "overrules ANTHROPIC_BASE_URL=https://example.com" in finding.text
    assert not finding.serious


def test_managed_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    managed = write(tmp_path / "managed.json", {"env": {"ANTHROPIC_BASE_URL": "https://llm.example.com"}})
    monkeypatch.setattr("copilot_api.clients.claude._managed", lambda place: managed)
    serious = [finding for finding in found(tmp_path, claude_env()) if finding.serious]
    assert ["whatever you set" in finding.text for finding in serious] == [True]
    assert serious[0].where == str(managed)


@pytest.mark.parametrize(
    ("changed", "text", "fix"),
    [
        ({"wire": "chat"}, "no longer speaks", 'wire_api = "responses"'),
        ({"url": URL}, "must end in /v1", f"{URL}/v1"),
        ({"url": "http://localhost:4242/v1"}, "names port 4242", f"{URL}/v1"),
        ({"model": "o9"}, "model is o9", "copilot-api models"),
        ({"chosen": "gatewya"}, "there is no [model_providers.gatewya]", "setup codex"),
    ],
)
def test_codex(tmp_path: Path, changed: dict[str, str], text: str, fix: str) -> None:
    write(tmp_path / ".codex/config.toml", codex(**changed))
    finding = found(tmp_path)[0]
    assert (finding.client, text in finding.text, fix in finding.fix) == ("codex", True, True)


def test_codex_keys_and_profiles(tmp_path: Path) -> None:
    write(tmp_path / ".codex/config.toml", codex() + 'env_key = "MINE"\n')
    assert [each.text for each in found(tmp_path)] == [
        "[model_providers.gateway] takes its key from $MINE, which is not set"
    ]
    assert found(tmp_path, {"MINE": "cak_x"}, key_needed=True) == ()
    profile = 'profile = "work"\n' + codex() + '[profiles.work]\nmodel_provider = "openai"\n'
    write(tmp_path / ".codex/config.toml", profile)
    assert "the profile work chooses the provider openai" in found(tmp_path)[0].text
    write(tmp_path / ".codex/config.toml", codex().replace('model_provider = "gateway"', ""))
    assert "does not choose it" in found(tmp_path)[0].text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (opencode(options={"baseURL": URL}), "must end in /v1"),
        (opencode(options={"apiKey": "{env:MINE}"}), "apiKey is $MINE, which is not set"),
        (opencode(model="gateway/o9"), "the provider does not list o9"),
        (opencode(small_model="gateway/o8"), "the provider does not list o8"),
        ('{"provider": }', "is not JSON: line 1"),
    ],
)
def test_opencode(tmp_path: Path, content: Any, text: str) -> None:
    write(tmp_path / ".config/opencode/opencode.jsonc", content)
    (finding,) = found(tmp_path)
    assert (finding.client, text in finding.text) == ("opencode", True)


@pytest.mark.parametrize(
    ("settings", "env", "text"),
    [
        ({}, f"GOOGLE_GEMINI_BASE_URL={URL}\nGEMINI_API_KEY=x", "selectedType is not set"),
        ({"security": {"auth": {"selectedType": "oauth-personal"}}}, "", "selectedType is oauth-personal"),
        (None, f"GOOGLE_GEMINI_BASE_URL={URL}/v1beta\nGEMINI_API_KEY=x", "ends in /v1beta"),
        (None, f"GOOGLE_GEMINI_BASE_URL={URL}", "GEMINI_API_KEY is not set"),
        (None, f"GOOGLE_GEMINI_BASE_URL={URL}\nGEMINI_API_KEY=x\nGEMINI_MODEL=g9", "GEMINI_MODEL is g9"),
    ],
)
def test_gemini(tmp_path: Path, settings: Any, env: str, text: str) -> None:
    good = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    write(tmp_path / ".gemini/settings.json", good if settings is None else settings)
    write(tmp_path / ".gemini/.env", env or f"GOOGLE_GEMINI_BASE_URL={URL}\nGEMINI_API_KEY=x")
    (finding,) = found(tmp_path)
    assert (finding.client, text in finding.text) == ("gemini", True)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (f"openai-api-base: {URL}\nopenai-api-key: x\n", "must end in /v1"),
        (f"openai-api-base: {URL}/v1\n", "there is no openai-api-key"),
        (f"openai-api-base: {URL}/v1\nopenai-api-key: x\nmodel: gpt-5.5\n", "does not send"),
        (f"openai-api-base: {URL}/v1\nopenai-api-key: x\nmodel: openai/o9 # x\n", "model is o9"),
    ],
)
def test_aider(tmp_path: Path, content: str, text: str) -> None:
    write(tmp_path / ".aider.conf.yml", content)
    (finding,) = found(tmp_path)
    assert (finding.client, text in finding.text) == ("aider", True)


def vscode(url: str = f"{URL}/v1/responses", **more: Any) -> list[dict[str, Any]]:
    model = {"id": "gpt-5.5", "url": url, "toolCalling": True} | more
    return [{"name": "x", "vendor": "customendpoint", "apiKey": "dummy", "models": [model]}]


@pytest.mark.parametrize(
    ("path", "content", "text"),
    [
        ("Code/User/chatLanguageModels.json", vscode(f"{URL}/chat/completions"), "must end in /v1"),
        ("Code/User/chatLanguageModels.json", vscode(id="o9"), "models.o9 is o9"),
        ("Code/User/chatLanguageModels.json", vscode(toolCalling=False), "will not be shown"),
        ("Code/User/chatLanguageModels.json", "[", "is not JSON"),
        (
            "zed/settings.json",
            {"language_models": {"openai_compatible": {"x": {"api_url": URL}}}},
            "must end in /v1",
        ),
    ],
)
def test_editors(tmp_path: Path, path: str, content: Any, text: str) -> None:
    write(tmp_path / ".config" / path, content)
    (finding,) = found(tmp_path)
    assert text in finding.text


def test_continue(tmp_path: Path) -> None:
    models = f"models:\n  - name: x\n    provider: openai\n    apiBase: {URL}\n"
    write(tmp_path / ".continue/config.yaml", models)
    (finding,) = found(tmp_path)
    assert (finding.client, "must end in /v1" in finding.text) == ("continue", True)


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTP_PROXY": "http://proxy:3128"},
        {"http_proxy": "http://proxy:3128", "NO_PROXY": "example.com"},
        {"ALL_PROXY": "socks5://proxy:1"},
    ],
)
def test_proxies(tmp_path: Path, environ: dict[str, str]) -> None:
    (finding,) = found(tmp_path, claude_env(**environ))
    assert "go through the proxy" in finding.text
    assert "localhost,127.0.0.1" in finding.fix
    for spared in ("localhost", "*", "example.com, localhost"):
        assert found(tmp_path, claude_env(**(environ | {"NO_PROXY": spared}))) == ()


def test_a_key_where_one_is_needed(tmp_path: Path) -> None:
    write(tmp_path / ".codex/config.toml", codex())
    texts = [each.text for each in found(tmp_path, claude_env(), key_needed=True)]
    assert len(texts) == 2
    assert all("the gateway wants a key" in text for text in texts)
    good = claude_env(ANTHROPIC_AUTH_TOKEN="cak_secret")
    write(tmp_path / ".codex/config.toml", codex() + 'experimental_bearer_token = "cak_secret"\n')
    assert found(tmp_path, good, key_needed=True) == ()
    shown = repr(found(tmp_path, good | {"ANTHROPIC_API_KEY": "cak_other"}, key_needed=True))
    assert "cak_" not in shown


def test_what_setup_writes_has_no_finding(tmp_path: Path, choice: Choice) -> None:
    place = Place(tmp_path, {}, tmp_path)
    for client in (ClaudeCode(), Codex()):
        for change in client.changes(place, Target(URL), choice):
            write(change.path, change.edit.apply("")[0])
    assert lint(tmp_path, {}, URL, knows=lambda name: name.split("[")[0] in IDS, key_needed=False) == ()


IDS = ("claude-sonnet-4.6", "claude-opus-5", "claude-haiku-4.5", "gpt-5.5")
