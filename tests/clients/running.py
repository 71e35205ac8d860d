"""Client programs as processes, each with a home and an environment of the test's making."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.support.process import clean_environment

ROOT = Path(__file__).resolve().parents[2]
MODULES = Path(__file__).parent / "node_modules"
LONGEST = 240
"""Seconds that a program may take; it is killed then. Far more than any needs, even on a busy machine."""

CONTENT = "hello from the simulator"
WRITE: Final = f"Write a file named hello.txt with the content: {CONTENT}"
"""What the pretend model understands: it calls whatever tool can do that."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a program runs."""

    home: Path
    work: Path

    def check_written(self) -> None:
        """The file that the program was asked for is there."""
        assert (self.work / "hello.txt").read_text(encoding="utf-8").rstrip("\n") == CONTENT


def from_npm(name: str) -> str:
    """Path of a program that npm installed."""
    return installed(MODULES / ".bin" / name, "make test-clients")


def node() -> str:
    """Path of Node, with the SDKs installed."""
    installed(MODULES / "openai", "make test-clients")
    return shutil.which("node") or pytest.skip("node is not installed")


def from_pip(environment: str, name: str) -> str:
    """Path of a program in one of the clients' virtual environments."""
    folder = ROOT / f".venv-{environment}" / ("Scripts" if os.name == "nt" else "bin")
    return installed(folder / name, f"make test-{environment}")


def installed(path: Path, how: str) -> str:
    """Return the path of a program; a test that needs one that is not there is skipped."""
    if not path.exists() and not path.with_suffix(".exe").exists():
        pytest.skip(f"{path.name} is not installed; run `{how}`")
    return str(path)


def run(place: Place, command: list[str], environment: Mapping[str, str]) -> str:
    """Run a program to its good end. Return what it printed."""
    done = subprocess.run(
        command,
        cwd=place.work,
        env=clean_environment(place.home, environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
