"""Mutation testing of readers and guards: what a change of one place breaks, the tests must notice.

Usage: ``mutants.py [--minutes N] [--sample N] [MODULE]``. Rust mutants are those of cargo-mutants (``cargo
install cargo-mutants --version 27.1.0 --locked``), a shard of each file of `RUST`; Python's are those of
`mutate_python`. `MODULE` is a part of a path; `--sample` is how many mutants of each module are tried,
`--minutes` how long at most. The table is kept in ``target/mutants.json``. Exits non-zero when fewer than
four of five were noticed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import mutate_python

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "target" / "mutants.json"
GOAL = 0.8
CORE, NET = "crates/copilot-core/src", "crates/copilot-net/src"
RUST = {
    **{
        f"{CORE}/{name}.rs": "copilot-core"
        for name in (
            "sse", "validation", "look", "text/scan", "text/document", "carriers", "token", "limiter",
        )
    },
    **{
        f"{NET}/{name}.rs": "copilot-net"
        for name in (
            "server/screen", "server/chunks", "server/head", "server/wire",
            "client/http1/framing", "client/http1/head", "client/decoding",
        )
    },
}  # fmt: skip


def rust(only: str, sample: int, minutes: float) -> dict[str, Any]:
    """Try a shard of each module's mutants. Return the table."""
    empty: dict[str, Any] = {"killed": 0, "total": 0, "modules": {}}
    chosen = {module: crate for module, crate in RUST.items() if only in module}
    if not chosen:
        return empty
    if subprocess.run(["cargo", "mutants", "--version"], capture_output=True, check=False).returncode:
        print("cargo-mutants is not installed: cargo install cargo-mutants --version 27.1.0 --locked")
        return empty
    until = time.monotonic() + minutes * 60
    table = empty
    for module, crate in chosen.items():
        left = until - time.monotonic()
        if left < 60:
            print(f"rust {module}: no time left")
            continue
        table["modules"][module] = result = rust_module(module, crate, sample, left)
        table["killed"] += result["killed"]
        table["total"] += result["total"]
        print(f"rust {module}: {result['killed']}/{result['total']} killed, of {result['of']}", flush=True)
    return table


def rust_module(module: str, crate: str, sample: int, seconds: float) -> dict[str, Any]:
    """Run cargo-mutants on one file. A mutant that does not compile counts for nothing."""
    command = ["cargo", "mutants", "--package", crate, "--file", module]
    listed = subprocess.run([*command, "--list"], cwd=ROOT, capture_output=True, text=True, check=True)
    found = len(listed.stdout.splitlines())
    output = ROOT / "target" / "mutants" / "rust"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    # The unmutated tests are those of `make test-rust`; every shard-th mutant is tried.
    shards = max(1, round(found / sample))
    options = [
        "--shard",
        f"0/{shards}",
        "--sharding",
        "round-robin",
        "--baseline",
        "skip",
        "--timeout",
        "300",
    ]
    try:
        subprocess.run(
            [*command, *options, "--output", str(output), "--no-shuffle", "--", "--lib"],
            cwd=ROOT,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        print("  the time was over before the sample was")
    said = output / "mutants.out"
    caught = [*lines(said / "caught.txt"), *lines(said / "timeout.txt")]
    missed = lines(said / "missed.txt")
    for mutant in missed:
        print(f"  survived: {mutant}")
    return {"killed": len(caught), "total": len(caught) + len(missed), "of": found, "survivors": missed}


def lines(path: Path) -> list[str]:
    """Return the lines of a file that may not be there."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def main() -> int:
    """Run both. Return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("module", nargs="?", default="")
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--sample", type=int, default=20)
    arguments = parser.parse_args()
    half = arguments.minutes / 2
    table = {
        "python": mutate_python.main(arguments.module, arguments.sample, half),
        "rust": rust(arguments.module, arguments.sample, half),
    }
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    for language, part in table.items():
        print(f"{language}: {part['killed']}/{part['total']} killed")
    short = [part for part in table.values() if part["total"] and part["killed"] < GOAL * part["total"]]
    return 1 if short or not any(part["total"] for part in table.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
