"""Build the manual as a site into target/site/html: every page of docs/, and the pages of the root.

The pages are written so that they read well in a repository; here they are gathered into one folder, links
between them are kept, and links to what is no page (sources, tests) become plain text. MkDocs checks that no
link and no anchor is dead; one that is ends the build.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MADE = ROOT / "target" / "site"
PAGES = MADE / "pages"

FROM_ROOT = {
    "README.md": "index.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "SECURITY.md": "SECURITY.md",
    "bench/RESULTS.md": "bench.md",
}
"""Pages that do not lie in docs/, and where the site has them."""

LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
ALERT = re.compile(r"^> \[!(\w+)\]\n((?:^>.*\n?)+)", re.MULTILINE)


def places() -> dict[str, str]:
    """Return where each file of the repository that is part of the site lies in it."""
    docs = (path for path in (ROOT / "docs").rglob("*") if path.is_file())
    found = {path.relative_to(ROOT).as_posix(): path.relative_to(ROOT / "docs").as_posix() for path in docs}
    return found | FROM_ROOT


def moved(text: str, source: str, known: dict[str, str]) -> str:
    """Return a page's text with its links as the site needs them. `source` is its path in the repository."""
    here = posixpath.dirname(source)
    place = posixpath.dirname(known[source])

    def link(found: re.Match[str]) -> str:
        mark, words, target = found.groups()
        if re.match(r"[a-z]+:|#", target):
            return found[0]
        path, hash_sign, anchor = target.partition("#")
        full = posixpath.normpath(posixpath.join(here, path))
        if full in known:
            return f"{mark}[{words}]({posixpath.relpath(known[full], place or '.')}{hash_sign}{anchor})"
        if not (ROOT / full).exists():
            raise SystemExit(f"{source}: there is no {full}")
        return words if words.startswith("`") else f"{words} (`{full}`)"

    def alert(found: re.Match[str]) -> str:
        kind = found[1].lower()
        lines = [line.removeprefix(">").strip() for line in found[2].splitlines()]
        return "\n".join([f"!!! {kind}", "", *(f"    {line}" if line else "" for line in lines)]) + "\n"

    return LINK.sub(link, ALERT.sub(alert, text))


def gather() -> None:
    """Fill the folder of pages anew."""
    shutil.rmtree(PAGES, ignore_errors=True)
    known = places()
    for source, place in known.items():
        to = PAGES / place
        to.parent.mkdir(parents=True, exist_ok=True)
        if source.endswith(".md"):
            text = (ROOT / source).read_text(encoding="utf-8")
            to.write_text(moved(text, source, known), encoding="utf-8")
        else:
            shutil.copyfile(ROOT / source, to)


def main() -> int:
    """Build. Return the exit status."""
    gather()
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(HERE / "mkdocs.yml")]
    status = subprocess.run(command, check=False).returncode
    if status == 0:
        pages = len(list((MADE / "html").rglob("*.html")))
        print(f"{MADE.relative_to(ROOT)}/html: {pages} pages, no dead link")
    return status


if __name__ == "__main__":
    sys.exit(main())
