"""What must hold for the files of the repository as such: locks, sizes, documents, commands."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECORDED = ("tests/fixtures/", "fuzz/corpus/")
"""Data that was recorded, found or comes from elsewhere, with its own rules."""
IGNORED = {".git", "target", "dist", "node_modules", "results", "__pycache__"}
IGNORED |= {".venv", ".venv-ci", ".venv-clients", ".venv-aider"}


@cache
def repository_files() -> tuple[str, ...]:
    """Paths of all tracked files; outside a clone (a source distribution) all files but built ones."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    if listed != [""]:
        return tuple(sorted(name for name in listed if name and (ROOT / name).is_file()))
    found = (path for path in ROOT.rglob("*") if path.is_file())
    names = (path.relative_to(ROOT) for path in found)
    return tuple(sorted(name.as_posix() for name in names if not IGNORED.intersection(name.parts)))


def text_of(name: str) -> str:
    try:
        return (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def own_texts() -> list[tuple[str, str]]:
    return [(name, text_of(name)) for name in repository_files() if not name.startswith(RECORDED)]


def test_there_are_files() -> None:
    assert {"Makefile", "README.md", "src/copilot_api/settings.py"} <= set(repository_files())


# ---------------------------------------------------------------------------------------------- lock files


@pytest.mark.parametrize(
    "name", ["constraints.txt", "tests/clients/constraints.txt", "tests/clients/constraints-aider.txt"]
)
def test_python_lock_holds_names_and_versions_only(name: str) -> None:
    lines = text_of(name).splitlines()
    assert len(lines) > 20
    wrong = [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.+!]*", line)]
    assert not wrong


def test_python_lock_pins_what_is_asked_for() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))
    asked = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    asked += [line for line in text_of("requirements-dev.txt").splitlines() if not line.startswith("#")]
    names = {re.split(r"[^A-Za-z0-9._-]", line)[0].lower() for line in asked}
    pinned = {line.split("==")[0].lower() for line in text_of("constraints.txt").splitlines()}
    assert names <= pinned


@pytest.mark.parametrize("suffix", ["", "-aider"])
def test_locks_of_clients_pin_what_is_asked_for(suffix: str) -> None:
    asked = set(text_of(f"tests/clients/requirements{suffix}.txt").splitlines())
    assert asked
    assert asked <= set(text_of(f"tests/clients/constraints{suffix}.txt").splitlines())


@pytest.mark.parametrize("folder", ["clients", "browser"])
def test_npm_lock_is_of_what_is_asked_for(folder: str) -> None:
    asked = json.loads(text_of(f"tests/{folder}/package.json"))
    root = json.loads(text_of(f"tests/{folder}/package-lock.json"))["packages"][""]
    assert asked["dependencies"]
    for kind in ("dependencies", "optionalDependencies"):
        assert asked.get(kind) == root.get(kind)


@pytest.mark.parametrize("folder", ["clients", "browser"])
def test_npm_lock_holds_no_addresses(folder: str) -> None:
    text = text_of(f"tests/{folder}/package-lock.json")
    assert "://" not in text
    packages = json.loads(text)["packages"]
    assert not [name for name, package in packages.items() if "resolved" in package]
    assert all("integrity" in package for name, package in packages.items() if name)


def test_cargo_lock_is_as_cargo_writes_it() -> None:
    sources = {package.get("source") for package in tomllib.loads(text_of("Cargo.lock"))["package"]}
    # The name of the index, not an address that cargo loads from; own crates have none.
    assert sources == {None, "registry+https://github.com/rust-lang/crates.io-index"}


# ------------------------------------------------------------------------------------ what no file may hold

FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.~])/(?:work|workspace|Users)/"),
    "a registry's host": re.compile(
        r"(?<![\w-])(?:(?:[\w-]+\.)*(?:pypi|npmjs|pythonhosted)\.(?:org|com)|(?:index|static)\.crates\.io)"
    ),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    found = [name for name, text in own_texts() if FORBIDDEN[what].search(text)]
    assert not found


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a path of one machine", "cd /" + "work/main"),
        ("a registry's host", "https://files.python" + "hosted.org/x"),
        ("a registry's host", "registry.npm" + "js.org"),
    ],
)
def test_the_check_sees(what: str, text: str) -> None:
    assert FORBIDDEN[what].search(text)


