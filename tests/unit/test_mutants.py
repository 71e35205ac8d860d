"""The mutator of `make mutants`: what it changes, and that the rest stays as it is."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

TOOL = Path(__file__).resolve().parents[2] / "tools" / "mutate_python.py"


def mutator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutate_python", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_place_is_changed_once_and_nothing_else() -> None:
    source = "def größe(a: int = 1) -> bool:\n    if a < 7:\n        raise ValueError\n    return not a\n"
    changed = [mutant.apply(source) for mutant in mutator().mutants(source)]
    lines = source.splitlines()
    seen = set()
    for text in changed:
        compile(text, "mutant", "exec")
        different = [(old, new) for old, new in zip(lines, text.splitlines(), strict=True) if old != new]
        assert len(different) == 1
        seen.add(different[0][1].strip())
    assert {"if (a <= 7):", "if (not (a < 7)):", "if a < 8:", "pass", "return None", "return (a)"} <= seen
    assert "def größe(a: int = 2) -> bool:" in seen


def test_every_module_that_is_named_is_there_and_has_tests() -> None:
    root = TOOL.parents[1]
    for module, tests in mutator().MODULES.items():
        assert (root / "src" / module).is_file()
        assert [test for test in tests if (root / test).exists()] == list(tests)
