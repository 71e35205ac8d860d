"""What the account's model list says about models that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from copilot_api.doctor.findings import Finding, found, ok
from copilot_api.engine.interfaces import EngineError
from copilot_api.gateway.catalog import Model, parse_models
from copilot_api.gateway.routing import legs_of

_SHOWN = 5


def judge_models(body: bytes, data: Any, aliases: Mapping[str, str]) -> list[Finding]:
    """Return what is told of a list of models, the body of ``GET /models``."""
    try:
        models = parse_models(body)
    except EngineError as error:
        return [found("no-models", str(error))]
    entries = [each for each in data["data"] if isinstance(each, dict)]
    closed = {str(each.get("id")) for each in entries if _policy(each) in ("disabled", "unconfigured")}
    usable = [model for model in models if model.id not in closed and legs_of(model)]
    findings = []
    if not usable:
        return [found("no-models", f"none of the {len(models)} models that Copilot lists can be used")]
    if closed:
        findings.append(found("models-policy", f"{_some(sorted(closed))} cannot be called"))
    unknown = [model.id for model in models if _is_newer(model) and model.id not in closed]
    if unknown:
        findings.append(found("models-no-endpoint", f"{_some(unknown)} cannot be asked by this version"))
    listed = {model.id for model in models}
    for name, model in aliases.items():
        if model not in listed and name.lower() == name:
            findings.append(found("alias-unlisted", f"{name} means {model}, which is not listed", name))
    hidden = sum(each.get("model_picker_enabled") is False for each in entries)
    said = f"{len(usable)} of {len(models)} can be used, {hidden} are hidden in editors"
    return findings or [ok("models", said)]


def _policy(entry: dict[str, Any]) -> Any:
    policy = entry.get("policy")
    return policy.get("state") if isinstance(policy, dict) else None


def _is_newer(model: Model) -> bool:
    """Tell whether a model that chats is served where this program cannot go."""
    return model.kind not in ("completion", "embeddings") and not legs_of(model)


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
