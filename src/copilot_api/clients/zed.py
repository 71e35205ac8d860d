"""Zed: a provider of its kind "openai_compatible" in ``settings.json``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from copilot_api.clients import checks
from copilot_api.clients.base import (
    NAME,
    Change,
    Choice,
    Facts,
    Finding,
    Place,
    SetupProblem,
    Target,
)
from copilot_api.clients.edits.json_edit import JsonEdit
from copilot_api.gateway.catalog import Model

VARIABLE = "COPILOT_API_API_KEY"
"""What Zed makes of the provider's name."""
_PROVIDERS = ("language_models", "openai_compatible")


class Zed:
    """The agent panel of the editor Zed."""

    name = "zed"
    title = "Zed"
    programs = ("zed", "zeditor")
    install = "get it at https://zed.dev"
    note = f"Zed keeps keys out of its settings: start it with {VARIABLE}=KEY (any text where none is needed)"
    prefers = ("sonnet", "gpt", "gemini", "opus")

    def configurations(self, place: Place) -> tuple[Path, ...]:
        """Return the user's settings."""
        if place.platform == "win32":
            return (place.config("Zed", "settings.json"),)
        return (place.directory("XDG_CONFIG_HOME", ".config") / "zed" / "settings.json",)

    def changes(self, place: Place, target: Target, choice: Choice) -> tuple[Change, ...]:
        """Return the provider with its models; the model in use stays the user's choice."""
        if target.key or target.key_env not in (None, VARIABLE):
            raise SetupProblem(
                f"Zed takes a key from its keychain or from one variable: say --key-env {VARIABLE}"
            )
        models = [_model(model) for model in choice.listed if model.context_window]
        provider = {"api_url": target.openai, "available_models": models}
        return (Change(self.configurations(place)[0], JsonEdit([((*_PROVIDERS, NAME), provider)])),)

    def lint(self, place: Place, facts: Facts) -> tuple[Finding, ...]:
        """Return what is wrong with the providers that lead to this gateway."""
        return tuple(self._lint(place, facts))

    def _lint(self, place: Place, facts: Facts) -> Iterator[Finding]:
        path = self.configurations(place)[0]
        where = str(path)
        settings, problems = checks.read_json(self.name, path)
        yield from problems
        providers = checks.member(settings, *_PROVIDERS)
        any_ours = False
        for name, provider in (providers if isinstance(providers, dict) else {}).items():
            url = checks.member(provider, "api_url")
            if not isinstance(url, str) or not checks.is_ours(url, facts):
                continue
            any_ours = True
            yield from checks.base_url(self.name, where, f"{name}.api_url", url, facts, versioned=True)
            listed = provider.get("available_models")
            named = {
                f"{name}.available_models": model.get("name")
                for model in (listed if isinstance(listed, list) else [])
                if isinstance(model, dict)
            }
            yield from checks.models(self.name, where, named, facts)
        if any_ours:
            yield from checks.proxies(self.name, place, facts)


def _model(model: Model) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": model.id,
        "display_name": model.name or model.id,
        "max_tokens": model.context_window,
    }
    if model.max_output_tokens:
        found["max_output_tokens"] = model.max_output_tokens
    endpoints = model.supported_endpoints or ()
    found["capabilities"] = {
        "tools": model.traits.tool_calls,
        "images": model.traits.vision,
        "chat_completions": not endpoints or any("chat" in each for each in endpoints),
    }
    return found
