"""Where the time of one target goes under one load: ``python -m bench.gateway.profile native chunks``.

Samples the process tree while the load is measured and writes lists of the functions that took most, and a
flame graph, to ``bench/results``. ``--tool perf`` (Debian's linux-perf) sees native code and the kernel; for
ours the native module is built once more, with symbols and frame pointers, beside the installed one.
``--tool py-spy`` (from PyPI) sees Python's functions and the native ones under them. Flame graphs need
``cargo install inferno``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import venv
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from . import bodies, load, machine
from .peers import call
from .places import CACHE, RESULTS, ROOT, Unavailable
from .scenarios import SCENARIOS, Bench
from .targets import TARGETS, Launch, Target

LINES = 60
"""Of the list of functions."""
FREQUENCY = "997"


def _with_symbols() -> Path:
    """Build the native module for profiling. Returns a folder to put before all others on Python's path."""
    target = CACHE / "profiled-target"
    environment = {
        "CARGO_PROFILE_RELEASE_STRIP": "none",
        "CARGO_PROFILE_RELEASE_DEBUG": "line-tables-only",
        "RUSTFLAGS": "-C force-frame-pointers=yes",
        "PYO3_PYTHON": sys.executable,
    }
    command = ["cargo", "build", "--quiet", "--release", "--locked", "--package", "copilot-python"]
    command += ["--features", "extension-module", "--target-dir", str(target)]
    call("the native module with symbols", command, ROOT, **environment)
    folder = CACHE / "profiled"
    package = folder / "copilot_api"
    shutil.rmtree(folder, ignore_errors=True)
    package.mkdir(parents=True)
    for path in (ROOT / "src/copilot_api").iterdir():
        if not path.name.startswith("_native.") or path.suffix == ".pyi":
            (package / path.name).symlink_to(path)
    shutil.copy(target / "release/lib_native.so", package / "_native.abi3.so")
    return folder


def _profiled(target: Target) -> Target:
    """Return the target, ours with symbols."""
    launch = target.launch
    if target.kind != "ours" or launch is None:
        return target
    folder = _with_symbols()

    def start(upstream: str, port: int, place: Path) -> Launch:
        made = launch(upstream, port, place)
        return replace(made, environment=made.environment | {"PYTHONPATH": str(folder)})

    return replace(target, launch=start)


def _py_spy() -> str:
    folder = CACHE / "py-spy"
    if not (folder / "bin/py-spy").exists():
        venv.create(folder, with_pip=True)
        call(
            "py-spy from PyPI",
            [str(folder / "bin/pip"), "install", "--quiet", "py-spy==0.4.3"],
            CACHE,
            PIP_CONSTRAINT="",
        )
    return str(folder / "bin/py-spy")


def _command(tool: str, pid: int, out: Path) -> list[str]:
    if tool == "perf":
        if shutil.which("perf") is None:
            raise Unavailable("perf is not installed: apt-get install linux-perf")
        pids = ",".join(map(str, machine.tree(pid)))
        return [
            "perf",
            "record",
            "-q",
            "-F",
            FREQUENCY,
            "--call-graph",
            "fp",
            "-p",
            pids,
            "-o",
            f"{out}.data",
        ]
    command = [
        _py_spy(),
        "record",
        "--native",
        "--subprocesses",
        "--threads",
        "--rate",
        "200",
    ]
    return [
        *command,
        "--format",
        "raw",
        "--output",
        f"{out}.folded",
        "--pid",
        str(pid),
        "--duration",
        "unlimited",
    ]


