"""A dry run of the release: build it, install what was built as a user would, and try it.

``release_check.py [--once]``: builds wheel and source distribution in a copy of what git knows, so that
nothing of this tree's own builds is in them; checks contents, metadata and size; installs each into a new
virtual environment, with a home and a working directory that know nothing of the sources; runs the self test.
Then builds the wheel again elsewhere and compares, unless ``--once`` is given. Exits non-zero when something
is not as it should be.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import venv
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LARGEST = 12 * 1024 * 1024
"""Bytes of a wheel, vocabularies included (issue 8)."""


class Unfit(Exception):
    """The release is not as it should be; the text says what."""


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Run a program and return what it printed. Raises :class:`Unfit` with the end of it."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-25:])
        raise Unfit(f"{' '.join(command)} ended with {done.returncode}:\n{tail}")
    return done.stdout


def copy_of_sources(folder: Path) -> Path:
    """Return a folder with the files of the last commit."""
    folder.mkdir(parents=True)
    archive = folder.with_suffix(".tar")
    run(["git", "archive", "--format=tar", f"--output={archive}", "HEAD"], ROOT)
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    archive.unlink()
    return folder


def build(sources: Path, epoch: str) -> tuple[Path, Path]:
    """Build in `sources` and return wheel and source distribution."""
    environment = {
        **os.environ,
        "SOURCE_DATE_EPOCH": epoch,
        "CARGO_TARGET_DIR": str(sources / "target"),
        # Paths of the builder have no place in what is given away, and differ between two builds.
        "RUSTFLAGS": f"--remap-path-prefix={sources}=/copilot-api "
        f"--remap-path-prefix={os.environ.get('CARGO_HOME', Path.home() / '.cargo')}=/cargo",
    }
    maturin = str(Path(sys.executable).with_name("maturin"))
    run(
        [maturin, "build", "--release", "--out", "dist", "--interpreter", sys.executable],
        sources,
        environment,
    )
    run([maturin, "sdist", "--out", "dist"], sources, environment)
    (wheel,) = (sources / "dist").glob("*.whl")
    (sdist,) = (sources / "dist").glob("*.tar.gz")
    return wheel, sdist


def check_contents(wheel: Path, sdist: Path) -> None:
    """Raise :class:`Unfit` for what may not be in there, or is too large."""
    sys.path.insert(0, str(Path(__file__).parent))
    from check_wheel import unexpected

    if wrong := unexpected(wheel):
        raise Unfit("\n".join(wrong))
    if wheel.stat().st_size > LARGEST:
        raise Unfit(f"the wheel has {wheel.stat().st_size} bytes")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    with zipfile.ZipFile(wheel) as opened:
        name = next(each for each in opened.namelist() if each.endswith(".dist-info/METADATA"))
        metadata = opened.read(name).decode()
    for line in (
        f"Name: {project['name']}",
        "License-Expression: MIT",
        f"Requires-Python: {project['requires-python']}",
        *(f"Provides-Extra: {extra}" for extra in project["optional-dependencies"]),
    ):
        if line not in metadata.splitlines():
            raise Unfit(f"the metadata lacks {line!r}")
    with tarfile.open(sdist) as opened:
        names = {each.split("/", 1)[-1] for each in opened.getnames()}
    for needed in (
        "Cargo.lock",
        "LICENSE",
        "THIRD-PARTY-LICENCES.txt",
        "pyproject.toml",
    ):
        if needed not in names:
            raise Unfit(f"the source distribution lacks {needed}")


def install(package: Path, folder: Path) -> Path:
    """Install into a new environment and return its `copilot-api`."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    environment = {**os.environ, "PIP_CONSTRAINT": str(ROOT / "constraints.txt")}
    run([str(python), "-m", "pip", "install", "--quiet", str(package)], folder, environment)
    return python.with_name("copilot-api")


def try_out(program: Path, folder: Path) -> None:
    """Run what a user would run first."""
    home = folder / "home"
    home.mkdir()
    kept = ("PATH", "LANG", "SYSTEMROOT", "TMPDIR")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"HOME": str(home), "USERPROFILE": str(home), "NO_COLOR": "1"}
    for words in (("--version",), ("start", "--help"), ("debug", "--json"), ("selftest",)):
        printed = run([str(program), *words], home, environment)
        say(f"    copilot-api {' '.join(words)}: {printed.strip().splitlines()[-1][:90]}")
    # The program from the installed package, not from the sources.
    where = run(
        [str(program.with_name("python")), "-c", "import copilot_api; print(copilot_api.__file__)"],
        home,
        environment,
    )
    if str(folder) not in where:
        raise Unfit(f"it was imported from {where.strip()}")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def differences(one: Path, other: Path) -> list[str]:
    """Return the members of two wheels that differ."""
    with zipfile.ZipFile(one) as first, zipfile.ZipFile(other) as second:
        names = sorted({*first.namelist(), *second.namelist()})
        known = set(first.namelist()) & set(second.namelist())
        return [name for name in names if name not in known or first.read(name) != second.read(name)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do it all. Return the exit status."""
    parser = argparse.ArgumentParser(description="A dry run of the release.")
    parser.add_argument("--once", action="store_true", help="do not build a second time")
    wanted = parser.parse_args(arguments)
    epoch = run(["git", "log", "-1", "--format=%ct"], ROOT).strip()
    with tempfile.TemporaryDirectory(prefix="release-") as made:
        folder = Path(made)
        try:
            begun = time.monotonic()
            say("building wheel and source distribution")
            wheel, sdist = build(copy_of_sources(folder / "one"), epoch)
            say(f"  {wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB, sha256 {digest(wheel)[:16]}")
            say(f"  {sdist.name}: {sdist.stat().st_size / 1e6:.2f} MB, {time.monotonic() - begun:.0f} s")
            check_contents(wheel, sdist)
            say("installing the wheel")
            try_out(install(wheel, folder / "from-wheel"), folder / "from-wheel")
            say("installing the source distribution")
            try_out(install(sdist, folder / "from-sdist"), folder / "from-sdist")
            if not wanted.once:
                say("building the wheel again, elsewhere")
                again, _ = build(copy_of_sources(folder / "elsewhere/two"), epoch)
                if digest(again) == digest(wheel):
                    say("  the same, byte for byte")
                else:
                    say(f"  NOT the same: {', '.join(differences(wheel, again)) or 'only in their order'}")
                    return 1
        except Unfit as error:
            say(f"not fit for a release: {error}")
            return 1
    say("fit for a release")
    return 0


if __name__ == "__main__":
    sys.exit(main())
