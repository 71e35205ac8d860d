"""Write the lock files anew: ``constraints.txt`` and ``tests/clients/package-lock.json``.

The newest versions that ``pyproject.toml`` and ``requirements-dev.txt`` allow are resolved in a throw-away
virtual environment. Lock files hold names and versions, never where they were downloaded from.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def resolve_python() -> list[str]:
    """Return sorted ``name==version`` lines of everything that the project and its tools need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    environment = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
    with tempfile.TemporaryDirectory() as directory:
        venv.create(directory, with_pip=True)
        python = str(Path(directory, "Scripts" if os.name == "nt" else "bin", "python"))
        pip = [python, "-m", "pip", "--disable-pip-version-check"]
        subprocess.run(
            [*pip, "install", "--quiet", "-r", str(ROOT / "requirements-dev.txt"), *wanted],
            check=True,
            env=environment,
        )
        frozen = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True).stdout
    return sorted((line for line in frozen.splitlines() if "==" in line), key=str.lower)


def main() -> int:
    """Write both lock files. Return the exit status."""
    lines = resolve_python()
    (ROOT / "constraints.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"constraints.txt: {len(lines)} packages")
    npm = shutil.which("npm")
    if npm is None:
        print("npm is missing: tests/clients/package-lock.json was left alone")
        return 0
    clients = ROOT / "tests" / "clients"
    return subprocess.run([npm, "update", "--package-lock-only"], cwd=clients, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