def _attach(tool: str, out: Path) -> Callable[[int], AbstractContextManager[None]]:
    @contextmanager
    def attached(pid: int) -> Iterator[None]:
        command = _command(tool, pid, out)
        log = out.with_suffix(".log")
        with log.open("wb") as words:
            process = subprocess.Popen(command, stdout=words, stderr=words, stdin=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(120)
        if not any(Path(f"{out}.{ending}").exists() for ending in ("data", "folded")):
            raise Unavailable(
                f"{tool} saw nothing: {log.read_text(encoding='utf-8', errors='replace')[-300:]}"
            )

    return attached


def _digest(tool: str, out: Path) -> str:
    """Return the list of functions, and write the flame graph where that can be done."""
    if tool == "perf":
        lists = []
        for title, flag in (("alone", "--no-children"), ("with all that they call", "--children")):
            command = ["perf", "report", "-i", f"{out}.data", flag, "-g", "none", "--stdio", "-q"]
            text = call("perf's report", [*command, "--sort", "comm,dso,symbol"], ROOT)
            lines = [
                re.sub(r"\s{2,}", "  ", line.strip())[:150] for line in text.splitlines() if line.strip()
            ]
            lists += [f"Functions {title}:", "", *lines[:LINES], ""]
        if shutil.which("inferno-flamegraph"):
            script = call("perf's script", ["perf", "script", "-i", f"{out}.data"], ROOT)
            folded = _pipe(["inferno-collapse-perf"], script)
            Path(f"{out}.folded").write_text(folded, encoding="utf-8")
            Path(f"{out}.svg").write_text(_pipe(["inferno-flamegraph"], folded), encoding="utf-8")
        return "\n".join(lists)
    folded = Path(f"{out}.folded").read_text(encoding="utf-8", errors="replace")
    if shutil.which("inferno-flamegraph"):
        Path(f"{out}.svg").write_text(_pipe(["inferno-flamegraph"], folded), encoding="utf-8")
    return _shares(folded)


def _pipe(command: list[str], text: str) -> str:
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def _shares(folded: str) -> str:
    """Return where samples ended, and what was on the stack when they were taken, most first."""
    alone: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for line in folded.splitlines():
        stack, _, count = line.rpartition(" ")
        names = stack.split(";")
        alone[names[-1]] += int(count or 0)
        for name in set(names):
            within[name] += int(count or 0)
    lines = []
    for title, counts in (("alone", alone), ("with all that they call", within)):
        lines += [f"Functions {title}:", ""]
        lines += [f"{count / alone.total():7.2%}  {name}" for name, count in counts.most_common(LINES)]
        lines.append("")
    return "\n".join(lines)


def main() -> int:
    """Profile and report. Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.gateway.profile", description=__doc__)
    parser.add_argument("target", choices=[name for name, target in TARGETS.items() if target.launch])
    parser.add_argument("scenario", choices=[name for name in SCENARIOS if name != "start"])
    parser.add_argument("--tool", choices=["perf", "py-spy"], default="perf")
    parser.add_argument("--quick", action="store_true", help="a short load")
    given = parser.parse_args()
    CACHE.mkdir(exist_ok=True)
    RESULTS.mkdir(exist_ok=True)
    load.raise_descriptor_limit()
    out = RESULTS / f"profile-{given.target}-{given.scenario}-{given.tool}"
    for ending in ("data", "folded", "svg"):
        Path(f"{out}.{ending}").unlink(missing_ok=True)
    scenario = SCENARIOS[given.scenario]
    try:
        target = _profiled(TARGETS[given.target])
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            bench = Bench(load.build(), bodies.write(Path(folder)), given.quick, _attach(given.tool, out))
            figures = scenario.run(bench, target, scenario)
        text = _digest(given.tool, out)
    except Unavailable as reason:
        print(reason, file=sys.stderr)
        return 2
    figures.pop("reasons", None)
    shown = ", ".join(
        f"{name} {value:.4g}" for name, value in figures.items() if isinstance(value, int | float)
    )
    head = f"{given.target}, {scenario.title}, {given.tool} (figures include its cost): {shown}"
    Path(f"{out}.txt").write_text(f"{head}\n\n{text}\n", encoding="utf-8")
    print(f"{head}\n\n{text}\n\nwritten: {os.path.relpath(out)}.*")
    return 0


if __name__ == "__main__":
    sys.exit(main())
