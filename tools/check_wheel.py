"""Compare wheels with the source tree: nothing may be in one that is not there (R-18).

Usage: ``check_wheel.py WHEEL...``. A wheel holds the files of `src`, byte by byte, one native module and the
metadata that says what it is; nothing that runs at the start of Python (`.pth`), no other module or data
file, no script beyond the declared one. Exits non-zero with one line for each thing that is unexpected.
"""

from __future__ import annotations

import re
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NATIVE = re.compile(r"copilot_api/_native(\.abi3)?\.(so|pyd)")
METADATA = {
    "METADATA",
    "WHEEL",
    "RECORD",
    "entry_points.txt",
    "licenses/LICENSE",
    "licenses/THIRD-PARTY-LICENCES.txt",
}
BILLS = re.compile(r"sboms/[A-Za-z0-9_.-]+\.json")
"""maturin puts the list of the crates there."""


def sources(root: Path) -> dict[str, bytes]:
    """Return the files of the package by their names in a wheel."""
    source = root / "src"
    files = (path for path in sorted((source / "copilot_api").rglob("*")) if path.is_file())
    named = ((path.relative_to(source).as_posix(), path) for path in files)
    return {
        name: path.read_bytes()
        for name, path in named
        if "__pycache__" not in name and not NATIVE.fullmatch(name)
    }


def unexpected(wheel: Path, root: Path = ROOT) -> list[str]:
    """Return what is wrong with a wheel, a line each."""
    expected = sources(root)
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wrong: list[str] = []
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        wrong += [f"{name}: twice" for name in sorted(set(names)) if names.count(name) > 1]
        natives = [name for name in names if NATIVE.fullmatch(name)]
        if len(natives) != 1:
            wrong.append(f"native modules: {len(natives)} instead of 1")
        folder = f"{project['name'].replace('-', '_')}-"
        for name in names:
            top, _, rest = name.partition("/")
            if name in expected:
                if archive.read(name) != expected[name]:
                    wrong.append(f"{name}: not as in the source tree")
            elif top.startswith(folder) and top.endswith(".dist-info"):
                if rest not in METADATA and not BILLS.fullmatch(rest):
                    wrong.append(f"{name}: unexpected metadata")
                if rest == "entry_points.txt":
                    wrong += entry_points(archive.read(name).decode(), project)
            elif name not in natives:
                wrong.append(f"{name}: not in the source tree")
        wrong += [f"{name}: missing" for name in expected if name not in names]
    return wrong


def entry_points(text: str, project: dict[str, dict[str, dict[str, str]]]) -> list[str]:
    """Return the entry points that nobody declared."""
    declared = {"console_scripts": project.get("scripts", {}), **project.get("entry-points", {})}
    allowed = {
        (group, f"{name}={target}") for group, names in declared.items() for name, target in names.items()
    }
    group, wrong = "", []
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("["):
            group = line.strip("[]")
        elif (group, line.replace(" ", "")) not in allowed:
            wrong.append(f"entry point [{group}] {line}: not declared")
    return wrong


def main(arguments: list[str]) -> int:
    """Check each wheel. Return the exit status."""
    if not arguments:
        print("usage: check_wheel.py WHEEL...", file=sys.stderr)
        return 2
    status = 0
    for name in arguments:
        wrong = unexpected(Path(name))
        print("\n".join(f"{name}: {line}" for line in wrong) or f"{name}: as the source tree")
        status = 1 if wrong else status
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
