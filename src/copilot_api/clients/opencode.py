"""opencode: a provider with its models in ``opencode.json``, or the same in a variable."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from copilot_api.clients import checks
from copilot_api.clients.base import (
    NAME,
    Change,
    Choice,
    Facts,
    Finding,
    Launch,
    Order,
    Place,
    Target,
)
from copilot_api.clients.edits.json_edit import JsonEdit

_SCHEMA = "https://opencode.ai/config.json"
_VARIABLE = re.compile(r"\{env:(\w+)\}")


class OpenCode:
    """The program `opencode`."""

    name = "opencode"
    title = "opencode"
    programs = ("opencode",)
    install = "npm install -g opencode-ai"
    note = "run `copilot-api setup opencode` again when the account gets new models"
    prefers = ("sonnet", "gpt", "gemini", "opus")

    def configurations(self, place: Place) -> tuple[Path, ...]:
        """Return the user's configuration: the file that is there, else the usual one."""
        folder = place.directory("XDG_CONFIG_HOME", ".config") / "opencode"
        names = ("opencode.jsonc", "opencode.json", "config.json")
        found = [folder / name for name in names if (folder / name).exists()]
        return (found[0] if found else folder / "opencode.json",)

    def launch(self, order: Order) -> Launch:
        """Return a configuration in a variable, which opencode lays over its files."""
        values = {".".join(map(str, path)): value for path, value in _values(order.target, order.choice)}
        configuration = {
            "provider": {NAME: values[f"provider.{NAME}"]},
            "model": values["model"],
            "small_model": values["small_model"],
        }
        environment = {"OPENCODE_CONFIG_CONTENT": checks.compact(configuration)}
        return Launch(("opencode", *order.arguments), environment, {}, {})

    def changes(self, place: Place, target: Target, choice: Choice) -> tuple[Change, ...]:
        """Return the provider, and the models that are chosen."""
        path = self.configurations(place)[0]
        values = list(_values(target, choice))
        if checks.read_json(self.name, path)[0].get("$schema", _SCHEMA) == _SCHEMA:
            # It writes that itself at its next start otherwise, and the file would no longer be as it was.
            values.insert(0, (("$schema",), _SCHEMA))
        return (Change(path, JsonEdit(values)),)

    def lint(self, place: Place, facts: Facts) -> tuple[Finding, ...]:
        """Return what is wrong with the user's and the project's configuration."""
        paths = [
            self.configurations(place)[0],
            *(place.work / f"opencode.{end}" for end in ("json", "jsonc")),
        ]
        found = [finding for path in paths for finding in self._lint(path, place, facts)]
        return tuple(dict.fromkeys(found))

    def _lint(self, path: Path, place: Place, facts: Facts) -> Iterator[Finding]:
        values, problems = checks.read_json(self.name, path)
        yield from problems
        where = str(path)
        providers = values.get("provider")
        ours = {
            name: provider
            for name, provider in (providers if isinstance(providers, dict) else {}).items()
            if checks.is_ours(str(checks.member(provider, "options", "baseURL") or ""), facts)
        }
        for name, provider in ours.items():
            yield from self._provider(where, name, provider, place, facts)
        for member in ("model", "small_model"):
            provider_name, _, model = str(values.get(member) or "").partition("/")
            if provider_name in ours and model not in (ours[provider_name].get("models") or {}):
                yield Finding(
                    self.name,
                    where,
                    f"{member} is {provider_name}/{model}, and the provider does not list {model}",
                    f"add {model} to provider.{provider_name}.models",
                )
        if ours:
            yield from checks.proxies(self.name, place, facts)

    def _provider(
        self, where: str, name: str, provider: Mapping[str, Any], place: Place, facts: Facts
    ) -> Iterator[Finding]:
        options = provider["options"]
        label = f"provider.{name}.options"
        yield from checks.base_url(
            self.name, where, f"{label}.baseURL", options["baseURL"], facts, versioned=True
        )
        key = str(options.get("apiKey") or "")
        variable = _VARIABLE.fullmatch(key)
        if variable and not place.environ.get(variable.group(1)):
            yield Finding(
                self.name,
                where,
                f"{label}.apiKey is ${variable.group(1)}, which is not set",
                f"export {variable.group(1)}=KEY",
            )
        else:
            key = place.environ.get(variable.group(1), "") if variable else key
            yield from checks.key(self.name, where, f"{label}.apiKey", key, facts)
        listed = provider.get("models")
        named = {f"provider.{name}.models.{model}": model for model in (listed or {})}
        yield from checks.models(self.name, where, named, facts)


def _values(target: Target, choice: Choice) -> Iterator[tuple[tuple[str, ...], Any]]:
    key = f"{{env:{target.key_env}}}" if target.key_env else target.key_or()
    models: dict[str, Any] = {}
    for model in choice.listed:
        models[model.id] = {"name": model.name or model.id}
        if model.context_window and model.max_output_tokens:
            limit = {"context": model.context_window, "output": model.max_output_tokens}
            models[model.id]["limit"] = limit
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": NAME,
        "options": {"baseURL": target.openai, "apiKey": key},
        "models": models,
    }
    yield ("provider", NAME), provider
    yield ("model",), f"{NAME}/{choice.large.id}"
    yield ("small_model",), f"{NAME}/{choice.small.id}"
