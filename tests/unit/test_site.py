"""The manual as a site: which pages it has, and what becomes of their links. `make site` builds it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build", ROOT / "tools/site/build.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.mark.parametrize(
    ("source", "text", "wanted"),
    [
        ("README.md", "[a](docs/guide.md#keys)", "[a](guide.md#keys)"),
        ("README.md", "![d](docs/images/dashboard.png)", "![d](images/dashboard.png)"),
        ("docs/guide.md", "[o](options.md) [c](../CHANGELOG.md)", "[o](options.md) [c](CHANGELOG.md)"),
        ("docs/adr/README.md", "[b](../../bench/RESULTS.md)", "[b](../bench.md)"),
        ("docs/guide.md", "[`m`](../Makefile), [make](../Makefile)", "`m`, make (`Makefile`)"),
        ("docs/guide.md", "[w](https://example.com/a) [h](#here)", "[w](https://example.com/a) [h](#here)"),
        ("README.md", "> [!NOTE]\n> one\n> two\n\nx", "!!! note\n\n    one\n    two\n\nx"),
    ],
)
def test_links_are_those_of_the_site(site: ModuleType, source: str, text: str, wanted: str) -> None:
    assert site.moved(text, source, site.places()).rstrip() == wanted


def test_a_link_to_nothing_ends_the_build(site: ModuleType) -> None:
    with pytest.raises(SystemExit, match=r"docs/guide.md: there is no docs/nowhere.md"):
        site.moved("[x](nowhere.md)", "docs/guide.md", site.places())


def test_every_page_is_in_the_navigation(site: ModuleType) -> None:
    settings = yaml.safe_load((ROOT / "tools/site/mkdocs.yml").read_text(encoding="utf-8"))

    def pages(entry: object) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        values = entry.values() if isinstance(entry, dict) else entry
        return [page for value in values for page in pages(value)]  # type: ignore[attr-defined]

    wanted = {place for place in site.places().values() if place.endswith(".md")}
    named = pages(settings["nav"])
    assert len(named) == len(set(named))
    assert set(named) == {place for place in wanted if not place.startswith("adr/0")}
