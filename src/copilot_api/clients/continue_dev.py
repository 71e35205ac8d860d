"""Continue: models in ``~/.continue/config.yaml``."""

from __future__ import annotations

import re
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
    Target,
)
from copilot_api.clients.edits import CannotEdit
from copilot_api.clients.edits.lines import check_yaml, yaml_text
from copilot_api.clients.edits.marked import BEGIN, END, take_out

_HINT = "(undo: copilot-api setup --undo continue)"
_LIST = re.compile(r"^models[ \t]*:[ \t]*(?:#[^\n]*)?\r?\n", re.MULTILINE)


class Continue:
    """The extension Continue, of VS Code and JetBrains' editors."""

    name = "continue"
    title = "Continue"
    programs = ("cn",)
    install = "get it at https://continue.dev"
    note = "Continue reads its file anew when it is saved; choose the model in its own list"
    prefers = ("sonnet", "gpt", "gemini", "opus")

    def configurations(self, place: Place) -> tuple[Path, ...]:
        """Return the user's configuration."""
        return (place.directory("CONTINUE_GLOBAL_DIR", ".continue") / "config.yaml",)

    def changes(self, place: Place, target: Target, choice: Choice) -> tuple[Change, ...]:
        """Return the two models; others of the account can be added by their names."""
        return (Change(self.configurations(place)[0], _ModelsEdit(target, choice)),)

    def lint(self, place: Place, facts: Facts) -> tuple[Finding, ...]:
        """Return what is wrong with the models that lead to this gateway."""
        return tuple(self._lint(place, facts))

    def _lint(self, place: Place, facts: Facts) -> Iterator[Finding]:
        path = self.configurations(place)[0]
        bases = re.findall(
            r"""^\s*(?:- )?apiBase:\s*["']?([^\s"'#]+)""", checks.read_text(path) or "", re.MULTILINE
        )
        ours = list(dict.fromkeys(url for url in bases if checks.is_ours(url, facts)))
        for url in ours:
            yield from checks.base_url(self.name, str(path), "apiBase", url, facts, versioned=True)
        if ours:
            yield from checks.proxies(self.name, place, facts)


class _ModelsEdit:
    """Puts our models before the others in the list `models`, or makes the list."""

    def __init__(self, target: Target, choice: Choice) -> None:
        self._target, self._choice = target, choice

    def apply(self, text: str) -> tuple[str, Mapping[str, Any]]:
        """Return the changed text and the memo. Raises :class:`CannotEdit`."""
        text = take_out(text)
        check_yaml(text)
        newline = "\r\n" if "\r\n" in text else "\n"
        found = _LIST.search(text)
        if found is None:
            if re.search(r"^models[ \t]*:", text, re.MULTILINE):
                raise CannotEdit("`models` is not a list of lines, each item with a dash")
            named = re.search(r"^name[ \t]*:", text, re.MULTILINE)
            head = [] if named else [f"name: {NAME}", "version: 1.0.0", "schema: v1"]
            text += newline if text and not text.endswith("\n") else ""
            return text + self._block([*head, "models:"], "  ", newline), {"kind": "yaml"}
        first = re.match(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*([ ]*)- ", text[found.end() :])
        if first is None and re.match(r"\s*\S", text[found.end() :]):
            raise CannotEdit("`models` is not a list of lines, each item with a dash")
        block = self._block([], first.group(1) if first else "  ", newline)
        return text[: found.end()] + block + text[found.end() :], {"kind": "yaml"}

    def _block(self, head: list[str], indent: str, newline: str) -> str:
        lines = [f"{BEGIN} {_HINT}", *head]
        for model in dict.fromkeys((self._choice.large, self._choice.small)):
            lines += [
                f"{indent}- name: {yaml_text(f'{model.name or model.id} ({NAME})')}",
                f"{indent}  provider: openai",
                f"{indent}  model: {yaml_text(model.id)}",
                f"{indent}  apiBase: {yaml_text(self._target.openai)}",
                f"{indent}  apiKey: {yaml_text(self._key())}",
                f"{indent}  roles: [chat, edit, apply]",
                f"{indent}  capabilities: [{', '.join(_capabilities(model.traits))}]",
            ]
        return "".join(f"{line}{newline}" for line in (*lines, END))

    def _key(self) -> str:
        variable = self._target.key_env
        return f"${{{{ secrets.{variable} }}}}" if variable else self._target.key_or()


def _capabilities(traits: Any) -> list[str]:
    return [
        name for name, is_so in (("tool_use", traits.tool_calls), ("image_input", traits.vision)) if is_so
    ]
