"""What a command asks a gateway that runs: whether it is one, whether it lets us in, what models it has."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from copilot_api.cli.gateway_client import (
    GatewayLink,
    GatewayProblem,
    NoSuchPath,
    WantsKey,
    configured_gateway,
)
from copilot_api.engine.interfaces import ModelTraits
from copilot_api.gateway.catalog import Model
from copilot_api.records import record
from copilot_api.redaction import Secret
from copilot_api.settings import Settings

_ROOT = "Server running"
"""What the root page of every gateway says, as that of 0.7.0."""


@record
class RunningGateway:
    """A gateway that answers, and lets this key in."""

    link: GatewayLink
    models: tuple[Model, ...]
    key: Secret | None = None

    @property
    def url(self) -> str:
        """Its root."""
        return self.link.url

    def find(self, name: str) -> Model | None:
        """Return the listed model that a name means, as the gateway itself resolves names."""
        listed = {model.id: model for model in self.models}
        if name in listed:
            return listed[name]
        try:
            found = _member(self.link.ask(f"/v1/models/{quote(name, safe='')}"), "id")
        except GatewayProblem:
            return None
        return listed.get(found) if isinstance(found, str) else None


def link_to(settings: Settings, key: Secret | None = None) -> tuple[GatewayLink, Secret | None]:
    """Return where a gateway with these settings is, by the name that clients know, and its key.

    Raises :class:`GatewayProblem`.
    """
    from copilot_api.app import client_keys

    key = key or next((each.key for each in client_keys(settings)), None)
    shown = key.reveal() if key is not None else ""
    if settings.host is not None:
        return configured_gateway(settings, key=shown), key
    scheme = "https" if settings.tls_certificate else "http"
    url = f"{scheme}://localhost:{settings.port}"
    return GatewayLink(url, key, certificate=settings.tls_certificate), key


def reach(link: GatewayLink, key: Secret | None = None) -> RunningGateway:
    """Return the gateway behind a link. Raises :class:`GatewayProblem`, of it :class:`WantsKey`."""
    if link.text("/").strip() != _ROOT:
        raise GatewayProblem(f"what answers at {link.url} is no copilot-api")
    try:
        facts = _member(link.ask("/dashboard/api/models"), "models")
    except (WantsKey, NoSuchPath):
        # Without its dashboard, or to a key with limits, it tells less, and one by one.
        facts = [link.ask(f"/v1/models/{quote(name, safe='')}") for name in _ids(link)]
    known = [each for each in facts or () if isinstance(each, dict) and isinstance(each.get("id"), str)]
    return RunningGateway(link, tuple(map(_model, known)), key)


def _ids(link: GatewayLink) -> list[str]:
    listed = _member(link.ask("/v1/models"), "data")
    found = [_member(entry, "id") for entry in listed] if isinstance(listed, list) else []
    return [name for name in found if isinstance(name, str)]


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _model(facts: dict[str, Any]) -> Model:
    """Return a model of what `gateway.model_facts` told, or ``/v1/models``."""
    endpoints = facts.get("endpoints")
    efforts = facts.get("reasoning_effort")
    return Model(
        id=str(facts["id"]),
        name=facts.get("name") or facts.get("display_name"),
        vendor=facts.get("vendor") or facts.get("owned_by"),
        kind=facts["type"] if facts.get("type") in ("chat", "completion", "embeddings") else None,
        max_output_tokens=facts.get("max_output_tokens"),
        max_prompt_tokens=facts.get("max_prompt_tokens"),
        context_window=facts.get("context_window"),
        supported_endpoints=tuple(endpoints) if endpoints else None,
        traits=ModelTraits(
            reasoning_effort=tuple(efforts) if efforts else None,
            vision=facts.get("vision") is True,
            # Of a gateway that does not say: editors show no model without.
            tool_calls=facts.get("tools", True) is True,
        ),
        disabled=facts.get("enabled") is False,
        multiplier=facts.get("multiplier"),
    )
