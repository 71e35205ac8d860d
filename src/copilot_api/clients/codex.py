"""Codex: a provider in ``config.toml``, or the same by ``-c`` on the command line."""

from __future__ import annotations

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
    has_flag,
)
from copilot_api.clients.edits.lines import TomlEdit, toml_value

_KEY = "COPILOT_API_CLIENT_KEY"
"""The variable that holds the key for one run."""


class Codex:
    """The program `codex`."""

    name = "codex"
    title = "Codex"
    programs = ("codex",)
    install = "npm install -g @openai/codex"
    note = ""
    prefers = ("gpt", "sonnet", "opus", "gemini")

    def configurations(self, place: Place) -> tuple[Path, ...]:
        """Return the user's configuration."""
        return (place.directory("CODEX_HOME", ".codex") / "config.toml",)

    def launch(self, order: Order) -> Launch:
        """Return overrides of the configuration, which stays as it is otherwise."""
        target = order.target
        provider = _provider(target, _KEY if target.key else target.key_env)
        inline = ", ".join(f"{name} = {toml_value(value)}" for name, value in provider.items())
        values = {"model_provider": toml_value(NAME), f"model_providers.{NAME}": f"{{ {inline} }}"}
        if not has_flag(order.arguments, "-m", "--model"):
            values |= {name: toml_value(value) for name, value in _model(order.choice).items()}
        overrides = [word for name, value in values.items() for word in ("-c", f"{name}={value}")]
        environment: dict[str, str | None] = {}
        if target.key:
            environment[_KEY] = target.key.reveal()
        return Launch(("codex", *overrides, *order.arguments), environment, {}, {})

    def changes(self, place: Place, target: Target, choice: Choice) -> tuple[Change, ...]:
        """Return the provider, and the root members that choose it and the model."""
        provider = _provider(target, target.key_env)
        if target.key:
            provider["experimental_bearer_token"] = target.key.reveal()
        edit = TomlEdit(
            "(undo: copilot-api setup --undo codex)",
            {"model_provider": NAME, **_model(choice)},
            {("model_providers", NAME): provider},
        )
        return (Change(self.configurations(place)[0], edit),)

    def lint(self, place: Place, facts: Facts) -> tuple[Finding, ...]:
        """Return what is wrong with the configuration."""
        return tuple(self._lint(place, facts))

    def _lint(self, place: Place, facts: Facts) -> Iterator[Finding]:
        path = self.configurations(place)[0]
        where = str(path)
        values, problems = checks.read_toml(self.name, path)
        yield from problems
        chosen = values.get("model_provider")
        providers = values.get("model_providers")
        providers = providers if isinstance(providers, dict) else {}
        ours = {
            name: provider
            for name, provider in providers.items()
            if isinstance(provider, dict) and checks.is_ours(str(provider.get("base_url", "")), facts)
        }
        if isinstance(chosen, str) and chosen not in providers and chosen not in ("openai", "oss", "ollama"):
            yield Finding(
                self.name,
                where,
                f"model_provider is {chosen}, and there is no [model_providers.{chosen}]",
                "run `copilot-api setup codex`",
            )
        for name, provider in ours.items():
            yield from self._provider(where, name, provider, place, facts)
        if isinstance(chosen, str) and chosen in ours:
            yield from checks.models(self.name, where, {"model": values.get("model")}, facts)
            yield from checks.proxies(self.name, place, facts)
            yield from self._profile(where, values, chosen)
        elif ours and not isinstance(chosen, str):
            yield Finding(
                self.name,
                where,
                f"there is a provider {', '.join(ours)}, and model_provider does not choose it",
                f'write model_provider = "{next(iter(ours))}" above the first table',
                serious=False,
            )

    def _provider(
        self, where: str, name: str, provider: Mapping[str, Any], place: Place, facts: Facts
    ) -> Iterator[Finding]:
        table = f"[model_providers.{name}]"
        yield from checks.base_url(
            self.name, where, f"{table} base_url", str(provider["base_url"]), facts, versioned=True
        )
        wire = provider.get("wire_api", "responses")
        if wire != "responses":
            yield Finding(
                self.name,
                where,
                f'{table} has wire_api = "{wire}", which Codex no longer speaks',
                'write wire_api = "responses"',
            )
        variable = provider.get("env_key")
        bearer = provider.get("experimental_bearer_token")
        if isinstance(variable, str) and not place.environ.get(variable):
            yield Finding(
                self.name,
                where,
                f"{table} takes its key from ${variable}, which is not set",
                f"export {variable}=KEY, or remove env_key where the gateway needs no key",
            )
        else:
            value = place.environ.get(variable) if isinstance(variable, str) else bearer
            yield from checks.key(self.name, where, f"{table} env_key", value, facts)

    def _profile(self, where: str, values: Mapping[str, Any], chosen: str) -> Iterator[Finding]:
        profile = values.get("profile")
        other = checks.member(values, "profiles", str(profile), "model_provider")
        if isinstance(other, str) and other != chosen:
            yield Finding(
                self.name,
                where,
                f"the profile {profile} chooses the provider {other}, over model_provider = {chosen}",
                f"remove `profile`, or its model_provider in [profiles.{profile}]",
            )


def _provider(target: Target, variable: str | None) -> dict[str, str]:
    provider = {"name": NAME, "base_url": target.openai, "wire_api": "responses"}
    if variable:
        provider["env_key"] = variable
    return provider


def _model(choice: Choice) -> dict[str, str | int]:
    found: dict[str, str | int] = {"model": choice.large.id}
    if choice.large.max_prompt_tokens:
        found["model_context_window"] = choice.large.max_prompt_tokens
    return found
