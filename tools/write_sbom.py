"""Write the bill of materials of a release, CycloneDX 1.5 (R-18).

Usage: ``write_sbom.py [FILE]``; ``dist/sbom.cdx.json`` without one. Crates come from `Cargo.lock` with their
checksums, of all systems; Python packages are those that pip installs with the program, in the versions of
`constraints.txt`. Nothing is asked over the network, and the same sources give the same bytes.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*(?:;(.*))?")


def crates(root: Path) -> list[dict[str, Any]]:
    """Return the crates of others that the lock names."""
    packages = tomllib.loads((root / "Cargo.lock").read_text(encoding="utf-8"))["package"]
    return [
        {
            "type": "library",
            "name": package["name"],
            "version": package["version"],
            "purl": f"pkg:cargo/{package['name']}@{package['version']}",
            "hashes": [{"alg": "SHA-256", "content": package["checksum"]}],
        }
        for package in packages
        if "source" in package
    ]


def python_packages(root: Path) -> list[dict[str, Any]]:
    """Return what pip installs with the program: what it asks for, and what that asks for."""
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {normal(name): version for name, version in (line.split("==") for line in lines)}
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked, found = list(project["dependencies"]), set[str]()
    while asked:
        match = REQUIREMENT.match(asked.pop())
        assert match is not None
        name = normal(match[1])
        # An extra is nobody's here; what another system or Python needs is not pinned by this lock.
        if name in found or "extra" in (match[2] or "") or name not in pinned:
            continue
        found.add(name)
        try:
            asked += importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            raise SystemExit(f"{name} is not installed: run `make .venv/.stamps/dev` first") from None
    return [
        {
            "type": "library",
            "name": name,
            "version": pinned[name],
            "purl": f"pkg:pypi/{name}@{pinned[name]}",
        }
        for name in sorted(found)
    ]


def normal(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def bill(root: Path) -> dict[str, Any]:
    """Return the whole document."""
    manifest = tomllib.loads((root / "Cargo.toml").read_text(encoding="utf-8"))
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = manifest["workspace"]["package"]["version"]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": project["name"],
                "version": version,
                "licenses": [{"license": {"id": project["license"]}}],
                "purl": f"pkg:pypi/{project['name']}@{version}",
            }
        },
        "components": [*crates(root), *python_packages(root)],
    }


def main(arguments: list[str]) -> int:
    """Write the file. Return the exit status."""
    target = Path(arguments[0]) if arguments else ROOT / "dist" / "sbom.cdx.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    document = bill(ROOT)
    target.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{target}: {len(document['components'])} components")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
