"""Write the lock files anew: `constraints.txt`, those of the client programs, and that of the browser tests.

The newest versions that the requirements allow are resolved in throw-away virtual environments. Lock files
hold names and versions, never addresses: neither where something was downloaded from nor who takes donations.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = ROOT / "tests" / "clients"
NPM = (CLIENTS, ROOT / "tests" / "browser")
"""Folders with a lock of npm."""


def resolve_python(requirements: Path, *wanted: str) -> list[str]:
    """Return sorted `name==version` lines of everything that is needed."""
    environment = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
    with tempfile.TemporaryDirectory() as directory:
        venv.create(directory, with_pip=True)
        python = str(Path(directory, "Scripts" if os.name == "nt" else "bin", "python"))
        pip = [python, "-m", "pip", "--disable-pip-version-check"]
        subprocess.run(
            [*pip, "install", "--quiet", "-r", str(requirements), *wanted], check=True, env=environment
        )
        frozen = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True).stdout
    return sorted((line for line in frozen.splitlines() if "==" in line), key=str.lower)


def without_addresses(lock: dict[str, Any]) -> dict[str, Any]:
    """Return an npm lock without the members that are addresses."""
    for package in lock["packages"].values():
        package.pop("funding", None)
        package.pop("resolved", None)
    return lock


def lock_npm(npm: str, folder: Path) -> None:
    """Write npm's lock of a folder."""
    subprocess.run([npm, "update", "--package-lock-only"], cwd=folder, check=True)
    path = folder / "package-lock.json"
    lock = without_addresses(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(lock, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {len(lock['packages']) - 1} packages")


def main() -> int:
    """Write the lock files. Return the exit status."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    locks = {
        ROOT / "constraints.txt": (ROOT / "requirements-dev.txt", wanted),
        CLIENTS / "constraints.txt": (CLIENTS / "requirements.txt", []),
        CLIENTS / "constraints-aider.txt": (CLIENTS / "requirements-aider.txt", []),
        ROOT / "tools/site/constraints.txt": (ROOT / "tools/site/requirements.txt", []),
    }
    for path, (requirements, more) in locks.items():
        lines = resolve_python(requirements, *more)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {len(lines)} packages")
    npm = shutil.which("npm")
    if npm is None:
        print("npm is missing: its locks were left alone")
        return 0
    for folder in NPM:
        lock_npm(npm, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
