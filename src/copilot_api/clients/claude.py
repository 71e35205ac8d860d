"""Claude Code: ``ANTHROPIC_…`` variables, in the environment or in ``settings.json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from copilot_api.clients import checks
from copilot_api.clients.base import (
    NO_KEY,
    Change,
    Choice,
    Facts,
    Finding,
    Launch,
    Order,
    Place,
    SetupProblem,
    Target,
    has_flag,
)
from copilot_api.clients.edits.json_edit import JsonEdit, not_strict
from copilot_api.gateway.catalog import Model
from copilot_api.gateway.families import is_of

_LEADS_AWAY = (
    "ANTHROPIC_API_KEY",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
)
_MILLION = 1_000_000
_LEAST_WINDOW = 100_000
"""The least that Claude Code takes for the window at which it compacts."""
_MODELS = (
    "ANTHROPIC_MODEL",
    "ANTHROPIC_DEFAULT_OPUS_MODEL",
    "ANTHROPIC_DEFAULT_SONNET_MODEL",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL",
    "ANTHROPIC_SMALL_FAST_MODEL",
)


class ClaudeCode:
    """The program `claude`."""

    name = "claude"
    title = "Claude Code"
    programs = ("claude",)
    install = "npm install -g @anthropic-ai/claude-code"
    note = "a claude.ai sign-in is not used while this is set"
    prefers = ("sonnet", "opus", "haiku", "gpt", "gemini")

    def configurations(self, place: Place) -> tuple[Path, ...]:
        """Return the user's settings."""
        return (place.directory("CLAUDE_CONFIG_DIR", ".claude") / "settings.json",)

    def launch(self, order: Order) -> Launch:
        """Return the environment; settings that would overrule it are overruled by ``--settings``."""
        variables = _variables(order.target, order.choice)
        environment: dict[str, str | None] = {**dict.fromkeys(_LEADS_AWAY), **variables}
        command = ("claude", *order.arguments)
        files: dict[Path, str] = {}
        if self._overruled(order.place, variables) and not has_flag(order.arguments, "--settings"):
            path = order.scratch / "settings.json"
            files[path] = checks.compact({"env": variables})
            command = ("claude", "--settings", str(path), *order.arguments)
        return Launch(command, environment, files, {})

    def _overruled(self, place: Place, variables: Mapping[str, str]) -> bool:
        """Tell whether a settings file sets one of the variables: its `env` wins over the environment."""
        project = place.work / ".claude"
        paths = (*self.configurations(place), project / "settings.json", project / "settings.local.json")
        for path in paths:
            found, _ = checks.read_json(self.name, path)
            env = found.get("env")
            if isinstance(env, dict) and any(name in env for name in (*variables, *_LEADS_AWAY)):
                return True
        return False

    def changes(self, place: Place, target: Target, choice: Choice) -> tuple[Change, ...]:
        """Return the `env` of the settings; a key in a variable is fetched by `apiKeyHelper`."""
        values: dict[str, Any] = dict(_variables(target, choice))
        paths: list[tuple[tuple[str, ...], Any]] = []
        if target.key_env:
            if place.platform == "win32":
                raise SetupProblem("on Windows --key-env is not for Claude Code; give the key with --key")
            del values["ANTHROPIC_AUTH_TOKEN"]
            paths.append((("env", "ANTHROPIC_AUTH_TOKEN"), None))
            paths.append((("apiKeyHelper",), f'printf %s "${target.key_env}"'))
        paths += [(("env", name), value) for name, value in values.items()]
        paths += [(("env", name), None) for name in _LEADS_AWAY]
        return (Change(self.configurations(place)[0], JsonEdit(paths, strict=True)),)

    def lint(self, place: Place, facts: Facts) -> tuple[Finding, ...]:
        """Return what is wrong with the environment and the settings."""
        return tuple(self._lint(place, facts))

    def _lint(self, place: Place, facts: Facts) -> Iterator[Finding]:
        path = self.configurations(place)[0]
        settings, problems = checks.read_json(self.name, path)
        yield from problems
        refused = "" if problems else not_strict(checks.read_text(path) or "")
        if refused and checks.member(settings, "env", "ANTHROPIC_BASE_URL"):
            yield Finding(
                self.name, str(path), f"is not read at all: {refused}", "remove comments and commas"
            )
        managed_path = _managed(place)
        managed, _ = checks.read_json(self.name, managed_path)
        of_user, of_managed = _texts(settings.get("env")), _texts(managed.get("env"))
        origins = dict.fromkeys(place.environ, "the environment")
        origins |= dict.fromkeys(of_user, str(path)) | dict.fromkeys(of_managed, str(managed_path))
        values = {**place.environ, **of_user, **of_managed}
        url = values.get("ANTHROPIC_BASE_URL")
        if not url:
            return
        where = origins["ANTHROPIC_BASE_URL"]
        if where == str(managed_path) and not checks.is_ours(url, facts):
            yield Finding(
                self.name,
                where,
                f"your organisation's settings send Claude Code to {url}, whatever you set",
                "ask whoever manages this machine; nothing that you set overrules them",
            )
        shell = place.environ.get("ANTHROPIC_BASE_URL")
        if shell and shell != url:
            yield Finding(
                self.name,
                where,
                f"it overrules ANTHROPIC_BASE_URL={shell} of the environment",
                "unset the one that you do not mean",
                serious=False,
            )
        if checks.split(url) is not None and not checks.is_ours(url, facts):
            return
        yield from checks.base_url(self.name, where, "ANTHROPIC_BASE_URL", url, facts, versioned=False)
        yield from self._keys(values, origins, settings, facts)
        for name in _LEADS_AWAY[1:]:
            if values.get(name) not in (None, "", "0", "false"):
                yield Finding(
                    self.name, origins[name], f"{name} sends Claude Code past the gateway", f"unset {name}"
                )
        for name in _MODELS:
            if name in values:
                yield from checks.models(self.name, origins[name], {name: values[name]}, facts)
        yield from checks.proxies(self.name, place, facts)

    def _keys(
        self,
        values: Mapping[str, str],
        origins: Mapping[str, str],
        settings: Mapping[str, Any],
        facts: Facts,
    ) -> Iterator[Finding]:
        token, key = values.get("ANTHROPIC_AUTH_TOKEN"), values.get("ANTHROPIC_API_KEY")
        helper = settings.get("apiKeyHelper")
        if token and key:
            yield Finding(
                self.name,
                origins["ANTHROPIC_API_KEY"],
                "ANTHROPIC_API_KEY is set beside ANTHROPIC_AUTH_TOKEN, and both are sent",
                "unset ANTHROPIC_API_KEY",
            )
        if not (token or key or helper):
            yield Finding(
                self.name,
                origins["ANTHROPIC_BASE_URL"],
                "ANTHROPIC_AUTH_TOKEN is not set, so Claude Code asks for a sign-in to claude.ai",
                f"set ANTHROPIC_AUTH_TOKEN={NO_KEY} (any text), or your key of the gateway",
            )
        elif not helper:
            where = origins["ANTHROPIC_AUTH_TOKEN" if token else "ANTHROPIC_API_KEY"]
            yield from checks.key(self.name, where, "ANTHROPIC_AUTH_TOKEN", token or key, facts)


