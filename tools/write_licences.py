"""Write THIRD-PARTY-LICENCES.txt: whose work the native module holds, and under which terms.

What counts is what is linked into it on any platform: the normal dependencies of `copilot-python`, and
theirs, in the versions of Cargo.lock. Texts are taken from the crates' own files; equal ones are written
once.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "THIRD-PARTY-LICENCES.txt"
TEXT = re.compile(r"(?:LICEN[CS]E|COPYING|NOTICE|UNLICENSE)(?:[-._].*)?", re.IGNORECASE)
RULE = "-" * 100


def packages() -> list[dict[str, Any]]:
    """Return what cargo knows of the crates that are linked in, by name."""
    metadata = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--locked", "--format-version", "1"],
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout
    )
    known = {each["id"]: each for each in metadata["packages"]}
    nodes = {each["id"]: each for each in metadata["resolve"]["nodes"]}
    waiting = [each["id"] for each in metadata["packages"] if each["name"] == "copilot-python"]
    seen: set[str] = set()
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        deps = nodes[at]["deps"]
        waiting += [each["pkg"] for each in deps if any(kind["kind"] is None for kind in each["dep_kinds"])]
    found = [known[each] for each in seen if known[each]["source"] is not None]
    return sorted(found, key=lambda each: (each["name"], each["version"]))


def texts(package: dict[str, Any]) -> Iterable[str]:
    """Give the crate's own texts; of two licences to choose from, MIT's is enough."""
    folder = Path(package["manifest_path"]).parent
    files = sorted(path for path in folder.iterdir() if path.is_file() and TEXT.fullmatch(path.name))
    if " OR " in (package["license"] or "").replace("/", " OR ") and "MIT" in package["license"]:
        chosen = [path for path in files if "MIT" in path.name.upper()]
        files = chosen or files
    for path in files:
        yield path.read_text(encoding="utf-8", errors="replace").strip().replace("\r\n", "\n")


def page() -> str:
    """Return the file's text."""
    by_text: dict[str, list[str]] = {}
    lines = [
        "The native module of copilot-api holds the work of others, by the following crates. Written by",
        "`make licences`; do not edit.",
        "",
    ]
    for package in packages():
        named = f"{package['name']} {package['version']}"
        lines.append(f"{named}: {package['license']}")
        for text in texts(package):
            by_text.setdefault(text, []).append(named)
    for text, names in by_text.items():
        lines += ["", RULE, *[f"{', '.join(names)}:"], "", text]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the file. Return the exit status."""
    text = page()
    FILE.write_text(text, encoding="utf-8")
    print(f"{FILE.name}: {len(text) // 1024} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
