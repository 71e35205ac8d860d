"""Which models a key is good for (R-09)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from copilot_api.engine.interfaces import RequestBody
from copilot_api.gateway.errors import BadRequest, ModelNotAllowed
from copilot_api.gateway.families import is_of
from copilot_api.keys.caller import Caller

if TYPE_CHECKING:
    from copilot_api.gateway.catalog import Model, ModelCatalog
    from copilot_api.gateway.plan import Plan
    from copilot_api.gateway.resolver import Resolution

MOST_VERDICTS = 1024
"""Verdicts that are kept; a client may send any model name, so there must be an end."""
_GLOB = frozenset("*?[")
_VARIANT = "[1m]"
"""How Claude Code writes the large variant of a model: a name and no pattern."""


class Allowed:
    """Judges models. An entry of a key's list is a glob, a family, or a name as any client may write it.

    A family allows each of its versions. A variant, as ``-mini`` or ``-1m``, is another model, with another
    price: it takes a name or a glob of its own.
    """

    def __init__(self, catalog: ModelCatalog, resolve: Callable[[str], Resolution]) -> None:
        self._catalog = catalog
        self._resolve = resolve
        self._models: tuple[Model, ...] = ()
        """The catalogue that the verdicts were made by."""
        self._verdicts: dict[tuple[tuple[str, ...], str], bool] = {}

    def forget(self) -> None:
        """Judge anew: names have another meaning now."""
        self._verdicts.clear()

    def allows(self, caller: Caller, model: str) -> bool:
        """Tell whether a key is good for a model, by the name that is sent upstream."""
        if not caller.models:
            return True
        models = self._catalog.models
        if models is not self._models or len(self._verdicts) >= MOST_VERDICTS:
            self._models = models
            self._verdicts.clear()
        asked = (caller.models, model)
        verdict = self._verdicts.get(asked)
        if verdict is None:
            verdict = any(self._matches(entry.strip(), model) for entry in caller.models)
            self._verdicts[asked] = verdict
        return verdict

    def check(self, caller: Caller, plan: Plan, body: RequestBody) -> None:
        """Refuse a request for a model that the key is not good for. Raises :class:`ModelNotAllowed`."""
        if not caller.models:
            return
        model = plan.resolution.name
        if not self.allows(caller, model):
            raise ModelNotAllowed(caller.name, model)
        if plan.request.dialect == plan.leg:
            _check_spelling(body)

    def listed(self, caller: Caller, models: tuple[Model, ...]) -> tuple[Model, ...]:
        """Return those of the models that the key is good for."""
        if not caller.models:
            return models
        return tuple(model for model in models if self.allows(caller, model.id))

    def _matches(self, entry: str, model: str) -> bool:
        wanted, name = entry.lower(), model.lower()
        if not _GLOB.isdisjoint(wanted.removesuffix(_VARIANT)):
            from fnmatch import fnmatchcase

            return fnmatchcase(name, wanted)
        return wanted == name or is_of(wanted, name) or self._resolve(entry).name.lower() == name


def _check_spelling(body: RequestBody) -> None:
    """Refuse a second member that Copilot may read as the model's name: the body goes there as it is.

    Readers differ in which of two equal members counts, and Go's takes ``Model`` for ``model``.
    """

    def pairs(found: list[tuple[str, object]]) -> list[str]:
        return [name for name, _ in found if name.casefold() == "model"]

    try:
        # The hook sees the innermost objects first: what it returned last is of the whole body.
        names = json.loads(bytes(body), object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return
    if isinstance(names, list) and names not in ([], ["model"]):
        raise BadRequest(400, "model: must be given once", param="model", code="invalid_request")