def _variables(target: Target, choice: Choice) -> dict[str, str]:
    found = {
        "ANTHROPIC_BASE_URL": target.url,
        "ANTHROPIC_AUTH_TOKEN": target.key_or(),
        "ANTHROPIC_MODEL": _spelled(choice.large),
    }
    for family in ("opus", "sonnet", "haiku"):
        model = choice.small if family == "haiku" else choice.newest.get(family, choice.large)
        found[f"ANTHROPIC_DEFAULT_{family.upper()}_MODEL"] = _spelled(model)
    found["ANTHROPIC_SMALL_FAST_MODEL"] = _spelled(choice.small)
    window = choice.large.max_prompt_tokens
    if window and window >= _LEAST_WINDOW:
        found["CLAUDE_CODE_AUTO_COMPACT_WINDOW"] = str(window)
    # Its list of models has those of the gateway, and it calls nobody else.
    found["CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY"] = "1"
    found["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1"
    return found


def _spelled(model: Model) -> str:
    """Return the name that tells Claude Code of a window of a million tokens, where the model has it."""
    is_plain = any(is_of(family, model.id) for family in ("opus", "sonnet"))
    return f"{model.id}[1m]" if is_plain and (model.context_window or 0) >= _MILLION else model.id


def _managed(place: Place) -> Path:
    if place.platform == "darwin":
        return Path("/Library/Application Support/ClaudeCode/managed-settings.json")
    if place.platform == "win32":
        return (
            Path(place.environ.get("PROGRAMFILES", "C:/Program Files")) / "ClaudeCode/managed-settings.json"
        )
    return Path("/etc/claude-code/managed-settings.json")


def _texts(values: Any) -> dict[str, str]:
    if not isinstance(values, dict):
        return {}
    return {name: value for name, value in values.items() if isinstance(value, str)}
