"""What every client has: how it is found, started and configured, and what can be wrong with it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from copilot_api.clients.edits import Edit
from copilot_api.gateway.catalog import Model
from copilot_api.records import record
from copilot_api.redaction import Secret

NAME = "copilot-api"
"""What the gateway is called in a client's configuration."""
NO_KEY = "dummy"
"""What clients send that insist on a key, to a gateway that needs none."""


class SetupProblem(Exception):
    """It cannot be done; the text is one line that says what to do."""


@record
class Place:
    """Where a client runs: the user's home, environment and folder."""

    home: Path
    environ: Mapping[str, str]
    work: Path
    platform: str = sys.platform

    def directory(self, variable: str, *default: str) -> Path:
        """Return the folder that a variable names, else one below the home."""
        given = self.environ.get(variable)
        return Path(given).expanduser() if given else self.home.joinpath(*default)

    def config(self, *names: str) -> Path:
        """Return a path below the folder for configurations (XDG, APPDATA, or macOS' Application Support)."""
        if self.platform == "win32":
            return self.directory("APPDATA", "AppData", "Roaming").joinpath(*names)
        return self.directory("XDG_CONFIG_HOME", ".config").joinpath(*names)


@record
class Choice:
    """Which models a client is to use; the lists are those that chat."""

    large: Model
    small: Model
    listed: tuple[Model, ...]
    newest: Mapping[str, Model]
    """By family: opus, sonnet, haiku, gpt, gemini."""


@record
class Target:
    """The gateway as a client is to see it."""

    url: str
    """The root, without a slash at its end."""
    key: Secret | None = None
    key_env: str | None = None
    """The environment variable that will hold the key."""

    @property
    def openai(self) -> str:
        """The base for clients of OpenAI's formats."""
        return f"{self.url}/v1"

    def key_or(self, default: str = NO_KEY) -> str:
        """Return the key as it stands in a file or in an environment."""
        return self.key.reveal() if self.key is not None else default


@record
class Order:
    """A client to start once."""

    place: Place
    target: Target
    choice: Choice
    arguments: tuple[str, ...]
    """The client's own."""
    scratch: Path
    """A folder that is removed afterwards; it may not be there yet."""


@record
class Launch:
    """How to start a client once: nothing of it stays."""

    command: tuple[str, ...]
    environment: Mapping[str, str | None]
    """None: a variable that would lead the client elsewhere is taken away."""
    files: Mapping[Path, str]
    """Files to write below the scratch folder."""
    links: Mapping[Path, Path]
    """Links to make below the scratch folder, and what each leads to."""


@record
class Change:
    """One file of a client, and what is to become of it."""

    path: Path
    edit: Edit


@record
class Finding:
    """Something wrong in a client's configuration."""

    client: str
    where: str
    """A file or a variable."""
    text: str
    fix: str
    serious: bool = True
    """It does not work, as opposed to: it may surprise."""


Knows = Callable[[str], bool]
"""Whether a name means a model that the gateway has."""


@record
class Facts:
    """What is known of the gateway when configurations are looked at; None: not known."""

    url: str
    knows: Knows | None = None
    key_needed: bool | None = None


class Client(Protocol):
    """One program that `setup` configures and `doctor` checks."""

    @property
    def name(self) -> str:
        """What the user calls it on our command line."""

    @property
    def title(self) -> str:
        """What it is called."""

    @property
    def programs(self) -> tuple[str, ...]:
        """What to look for on PATH; the first is what `run` starts."""

    @property
    def install(self) -> str:
        """The command that installs it, or where to get it."""

    @property
    def note(self) -> str:
        """What there is to know after `setup`; may be empty."""

    @property
    def prefers(self) -> tuple[str, ...]:
        """Families of models, the one that fits best first."""

    def configurations(self, place: Place) -> tuple[Path, ...]:
        """Return the files that hold its configuration, those first that `setup` changes."""

    def changes(self, place: Place, target: Target, choice: Choice) -> tuple[Change, ...]:
        """Return what its files need. Raises :class:`SetupProblem`."""

    def lint(self, place: Place, facts: Facts) -> tuple[Finding, ...]:
        """Return what is wrong with what is there; nothing where nothing is set up."""


class Program(Client, Protocol):
    """A client of the terminal, that `run` can start."""

    def launch(self, order: Order) -> Launch:
        """Return how to start it with the gateway. Raises :class:`SetupProblem`."""


def here(home: Path) -> Place:
    """Return the place of this process."""
    return Place(home, os.environ, Path.cwd())


def has_flag(arguments: tuple[str, ...], *names: str) -> bool:
    """Tell whether a client's own arguments have one of its flags."""
    return any(word == name or word.startswith(f"{name}=") for word in arguments for name in names)
