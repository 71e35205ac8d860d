"""Gemini CLI: variables in ``~/.gemini/.env``, and the type of sign-in in ``~/.gemini/settings.json``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from copilot_api.clients import checks
from copilot_api.clients.base import (
    NO_KEY,
    Change,
    Choice,
    Facts,
    Finding,
    Launch,
    Order,
    Place,
    SetupProblem,
    Target,
    has_flag,
)
from copilot_api.clients.edits import CannotEdit
from copilot_api.clients.edits.json_edit import JsonEdit
from copilot_api.clients.edits.lines import EnvEdit

_TYPE = ("security", "auth", "selectedType")
_BY_KEY = "gemini-api-key"
_LEADS_AWAY = ("GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA", "GOOGLE_API_KEY")


class GeminiCli:
    """The program `gemini`."""

    name = "gemini"
    title = "Gemini CLI"
    programs = ("gemini",)
    install = "npm install -g @google/gemini-cli"
    note = ""
    prefers = ("gemini", "sonnet", "gpt", "opus")

    def configurations(self, place: Place) -> tuple[Path, ...]:
        """Return the user's settings and variables."""
        folder = _folder(place)
        return folder / "settings.json", folder / ".env"

    def launch(self, order: Order) -> Launch:
        """Return a home of links to the user's own, but for the settings: they must say how to sign in.

        The type of sign-in has no variable of its own, and the base URL alone chooses one that fails.
        """
        folder = _folder(order.place)
        try:
            text = (folder / "settings.json").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            text = ""
        try:
            settings, _ = JsonEdit([(_TYPE, _BY_KEY)]).apply(text)
        except CannotEdit as problem:
            raise SetupProblem(f"{folder / 'settings.json'}: {problem}") from None
        home = order.scratch / "home"
        links = {
            home / ".gemini" / each.name: each for each in _entries(folder) if each.name != "settings.json"
        }
        environment: dict[str, str | None] = {
            **dict.fromkeys(_LEADS_AWAY),
            "GEMINI_CLI_HOME": str(home),
            **_variables(order.target),
        }
        if not has_flag(order.arguments, "-m", "--model"):
            environment["GEMINI_MODEL"] = order.choice.large.id
        return Launch(
            ("gemini", *order.arguments), environment, {home / ".gemini/settings.json": settings}, links
        )

    def changes(self, place: Place, target: Target, choice: Choice) -> tuple[Change, ...]:
        """Return the type of sign-in, and the variables."""
        settings, env = self.configurations(place)
        variables = {**_variables(target), "GEMINI_MODEL": choice.large.id}
        if target.key_env == "GEMINI_API_KEY":
            del variables["GEMINI_API_KEY"]
        elif target.key_env:
            raise SetupProblem("Gemini CLI reads its key from GEMINI_API_KEY only: --key-env GEMINI_API_KEY")
        return (
            Change(settings, JsonEdit([(_TYPE, _BY_KEY)])),
            Change(env, EnvEdit("(undo: copilot-api setup --undo gemini)", variables)),
        )

    def lint(self, place: Place, facts: Facts) -> tuple[Finding, ...]:
        """Return what is wrong with variables and settings."""
        return tuple(self._lint(place, facts))

    def _lint(self, place: Place, facts: Facts) -> Iterator[Finding]:
        path, env_path = self.configurations(place)
        settings, problems = checks.read_json(self.name, path)
        yield from problems
        of_file = checks.read_env(env_path)
        values = {**of_file, **place.environ}
        url = values.get("GOOGLE_GEMINI_BASE_URL")
        if not url or (checks.split(url) is not None and not checks.is_ours(url, facts)):
            return
        where = "the environment" if "GOOGLE_GEMINI_BASE_URL" in place.environ else str(env_path)
        yield from checks.base_url(self.name, where, "GOOGLE_GEMINI_BASE_URL", url, facts, versioned=False)
        chosen = checks.member(settings, *_TYPE)
        if chosen != _BY_KEY:
            yield Finding(
                self.name,
                str(path),
                f"security.auth.selectedType is {chosen or 'not set'}; with a base URL it must be {_BY_KEY}",
                f'set it to "{_BY_KEY}": `copilot-api setup gemini`',
            )
        key = values.get("GEMINI_API_KEY")
        if not key:
            fix = f"set GEMINI_API_KEY={NO_KEY} (any text), or your key of the gateway"
            yield Finding(self.name, where, "GEMINI_API_KEY is not set", fix)
        else:
            yield from checks.key(self.name, where, "GEMINI_API_KEY", key, facts)
        named = {
            "GEMINI_MODEL": values.get("GEMINI_MODEL"),
            "model.name": checks.member(settings, "model", "name"),
        }
        yield from checks.models(self.name, where, named, facts)
        yield from checks.proxies(self.name, place, facts)


def _folder(place: Place) -> Path:
    return place.directory("GEMINI_CLI_HOME") / ".gemini"


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _variables(target: Target) -> dict[str, str]:
    return {"GOOGLE_GEMINI_BASE_URL": target.url, "GEMINI_API_KEY": target.key_or()}
