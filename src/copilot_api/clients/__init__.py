"""The programs that `run` starts, `setup` configures and `doctor` checks: one table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from copilot_api.clients.aider import Aider
from copilot_api.clients.base import Client, Facts, Finding, Knows, Place, Program
from copilot_api.clients.claude import ClaudeCode
from copilot_api.clients.codex import Codex
from copilot_api.clients.continue_dev import Continue
from copilot_api.clients.gemini import GeminiCli
from copilot_api.clients.opencode import OpenCode
from copilot_api.clients.vscode import VsCode
from copilot_api.clients.zed import Zed

PROGRAMS: tuple[Program, ...] = (ClaudeCode(), Codex(), GeminiCli(), OpenCode(), Aider())
"""Those of the terminal, which `run` can start."""

CLIENTS: tuple[Client, ...] = (*PROGRAMS, VsCode(), Continue(), Zed())
"""In the order in which they are listed."""


def client_named(name: str) -> Client | None:
    """Return the client of a name."""
    return next((client for client in CLIENTS if client.name == name), None)


def lint(
    home: Path,
    environ: Mapping[str, str],
    url: str,
    *,
    knows: Knows | None = None,
    key_needed: bool | None = None,
    work: Path | None = None,
) -> tuple[Finding, ...]:
    """Return what is wrong in the configurations of all clients, for a gateway at `url`, the root.

    `knows` tells whether a name means a model of the account, `key_needed` whether the gateway wants a key;
    without them nothing is said of models and keys. `work` is where a project's own configuration may be.
    Clients that are not set up, or that use another service, give no finding. Nothing is called or changed.
    """
    place = Place(home, environ, work or home)
    facts = Facts(url.rstrip("/"), knows, key_needed)
    return tuple(finding for client in CLIENTS for finding in client.lint(place, facts))
