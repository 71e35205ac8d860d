"""The files of the page: all are served, all that they name is there, nothing comes from elsewhere."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import pytest

from copilot_api import dashboard
from copilot_api.dashboard import files

STATIC = Path(dashboard.__file__).with_name("static")
SCRIPTS = [name for name in files.FILES if name.endswith(".js")]


def test_all_that_is_there_is_served() -> None:
    found = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file()}
    assert found == {*files.FILES}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_imports_what_is_served(name: str) -> None:
    text = (STATIC / name).read_text(encoding="utf-8")
    imported = re.findall(r'^import .* from "([^"]+)";$', text, re.MULTILINE)
    assert len(imported) == len(re.findall(r"\bimport\b", text))
    assert {posixpath.normpath(posixpath.join(posixpath.dirname(name), each)) for each in imported} <= {
        *files.FILES
    }


@pytest.mark.parametrize("name", [name for name in files.FILES if name != "icon.svg"])
def test_nothing_comes_from_elsewhere_or_runs_as_text(name: str) -> None:
    text = (STATIC / name).read_text(encoding="utf-8")
    assert "://" not in text.replace("http://www.w3.org/2000/svg", "")
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "new Function", "document.write"):
        assert word not in text


def test_the_page_names_what_is_served() -> None:
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    named = re.findall(r'(?:src|href)="(/dashboard/[^"]+)"', page)
    assert len(named) >= 4
    assert {*named} <= {*files.PATHS}
    assert " style=" not in page
    assert "onclick" not in page
