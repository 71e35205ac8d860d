"""Measure gateways side by side: ``python -m bench.gateway --only chunks --targets native,nginx --quick``."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import bodies, load, machine, peers, report
from .places import BENCH, CACHE, RESULTS, ROOT, Unavailable
from .scenarios import SCENARIOS, Bench, Scenario
from .targets import TARGETS, Target

STAMPS = ROOT / ".venv/.stamps"


def _names(known: dict[str, Any], text: str | None) -> list[str]:
    """Return the chosen ones in the order of the tables; a prefix chooses all that begin so."""
    if not text:
        return list(known)
    wanted = [word.strip() for word in text.split(",") if word.strip()]
    chosen = [name for name in known if any(name == word or name.startswith(f"{word}-") for word in wanted)]
    for word in wanted:
        if not any(name == word or name.startswith(f"{word}-") for name in known):
            raise SystemExit(f"there is no {word!r}; there are {', '.join(known)}")
    return chosen


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.gateway", description=__doc__)
    parser.add_argument(
        "--only", metavar="NAMES", help=f"scenarios, separated by commas: {', '.join(SCENARIOS)}"
    )
    parser.add_argument(
        "--targets", metavar="NAMES", help=f"targets, separated by commas: {', '.join(TARGETS)}"
    )
    parser.add_argument("--rounds", type=int, help="rounds of which medians are taken (3; quick: 1)")
    parser.add_argument("--quick", action="store_true", help="short loads, for a look only")
    parser.add_argument("--out", type=Path, help="where the report goes (bench/RESULTS.md for a whole run)")
    parser.add_argument(
        "--render", type=Path, metavar="JSON", help="measure nothing: write the report of a past run"
    )
    return parser.parse_args()


def _profile() -> str:
    """Return the cargo profile of the native module that runs."""
    stamps = sorted(STAMPS.glob("native-*"), key=lambda path: path.stat().st_mtime)
    return stamps[-1].name.removeprefix("native-") if stamps else "unknown"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


SAID = (
    "requests_per_second",
    "chunks_per_second",
    "delivered_share",
    "p50_ms",
    "p99_ms",
    "first_token_p99_ms",
    "cpu_us",
    "peak_mb",
    "start_s",
    "idle_mb",
    "errors",
    "others_cores",
)
"""Figures that are worth a look while it runs."""


def _say(scenario: Scenario, target: Target, figures: dict[str, Any]) -> None:
    shown = [f"{name} {figures[name]:.4g}" for name in SAID if isinstance(figures.get(name), int | float)]
    print(f"{scenario.name:17} {target.name:10} {', '.join(shown)}", flush=True)
    for reason in figures["reasons"][:2]:
        print(f"{'':28} {reason[:200]}", flush=True)


def _measure(
    bench: Bench, chosen: list[Scenario], targets: list[Target], rounds: int, record: dict[str, Any]
) -> None:
    """Run everything and note it in the record."""
    missing: set[str] = set()
    for scenario in chosen:
        record["parameters"][scenario.name] = scenario.parameters(bench)
        for number in range(rounds):
            for target in targets:
                unfit = scenario.dialect not in target.paths or (
                    target.only and scenario.name not in target.only
                )
                if unfit or target.name in missing:
                    continue
                try:
                    figures = scenario.run(bench, target, scenario)
                except (Unavailable, RuntimeError) as reason:
                    note = {"target": target.title, "scenario": scenario.title, "reason": str(reason)}
                    if isinstance(reason, Unavailable) and not any(
                        r["target"] == target.name for r in record["runs"]
                    ):
                        missing.add(target.name)
                        note["scenario"] = "everything"
                    record["skipped"].append(note)
                    print(f"{scenario.name:17} {target.name:10} skipped: {reason}", flush=True)
                    continue
                _say(scenario, target, figures)
                run = {"scenario": scenario.name, "target": target.name, "round": number, "figures": figures}
                record["runs"].append(run)


def _write(record: dict[str, Any], out: Path) -> None:
    notes = Path(__file__).with_name("notes.md")
    if notes.exists():
        record["notes"] = notes.read_text(encoding="utf-8")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(report.render(record), encoding="utf-8")
    print(f"report: {out}")


def main() -> int:
    """Measure and report. Return the exit status."""
    given = _arguments()
    if given.render:
        record = json.loads(given.render.read_text(encoding="utf-8"))
        _write(record, given.out or BENCH / "RESULTS.md")
        return 0
    if sys.platform != "linux":
        print("this benchmark reads Linux's /proc", file=sys.stderr)
        return 2
    chosen, targets = _names(SCENARIOS, given.only), _names(TARGETS, given.targets)
    rounds = given.rounds or (1 if given.quick else 3)
    CACHE.mkdir(exist_ok=True)
    tool = load.build()
    if load.raise_descriptor_limit() < 9000:
        print("warning: fewer than 9,000 descriptors may be open: 4,000 streams will not fit", flush=True)
    if _profile() != "release":
        print(
            f"warning: the native module is of profile {_profile()}; make bench-gateway builds release",
            flush=True,
        )
    record: dict[str, Any] = {
        "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "command": " ".join(["python -m bench.gateway", *sys.argv[1:]]),
        "commit": f"{_commit()} (native module: {_profile()})",
        "quick": given.quick,
        "rounds": rounds,
        "machine": machine.describe(),
        "versions": peers.versions(),
        "parameters": {},
        "skipped": [],
        "runs": [],
    }
    began = time.monotonic()
    raw = RESULTS / f"gateway-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = Bench(tool, bodies.write(Path(folder)), given.quick)
        try:
            _measure(
                bench,
                [SCENARIOS[name] for name in chosen],
                [TARGETS[name] for name in targets],
                rounds,
                record,
            )
        finally:
            record["minutes"] = (time.monotonic() - began) / 60
            raw.write_text(json.dumps(record, indent=1), encoding="utf-8")
    print(f"figures: {raw}, {record['minutes']:.0f} minutes")
    whole = not given.quick and len(chosen) == len(SCENARIOS) and len(targets) == len(TARGETS)
    _write(record, given.out or (BENCH / "RESULTS.md" if whole else RESULTS / "gateway.md"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
