"""aider: its own variables, or ``~/.aider.conf.yml``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from copilot_api.clients import checks
from copilot_api.clients.base import (
    Change,
    Choice,
    Facts,
    Finding,
    Launch,
    Order,
    Place,
    SetupProblem,
    Target,
)
from copilot_api.clients.edits.lines import YamlEdit

_KINDS = ("openai/", "anthropic/")


class Aider:
    """The program `aider`."""

    name = "aider"
    title = "aider"
    programs = ("aider",)
    install = "pipx install aider-chat"
    note = "a project's own .aider.conf.yml or .env overrules this one"
    prefers = ("sonnet", "gpt", "gemini", "opus")

    def configurations(self, place: Place) -> tuple[Path, ...]:
        """Return the user's configuration."""
        return (place.home / ".aider.conf.yml",)

    def launch(self, order: Order) -> Launch:
        """Return variables, which win over aider's files; its own names for them win over ``.env``."""
        target, choice = order.target, order.choice
        key = target.key_or()
        environment: dict[str, str | None] = {
            "OPENAI_API_BASE": target.openai,
            "OPENAI_API_KEY": key,
            "AIDER_OPENAI_API_BASE": target.openai,
            "AIDER_OPENAI_API_KEY": key,
            "AIDER_MODEL": f"openai/{choice.large.id}",
            "AIDER_WEAK_MODEL": f"openai/{choice.small.id}",
        }
        return Launch(("aider", *order.arguments), environment, {}, {})

    def changes(self, place: Place, target: Target, choice: Choice) -> tuple[Change, ...]:
        """Return the address, the key and the models."""
        values = {"openai-api-base": target.openai, "openai-api-key": target.key_or()}
        if target.key_env == "OPENAI_API_KEY":
            del values["openai-api-key"]
        elif target.key_env:
            raise SetupProblem("aider reads its key from OPENAI_API_KEY only: --key-env OPENAI_API_KEY")
        values |= {"model": f"openai/{choice.large.id}", "weak-model": f"openai/{choice.small.id}"}
        edit = YamlEdit("(undo: copilot-api setup --undo aider)", values)
        return (Change(self.configurations(place)[0], edit),)

    def lint(self, place: Place, facts: Facts) -> tuple[Finding, ...]:
        """Return what is wrong with variables and configuration."""
        return tuple(self._lint(place, facts))

    def _lint(self, place: Place, facts: Facts) -> Iterator[Finding]:
        path = self.configurations(place)[0]
        of_file = _top(checks.read_text(path) or "")
        environ = place.environ
        url = environ.get("AIDER_OPENAI_API_BASE") or of_file.get("openai-api-base")
        where = "the environment" if environ.get("AIDER_OPENAI_API_BASE") else str(path)
        if not url and environ.get("OPENAI_API_BASE"):
            url, where = environ["OPENAI_API_BASE"], "the environment"
        if not url or (checks.split(url) is not None and not checks.is_ours(url, facts)):
            return
        name = "openai-api-base" if where == str(path) else "OPENAI_API_BASE"
        yield from checks.base_url(self.name, where, name, url, facts, versioned=True)
        key = environ.get("OPENAI_API_KEY") or of_file.get("openai-api-key")
        if not key:
            yield Finding(
                self.name, where, "there is no openai-api-key", "set one; any text will do without keys"
            )
        else:
            yield from checks.key(self.name, where, "openai-api-key", key, facts)
        for member in ("model", "weak-model"):
            model = environ.get(f"AIDER_{member.upper().replace('-', '_')}") or of_file.get(member)
            if model is None:
                continue
            if not model.startswith(_KINDS):
                yield Finding(
                    self.name,
                    where,
                    f"{member} is {model}, which aider does not send to openai-api-base",
                    f"write openai/{model}",
                )
            else:
                yield from checks.models(self.name, where, {member: model.partition("/")[2]}, facts)
        yield from checks.proxies(self.name, place, facts)


def _top(text: str) -> dict[str, str]:
    """Return the one-line members of a YAML mapping."""
    found = {}
    for line in text.splitlines():
        matched = re.match(r"""["']?([\w-]+)["']?\s*:\s+(.+?)\s*(?:\s#.*)?$""", line)
        if matched:
            found[matched.group(1)] = matched.group(2).strip("\"'")
    return found
