"""One version everywhere: the constant, the crates, and the installed package."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import copilot_api
from copilot_api.version import VERSION

ROOT = Path(__file__).resolve().parents[2]


def test_crates_have_the_version_of_the_package() -> None:
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]
    assert workspace["package"]["version"] == VERSION
    for member in workspace["members"]:
        manifest = tomllib.loads((ROOT / member / "Cargo.toml").read_text(encoding="utf-8"))
        assert manifest["package"]["version"] == {"workspace": True}, member


def test_cargo_lock_has_the_version() -> None:
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))["package"]
    ours = {
        package["name"]: package["version"] for package in locked if package["name"].startswith("copilot-")
    }
    assert ours
    assert set(ours.values()) == {VERSION}


def test_package_says_its_version() -> None:
    assert copilot_api.__version__ == VERSION


def test_installed_package_has_the_version() -> None:
    assert importlib.metadata.version("copilot-api-gateway") == VERSION


def test_changelog_names_the_version_or_collects_for_it() -> None:
    headings = re.findall(
        r"^## \[?([^\]\s]+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert headings[0] == "Unreleased"
    # Once a version is out, the newest one written down is the one in the sources.
    assert headings[1:2] in ([], [VERSION])
