"""Each requirement (R-01 to R-60) has an owner, a test that carries its id, and a line in a manual."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IDS = tuple(f"R-{number:02d}" for number in range(1, 61))
MANUALS = ("docs/security.md", "docs/operations.md")


@cache
def rows() -> dict[str, tuple[str, str]]:
    """What ``docs/requirements.md`` says of each id: the rule and the owners."""
    text = (ROOT / "docs/requirements.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| (R-\d\d) \| (.+?) \| (.+?) \|$", text, re.MULTILINE)
    return {name: (rule, owners) for name, rule, owners in found}


@cache
def named_by_tests() -> frozenset[str]:
    """Ids in the names of test functions, in both languages, and of faults."""
    found = set()
    for path in (*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("crates/**/*.rs")):
        if "node_modules" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"^\s*(?:async )?(?:def|fn) (\w+)", text, re.MULTILINE):
            found |= {f"R-{number}" for number in re.findall(r"(?:^|_)r(\d\d)(?=_|$)", name)}
    # Each row of the table of faults is a test, and says what it is about.
    for path in ROOT.glob("tests/support/faults/*.py"):
        found |= set(re.findall(r'"(R-\d\d)"', path.read_text(encoding="utf-8")))
    return frozenset(found)


def test_the_table_has_all_in_order() -> None:
    assert tuple(rows()) == IDS


@pytest.mark.parametrize("name", IDS)
def test_a_test_carries_the_id(name: str) -> None:
    assert name in named_by_tests()


@pytest.mark.parametrize("name", IDS)
def test_its_owners_are_there(name: str) -> None:
    owners = re.findall(r"`([^`]+)`", rows()[name][1])
    assert owners
    assert [each for each in owners if not (ROOT / each).exists()] == []


@pytest.mark.parametrize("name", IDS)
def test_a_manual_has_a_line_for_it(name: str) -> None:
    assert any(name in (ROOT / manual).read_text(encoding="utf-8") for manual in MANUALS)
