"""What a release is made by and of: the licences of crates, the dry run's own checks."""

from __future__ import annotations

import importlib.util
import re
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
LICENCES = ROOT / "THIRD-PARTY-LICENCES.txt"


def module(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_licences_are_of_the_crates_of_the_lock() -> None:
    locked = {
        f"{each['name']} {each['version']}"
        for each in tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))["package"]
    }
    head = LICENCES.read_text(encoding="utf-8").split("-" * 100)[0]
    named = re.findall(r"^(\S+ \d\S*): (.+)$", head, re.MULTILINE)
    assert len(named) > 50
    assert {name for name, _ in named} <= locked
    assert not [name for name, licence in named if licence in ("None", "")]


def test_the_licences_are_current() -> None:
    assert module("tools/write_licences.py").page() == LICENCES.read_text(encoding="utf-8"), "make licences"


def test_the_dry_run_tells_which_members_of_two_wheels_differ(tmp_path: Path) -> None:
    check = module("tools/release_check.py")
    for name, text in (("one", b"a"), ("two", b"b")):
        with zipfile.ZipFile(tmp_path / name, "w") as made:
            made.writestr("same", b"s")
            made.writestr("other", text)
            made.writestr(f"only-{name}", b"")
    assert check.differences(tmp_path / "one", tmp_path / "two") == ["only-one", "only-two", "other"]
    assert check.differences(tmp_path / "one", tmp_path / "one") == []
