"""Who may import whom (docs/architecture.md, section 3), and what costs memory at import."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
PACKAGE = "copilot_api"


@dataclass(frozen=True, slots=True)
class Import:
    """One import of a module: what, and whether it happens as soon as the importing module is loaded."""

    target: str
    at_import: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """`importer` must not import `imported`.

    `exempt` names importers that may, `allowed` parts of `imported` that anybody may import.
    """

    importer: str
    imported: str
    exempt: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    only_at_import: bool = False


# Contracts between modules that may be absent, or that are no Python modules, stand here; all others are
# import-linter contracts in pyproject.toml.
RULES = (
    Rule("copilot_api.engine.reference", "copilot_api.engine.native"),
    Rule("copilot_api.engine.native", "copilot_api.engine.reference"),
    Rule("copilot_api", "copilot_api._native", exempt=("copilot_api.engine.native",)),
    Rule("copilot_api", "copilot_api.engine.native", exempt=("copilot_api.engine",)),
    Rule(
        "copilot_api.simulator",
        "copilot_api",
        exempt=("copilot_api.simulator.pytest_plugin",),
        allowed=("copilot_api.simulator",),
    ),
    Rule(
        "copilot_api",
        "copilot_api.simulator",
        exempt=("copilot_api.cli", "copilot_api.embedding", "copilot_api.simulator"),
    ),
    # The import budget: heavy packages have one user each, and that one imports them inside functions.
    Rule("copilot_api", "httpx2", exempt=("copilot_api.engine.reference",)),
    Rule("copilot_api", "uvicorn", exempt=("copilot_api.server", "copilot_api.simulator")),
    Rule("copilot_api", "rich", exempt=("copilot_api.cli",)),
    Rule("copilot_api", "httpx2", only_at_import=True),
    Rule("copilot_api", "uvicorn", only_at_import=True),
    Rule("copilot_api", "rich", only_at_import=True),
)


def within(module: str, parent: str) -> bool:
    return module == parent or module.startswith(f"{parent}.")


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST, package: str) -> Iterator[Import]:
    """Yield the imports of a module; those for type checkers only are left out."""
    pending = [(node, True) for node in ast.iter_child_nodes(tree)]
    while pending:
        node, at_import = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += [(child, at_import) for child in node.orelse]
        elif isinstance(node, ast.Import):
            yield from (Import(alias.name, at_import) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            # `from package import name` may name a module as well as a member.
            yield from (Import(f"{base}.{alias.name}", at_import) for alias in node.names)
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            pending += [(child, at_import and not inside) for child in ast.iter_child_nodes(node)]


def violations(module: str, package: str, source: str, rule: Rule) -> list[str]:
    """Return the imports of a module that the rule forbids."""
    if not within(module, rule.importer) or any(within(module, name) for name in rule.exempt):
        return []
    return [
        f"{module} imports {found.target}"
        for found in imports(ast.parse(source), package)
        if within(found.target, rule.imported)
        and not any(within(found.target, name) for name in rule.allowed)
        and (found.at_import or not rule.only_at_import)
    ]


@pytest.mark.parametrize(
    "rule", RULES, ids=lambda rule: f"{rule.importer} not {rule.imported}{' early' * rule.only_at_import}"
)
def test_modules_keep_the_rule(rule: Rule) -> None:
    found: list[str] = []
    for path in sorted((SOURCE / PACKAGE).rglob("*.py")):
        name = module_name(path)
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        found += violations(name, package, path.read_text(encoding="utf-8"), rule)
    assert not found


@pytest.mark.parametrize(
    ("module", "source", "rule"),
    [
        ("copilot_api.http.x", "from copilot_api import _native", RULES[2]),
        ("copilot_api.http.x", "def f():\n  import copilot_api.engine.native", RULES[3]),
        ("copilot_api.simulator.x", "from copilot_api.redaction import Secret", RULES[4]),
        ("copilot_api.simulator.x", "from ..redaction import Secret", RULES[4]),
        ("copilot_api.gateway.x", "import httpx2", RULES[6]),
        ("copilot_api.server", "try:\n  import uvicorn\nexcept ImportError:\n  pass", RULES[10]),
    ],
)
def test_the_check_sees_a_violation(module: str, source: str, rule: Rule) -> None:
    assert len(violations(module, module.rpartition(".")[0], source, rule)) == 1


@pytest.mark.parametrize(
    ("module", "source", "rule"),
    [
        ("copilot_api.engine.native", "from copilot_api import _native", RULES[2]),
        ("copilot_api.simulator.x", "from .script import Step", RULES[4]),
        ("copilot_api.server", "def f():\n  import uvicorn", RULES[10]),
        ("copilot_api.server", "if TYPE_CHECKING:\n  import uvicorn", RULES[10]),
    ],
)
def test_the_check_lets_the_rest_pass(module: str, source: str, rule: Rule) -> None:
    assert violations(module, module.rpartition(".")[0], source, rule) == []


def test_import_linter_contracts() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


CRATES = {
    "copilot-core": set[str](),
    "copilot-net": {"copilot-core"},
    "copilot-python": {"copilot-core", "copilot-net"},
}
"""Which crates of ours each crate may use: python, then net, then core."""
IO_CRATES = {"pyo3", "tokio", "hyper", "hyper-util", "reqwest", "rustls"}
"""What the core must not know."""


def crate_dependencies(name: str) -> set[str]:
    manifest = tomllib.loads((ROOT / "crates" / name / "Cargo.toml").read_text(encoding="utf-8"))
    return set(manifest.get("dependencies", {})) | set(manifest.get("build-dependencies", {}))


def present_crates() -> list[str]:
    return sorted(path.parent.name for path in (ROOT / "crates").glob("*/Cargo.toml"))


def test_every_crate_has_its_place() -> None:
    assert present_crates()
    assert set(present_crates()) <= set(CRATES)


@pytest.mark.parametrize("name", present_crates())
def test_crates_use_only_those_below(name: str) -> None:
    ours = {crate for crate in crate_dependencies(name) if crate.startswith("copilot-")}
    assert ours <= CRATES[name]
    if name == "copilot-core":
        assert not crate_dependencies(name) & IO_CRATES
    if name != "copilot-python":
        assert "pyo3" not in crate_dependencies(name)
