"""VS Code's own chat: a "Custom Endpoint" in ``chatLanguageModels.json`` (VS Code 1.122 and later)."""

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
    Place,
    SetupProblem,
    Target,
)
from copilot_api.clients.edits.json_edit import JsonEdit
from copilot_api.clients.edits.jsonc import NotJson, parse
from copilot_api.gateway.catalog import Model

_VENDOR = "customendpoint"
_ITEM = {"name": NAME, "vendor": _VENDOR}
_TYPES = (
    ("responses", "responses", "responses"),
    ("messages", "messages", "messages"),
    ("chat", "chat-completions", "chat/completions"),
)
"""Leg, VS Code's name for it, path: the first that the model has is asked, so that nothing is translated."""


class VsCode:
    """The chat of Visual Studio Code; its inline suggestions cannot be led elsewhere."""

    name = "vscode"
    title = "VS Code chat"
    programs = ("code", "code-insiders")
    install = "get it at https://code.visualstudio.com"
    note = (
        "for VS Code 1.122 and later; choose the models in the picker of the Chat view. Inline suggestions"
        " stay with VS Code's own sign-in: it has no setting for them. An organisation may forbid own models"
    )
    prefers = ("sonnet", "gpt", "gemini", "opus")

    def configurations(self, place: Place) -> tuple[Path, ...]:
        """Return the file of the usual edition, or of the one that is there."""
        found = [folder / "User" for folder in _folders(place) if (folder / "User").is_dir()]
        folder = found[0] if found else _folders(place)[0] / "User"
        return (folder / "chatLanguageModels.json",)

    def changes(self, place: Place, target: Target, choice: Choice) -> tuple[Change, ...]:
        """Return one provider with all models that call tools: VS Code shows no others."""
        if target.key_env:
            raise SetupProblem("VS Code reads no key from a variable; give the key with --key")
        provider = {
            **_ITEM,
            "apiKey": target.key_or(),
            "models": [_model(model, target) for model in choice.listed if model.traits.tool_calls],
        }
        return (Change(self.configurations(place)[0], JsonEdit([((_ITEM,), provider)])),)

    def lint(self, place: Place, facts: Facts) -> tuple[Finding, ...]:
        """Return what is wrong with the providers that lead to this gateway."""
        return tuple(self._lint(place, facts))

    def _lint(self, place: Place, facts: Facts) -> Iterator[Finding]:
        path = self.configurations(place)[0]
        text = checks.read_text(path)
        if text is None or not text.strip():
            return
        try:
            providers = parse(text).value
        except NotJson as problem:
            yield Finding(self.name, str(path), f"is not JSON: {problem}", "mend that line")
            return
        any_ours = False
        for provider in providers if isinstance(providers, list) else []:
            models = [
                model
                for model in (checks.member(provider, "models") or ())
                if isinstance(model, dict) and checks.is_ours(str(model.get("url")), facts)
            ]
            if models:
                any_ours = True
                yield from self._provider(str(path), provider, models, facts)
        if any_ours:
            yield from checks.proxies(self.name, place, facts)

    def _provider(
        self, where: str, provider: Mapping[str, Any], models: list[dict[str, Any]], facts: Facts
    ) -> Iterator[Finding]:
        url = str(models[0]["url"])
        for ending in ("/chat/completions", "/responses", "/messages"):
            url = url.removesuffix(ending)
        yield from checks.base_url(self.name, where, "url", url, facts, versioned=True)
        named = {f"models.{model.get('id')}": model.get("id") for model in models}
        yield from checks.models(self.name, where, named, facts)
        yield from checks.key(self.name, where, "apiKey", provider.get("apiKey"), facts)
        mute = [str(model.get("id")) for model in models if model.get("toolCalling") is not True]
        if mute:
            text = f"{', '.join(mute)} will not be shown: VS Code shows models with toolCalling only"
            yield Finding(self.name, where, text, 'write "toolCalling": true', serious=False)


def _folders(place: Place) -> tuple[Path, ...]:
    names = ("Code", "Code - Insiders", "VSCodium")
    if place.platform == "darwin":
        return tuple(place.home / "Library/Application Support" / name for name in names)
    return tuple(place.config(name) for name in names)


def _model(model: Model, target: Target) -> dict[str, Any]:
    endpoints = model.supported_endpoints or ()
    kind, path = next(
        ((kind, path) for leg, kind, path in _TYPES if any(leg in each for each in endpoints)),
        _TYPES[-1][1:],
    )
    found: dict[str, Any] = {
        "id": model.id,
        "name": model.name or model.id,
        "url": f"{target.openai}/{path}",
        "apiType": kind,
        "toolCalling": True,
        "vision": model.traits.vision,
    }
    if model.max_prompt_tokens and model.max_output_tokens:
        found["maxInputTokens"] = model.max_prompt_tokens
        found["maxOutputTokens"] = model.max_output_tokens
    if model.traits.reasoning_effort:
        found["supportsReasoningEffort"] = list(model.traits.reasoning_effort)
    return found