def test_no_source_is_too_long() -> None:
    sources = [
        (name, text)
        for name, text in own_texts()
        if name.startswith(("src/", "crates/", "tests/", "tools/", "bench/"))
        and name.endswith((".py", ".pyi", ".rs"))
    ]
    assert not [name for name, text in sources if text.count("\n") > 700]


def test_texts_end_with_a_newline_and_have_no_carriage_returns() -> None:
    wrong = [name for name, text in own_texts() if text and (not text.endswith("\n") or "\r" in text)]
    assert not wrong


# ------------------------------------------------------------------------------------------------ documents


def markdown() -> list[str]:
    return [name for name in repository_files() if name.endswith(".md") and not name.startswith(RECORDED)]


@pytest.mark.parametrize("name", markdown())
def test_links_lead_somewhere(name: str) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text_of(name))
    local = [target for target in targets if "://" not in target]
    assert not [target for target in local if not ((ROOT / name).parent / target).exists()]


def rooms() -> set[str]:
    """Folders of packages, crates and kinds of tests, as the architecture page writes them."""
    names = [Path(name) for name in repository_files()]
    found = {str(path.parent) for path in names if path.suffix == ".py" and path.parts[0] == "src"}
    found |= {"/".join(path.parts[:2]) for path in names if path.parts[0] == "crates"}
    found |= {"/".join(path.parts[:2]) for path in names if path.parts[0] == "tests" and len(path.parts) > 2}
    helpers = {"src/copilot_api", "tests/fixtures", "tests/support"}
    return {room.removeprefix("src/copilot_api/") for room in found - helpers}


def test_every_room_is_documented() -> None:
    page = text_of("docs/architecture.md")
    assert "gateway" in rooms()
    assert not [room for room in sorted(rooms()) if f"{room}/`" not in page]


def test_every_id_in_the_sources_is_explained() -> None:
    pattern = re.compile(r"\b(?:R-\d\d|D-[A-Z]\d+)\b")
    explained = set(pattern.findall(text_of("docs/migration.md") + text_of("docs/requirements.md")))
    used = {
        (number, name)
        for name, text in own_texts()
        if name.startswith(("src/", "crates/", "tests/"))
        for number in pattern.findall(text)
    }
    assert used
    assert not sorted(f"{name}: {number}" for number, name in used if number not in explained)


def test_decisions_are_numbered_and_listed() -> None:
    records = sorted(path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md"))
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))
    index = text_of("docs/adr/README.md")
    for name in records:
        title = re.match(r"# \d{4}: (.+)\n\n\d{4}-\d\d-\d\d, \w+\n", text_of(f"docs/adr/{name}"))
        assert title, name
        assert f"]({name}) | {title.group(1)} |" in index


@pytest.mark.parametrize("name", ["options", "commands"])
def test_pages_are_what_the_declarations_say(name: str) -> None:
    tool = f"write_{name}"
    spec = importlib.util.spec_from_file_location(tool, ROOT / f"tools/{tool}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert text_of(f"docs/{name}.md") == module.page(), "run `make docs`"


# ------------------------------------------------------------------------------------------------- commands


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", text_of("Makefile"), re.MULTILINE))


def test_every_command_is_explained() -> None:
    plain = set(re.findall(r"^([a-z][a-z-]*):(?!.*## | [A-Z]+ \?=)", text_of("Makefile"), re.MULTILINE))
    assert plain == {"lint-python", "lint-rust"}  # the two halves of lint


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in repository_files()
        if name.endswith((".md", ".yml", ".yaml", "Dockerfile")) or name == ".ci/run"
        if not name.startswith(RECORDED)
    ],
)
def test_commands_that_are_named_exist(name: str) -> None:
    named = re.findall(r"(?:`|run: |entry: |^    |^RUN |^)make ([a-z][a-z-]*)", text_of(name), re.MULTILINE)
    assert set(named) <= make_targets()


@pytest.mark.skipif(os.name == "nt", reason="no such mode there")
@pytest.mark.parametrize("name", [".ci/run", "docker/entrypoint.sh"])
def test_scripts_can_be_run(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)
