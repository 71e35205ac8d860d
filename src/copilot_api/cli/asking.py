"""What a command asks a gateway that runs: whether it is one, whether it lets us in, what models it has."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlsplit

from copilot_api.engine.interfaces import ModelTraits
from copilot_api.gateway.catalog import Model
from copilot_api.records import record
from copilot_api.redaction import Secret

_PATIENCE = 10.0
_LARGEST = 8 * 1024 * 1024
_ROOT = b"Server running"
"""What the root page of every gateway says, as that of 0.7.0."""


class NoGateway(Exception):
    """There is none at the address, or it is of no use; the text says why."""


class WantsKey(NoGateway):
    """It wants a key, and the one that was shown, if any, is not good."""


@record
class RunningGateway:
    """A gateway that answers, and lets this key in."""

    url: str
    models: tuple[Model, ...]
    key: Secret | None = None

    def find(self, name: str) -> Model | None:
        """Return the listed model that a name means, as the gateway itself resolves names."""
        listed = {model.id: model for model in self.models}
        if name in listed:
            return listed[name]
        try:
            status, body = _get(self.url, f"/v1/models/{quote(name, safe='')}", self.key)
        except NoGateway:
            return None
        found = _object(body).get("id") if status == 200 else None
        return listed.get(found) if isinstance(found, str) else None


def reach(url: str, key: Secret | None = None) -> RunningGateway:
    """Return the gateway at a root URL. Raises :class:`NoGateway`, :class:`WantsKey`."""
    status, body = _get(url, "/", None)
    if status != 200 or body.strip() != _ROOT:
        raise NoGateway(f"what answers at {url} is no copilot-api")
    status, body = _get(url, "/dashboard/api/models", key)
    facts = _object(body).get("models") if status == 200 else None
    if isinstance(facts, list):
        return RunningGateway(url, tuple(map(_model, facts)), key)
    # Without its dashboard, or as another user's, it tells less, and one by one.
    status, body = _get(url, "/v1/models", key)
    if status in (401, 403):
        raise WantsKey(f"the gateway at {url} wants a key")
    listed = _object(body).get("data")
    if status != 200 or not isinstance(listed, list):
        raise NoGateway(f"the gateway at {url} does not list its models (status {status})")
    ids = [entry["id"] for entry in listed if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
    details = (_object(_get(url, f"/v1/models/{quote(name, safe='')}", key)[1]) for name in ids)
    return RunningGateway(
        url, tuple(_model({"id": name, **each}) for name, each in zip(ids, details, strict=True)), key
    )


def _get(url: str, path: str, key: Secret | None) -> tuple[int, bytes]:
    parts = urlsplit(url)
    # No proxy is asked, whatever the environment says: a gateway is near.
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_PATIENCE)
    headers = {"authorization": f"Bearer {key.reveal()}"} if key is not None else {}
    try:
        connection.request("GET", parts.path.rstrip("/") + path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(_LARGEST)
    except (OSError, HTTPException, UnicodeError) as error:
        raise NoGateway(f"no gateway answers at {url} ({error or type(error).__name__})") from None
    finally:
        connection.close()


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


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
