"""Which of an account's models a client gets when its user names none."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from copilot_api.clients.base import Choice, SetupProblem
from copilot_api.gateway.catalog import Model
from copilot_api.gateway.families import cheap, newest

FAMILIES = ("opus", "sonnet", "haiku", "gpt", "gemini")

Find = Callable[[str], Model | None]
"""The model that a name means, as the gateway resolves names."""


def choose(
    models: tuple[Model, ...],
    find: Find,
    preferred: Sequence[str],
    *,
    large: str | None = None,
    small: str | None = None,
) -> Choice:
    """Return the models for a client, by its families in the order it prefers them.

    `large` and `small` are names that the user gave. Raises :class:`SetupProblem`.
    """
    listed = tuple(model for model in models if model.kind in (None, "chat") and not model.disabled)
    if not listed:
        raise SetupProblem("the account has no model that chats; see `copilot-api models`")
    families = {name: found for name in FAMILIES if (found := newest(name, listed)) is not None}
    by_family = [families[name] for name in preferred if name in families]
    main = _named(large, listed, find) if large else (by_family or [listed[0]])[0]
    side = _named(small, listed, find) if small else _side(preferred, families, listed) or main
    return Choice(main, side, listed, families)


def _side(preferred: Sequence[str], families: dict[str, Model], listed: tuple[Model, ...]) -> Model | None:
    return families.get("haiku") if preferred[0] in ("opus", "sonnet") else cheap(listed)


def _named(name: str, listed: tuple[Model, ...], find: Find) -> Model:
    found = find(name)
    if found is not None and found in listed:
        return found
    if found is not None:
        raise SetupProblem(f"{found.id} cannot be chatted with; `copilot-api models` lists those that can")
    near = difflib.get_close_matches(name, [model.id for model in listed], n=3)
    hint = f"did you mean {', '.join(near)}? " if near else ""
    raise SetupProblem(f"the account has no model {name}: {hint}`copilot-api models` lists all")
