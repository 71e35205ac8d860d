"""``copilot-api models``: the account's models, and how a name is resolved to one of them."""

from __future__ import annotations

import json
import os
from typing import Any

from copilot_api.app import load_models
from copilot_api.cli.console import Console
from copilot_api.cli.loop import run as run_loop
from copilot_api.cli.main import Invocation
from copilot_api.cli.progress import waiting
from copilot_api.cli.signin import device_flow
from copilot_api.cli.tables import aligned
from copilot_api.configuration import load
from copilot_api.engine.client_interfaces import ClientOptions
from copilot_api.engine.flags import build_engine
from copilot_api.gateway.catalog import Model, ModelCatalog
from copilot_api.gateway.errors import StartupError
from copilot_api.gateway.model_facts import model_facts
from copilot_api.gateway.resolver import resolve, steps
from copilot_api.gateway.routing import legs_of
from copilot_api.github.credentials import TokenFile, data_directory
from copilot_api.github.sources import find_token, store_of
from copilot_api.redaction import Secret, one_line
from copilot_api.settings import Settings

_HEADINGS = ("MODEL", "VENDOR", "CONTEXT", "PROMPT", "OUTPUT", "COST", "ENDPOINTS", "CAN")


def run(invocation: Invocation) -> int:
    """Print the list, or the steps that a name takes."""
    words = invocation.parsed.positionals
    wanted = ""
    if words:
        if words[0] != "resolve" or len(words) != 2:
            raise StartupError("write `copilot-api models` or `copilot-api models resolve NAME`")
        wanted = words[1]
    directory = data_directory(invocation.home)
    aliases = _aliases(invocation)
    configuration = load({"alias": aliases} if aliases else {}, os.environ, directory)
    settings, store = configuration.settings, store_of(configuration.settings, directory)
    token = find_token(settings, configuration.origins, store, os.environ)
    console = invocation.steps
    with waiting(console, "Asking Copilot for its models …"):
        catalog = run_loop(_catalog(console, settings, store, token))
    as_json = invocation.flag("json")
    if wanted:
        told = explain(wanted, catalog, settings)
        invocation.console.plain(json.dumps(told, indent=2) if as_json else _steps_text(told))
        return 0 if told["model"] is not None else 1
    if as_json:
        invocation.console.plain(json.dumps([model_facts(model) for model in catalog.models], indent=2))
    else:
        invocation.console.plain(table(catalog.models))
    return 0


def _aliases(invocation: Invocation) -> list[str]:
    given = invocation.parsed.values.get("alias")
    return given if isinstance(given, list) else []


async def _catalog(
    console: Console, settings: Settings, file: TokenFile, token: Secret | None
) -> ModelCatalog:
    if token is None:
        client = build_engine(settings).make_client(ClientOptions(settings.proxy_env))
        try:
            token = await device_flow(client, settings, console, file)
        finally:
            await client.aclose()
    return await load_models(settings, token)


def table(models: tuple[Model, ...]) -> str:
    """Return the list for a person."""
    return aligned([_HEADINGS, *(_row(model) for model in models)])


def _row(model: Model) -> tuple[str, ...]:
    traits = model.traits
    can = [
        name
        for name, is_so in (
            ("tools", traits.tool_calls),
            ("vision", traits.vision),
            ("schemas", traits.structured_outputs),
            ("effort", bool(traits.reasoning_effort)),
            ("thinking", traits.adaptive_thinking or bool(traits.max_thinking_budget)),
        )
        if is_so
    ]
    return (
        one_line(model.id) + (" (disabled)" if model.disabled else ""),
        one_line(model.vendor or ""),
        _thousands(model.context_window),
        _thousands(model.max_prompt_tokens),
        _thousands(model.max_output_tokens),
        "" if model.multiplier is None else f"{model.multiplier:g}x",
        ",".join(legs_of(model)) or "none",
        ",".join(can),
    )


def _thousands(tokens: int | None) -> str:
    return "" if tokens is None else f"{round(tokens / 1000)}k"


def explain(name: str, catalog: ModelCatalog, settings: Settings) -> dict[str, Any]:
    """Return each name that is looked for, and what comes of it."""
    tried: list[dict[str, Any]] = []
    for step in steps(name, catalog, settings.aliases):
        tried.append({"name": step.name, "why": step.reason, "listed": step.model is not None})
        if step.model is not None:
            break
    # Over messages, since that dialect alone has the last rule of 0.7.0.
    found = resolve(name, catalog, "messages", settings.aliases)
    return {
        "asked": name,
        "steps": tried,
        "sent": found.name,
        "model": model_facts(found.model) if found.model is not None else None,
    }


def _steps_text(told: dict[str, Any]) -> str:
    lines = [
        f"{number}. {step['name']}: {step['why']}{', listed' if step['listed'] else ', not listed'}"
        for number, step in enumerate(told["steps"], 1)
    ]
    if told["model"] is None:
        lines.append(f"=> {told['sent']} is sent as it is; the account does not list it")
    else:
        lines.append(f"=> {told['sent']} (endpoints: {', '.join(told['model']['endpoints']) or 'none'})")
    return "\n".join(map(one_line, lines))
