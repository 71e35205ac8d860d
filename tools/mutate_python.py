"""Mutants of Python modules: each changes one place, and the tests that cover the module must notice.

A small mutator of its own: the known ones bring a database or rewrite the tests' imports, and none can
be told to stop at a given time. The module is changed in a copy of `src`; the sources are never touched.
"""

from __future__ import annotations

import ast
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent

MODULES: dict[str, tuple[str, ...]] = {
    "copilot_api/http/guard.py": ("tests/unit/http/test_guard.py", "tests/differential/test_guard.py"),
    "copilot_api/redaction.py": ("tests/unit/test_redaction.py", "tests/unit/test_r58_properties.py"),
    "copilot_api/engine/reference/sse.py": ("tests/unit/streaming/test_sse.py",),
    "copilot_api/engine/reference/validation.py": (
        "tests/unit/validation",
        "tests/differential/test_validation.py",
    ),
    "copilot_api/engine/reference/jsontext.py": (
        "tests/unit/translation",
        "tests/differential/test_bodies.py",
    ),
}
"""Each module with the fast tests that cover it; those that are not there are left out."""

COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "-", ast.Sub: "+", ast.Mult: "//", ast.BitAnd: "|"}


class Mutant(NamedTuple):
    """One change of a source: what is there becomes something else."""

    line: int
    before: str
    after: str
    start: int
    end: int

    def apply(self, source: str) -> str:
        """Return the source with the change."""
        return source[: self.start] + self.after + source[self.end :]

    def __str__(self) -> str:
        return f"{self.line}: {self.before} -> {self.after}"


def mutants(source: str) -> Iterator[Mutant]:
    """Return all mutants of a source, in its order; words of documentation and types are left alone."""
    lines = source.splitlines(keepends=True)
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line))

    def place(line: int, column: int) -> int:
        # Columns are counted in bytes of UTF-8.
        return offsets[line - 1] + len(lines[line - 1].encode()[:column].decode())

    def of(node: ast.expr | ast.stmt, after: str) -> Mutant:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start, end = place(node.lineno, node.col_offset), place(node.end_lineno, node.end_col_offset)
        return Mutant(node.lineno, source[start:end], after, start, end)

    def text(node: ast.expr) -> str:
        return ast.unparse(node)

    for node in _code(ast.parse(source)):
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARISONS:
            other = COMPARISONS[type(node.ops[0])]
            yield of(node, f"({text(node.left)} {other} {text(node.comparators[0])})")
        elif isinstance(node, ast.BoolOp):
            word = " or " if isinstance(node.op, ast.And) else " and "
            yield of(node, "(" + word.join(f"({text(value)})" for value in node.values) + ")")
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield of(node, f"({text(node.operand)})")
        elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
            yield of(node, f"({text(node.left)} {ARITHMETIC[type(node.op)]} {text(node.right)})")
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield of(node, str(not node.value))
        elif isinstance(node, ast.Constant) and isinstance(node.value, int):
            yield of(node, str(node.value + 1))
        elif isinstance(node, ast.If | ast.While):
            yield of(node.test, f"(not ({text(node.test)}))")
        elif isinstance(node, ast.Return) and node.value is not None:
            yield of(node.value, "None" if text(node.value) != "None" else "0")
        elif isinstance(node, ast.Continue | ast.Break):
            yield of(node, "break" if isinstance(node, ast.Continue) else "continue")
        elif isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
            yield of(node, "pass")


def _code(tree: ast.AST) -> Iterator[ast.AST]:
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns", "decorator_list", "keywords") and not isinstance(
            tree, ast.Call
        ):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                # Parts of an f-string have no places of their own before Python 3.12.
                if isinstance(child, ast.JoinedStr):
                    continue
                yield child
                yield from _code(child)


class Result(NamedTuple):
    """What became of a module's mutants."""

    killed: int
    total: int
    of: int
    """How many there are; `total` is the sample that was tried."""
    survivors: list[str]


def run(module: str, tests: tuple[str, ...], sample: int, until: float) -> Result:
    """Try a sample of a module's mutants, until a moment of the monotonic clock."""
    copy = ROOT / "target" / "mutants" / Path(module).stem
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT / "src", copy, ignore=shutil.ignore_patterns("__pycache__"))
    there = [test for test in tests if (ROOT / test).exists()]
    source = (ROOT / "src" / module).read_text(encoding="utf-8")
    found = list(mutants(source))
    # The same sample each time: a result can be compared with the one before.
    chosen = random.Random(4141).sample(found, min(sample, len(found)))  # noqa: S311 - no secret
    if not noticed(copy, there, None):
        raise SystemExit(f"the tests of {module} fail without any change")
    killed, survivors = 0, []
    tried = 0
    for mutant in sorted(chosen):
        if time.monotonic() > until:
            break
        (copy / module).write_text(mutant.apply(source), encoding="utf-8")
        tried += 1
        if noticed(copy, there, mutant):
            killed += 1
        else:
            survivors.append(str(mutant))
            print(f"  survived: {module}:{mutant}", flush=True)
    return Result(killed, tried, len(found), survivors)


def noticed(source: Path, tests: list[str], mutant: Mutant | None) -> bool:
    """Tell whether the tests fail on a mutant; without one, whether they pass."""
    arguments = ["-q", "-x", "-n", "0", "-p", "no:cacheprovider", "--no-header", "--timeout=60"]
    environment = {**os.environ, "PYTHONPATH": str(source), "CI": "true", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        status = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments, *tests],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=300,
        ).returncode
    except subprocess.TimeoutExpired:
        return True
    return (status == 0) if mutant is None else (status != 0)


def main(only: str, sample: int, minutes: float) -> dict[str, Any]:
    """Run all modules, or those whose path contains `only`; return the table."""
    chosen = {module: tests for module, tests in MODULES.items() if only in module}
    table: dict[str, Any] = {}
    killed = total = 0
    share = minutes * 60 / max(len(chosen), 1)
    for module, tests in chosen.items():
        result = run(module, tests, sample, time.monotonic() + share)
        killed, total = killed + result.killed, total + result.total
        print(f"python {module}: {result.killed}/{result.total} killed, of {result.of}", flush=True)
        table[module] = result._asdict()
    return {"killed": killed, "total": total, "modules": table}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1] if len(sys.argv) > 1 else "", 40, 10), indent=1))
