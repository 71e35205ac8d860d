"""Fuzz the core and the HTTP readers: build the targets with coverage, on the stable toolchain, and run each.

Usage: ``fuzz.py [SECONDS] [TARGET...]``; 60 seconds a target without arguments. The committed corpus in
``fuzz/corpus/`` is read, never written: what is found new goes to ``fuzz/found/``, inputs that fail to
``fuzz/artifacts/``, what libFuzzer says to ``target/fuzz/TARGET.txt``. The closing lines are kept in
``target/closing-lines/fuzz.txt``. ``fuzz.py seed [TARGET...]`` writes the corpus anew from the fixtures, the
payloads of the tests, and what was found. Needs a C++ compiler, since libFuzzer is C++. Exits non-zero when a
target failed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

import fuzz_seeds

ROOT = Path(__file__).resolve().parent.parent
FUZZ = ROOT / "fuzz"
SAID = ROOT / "target" / "fuzz"
CLOSING_LINES = ROOT / "target" / "closing-lines" / "fuzz.txt"
TARGETS = (
    "document",
    "sse",
    "validation",
    "request",
    "answer",
    "stream_chat",
    "stream_messages",
    "stream_responses",
    "tokenizer",
    "cache_key",
    "prefixes",
    "http1_answer",
    "decoding",
    "request_screen",
    "proxies",
)
# What cargo-fuzz asks for, less the sanitizers, which need nightly: the core has no unsafe code to watch.
COVERAGE = (
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
)
LARGEST_SEED = 6_000
"""Bytes; larger ones only slow the search down."""
LAST = 60
"""Lines of what a target that failed said last."""
LONGEST = 500
"""Characters of such a line, unless it is the input's Base64."""
FAILURE = re.compile(r"thread '.*' .*panicked at |==\d+== ?ERROR: |SUMMARY: ")


def build() -> Path:
    """Compile the targets and return the program."""
    facts = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    host = next(line.split(": ")[1] for line in facts.splitlines() if line.startswith("host: "))
    subprocess.run(
        ["cargo", "build", "--release", "--locked", "--target", host],
        cwd=FUZZ,
        check=True,
        env={**os.environ, "RUSTFLAGS": " ".join(COVERAGE)},
    )
    return FUZZ / "target" / host / "release" / "fuzz"


def run(program: Path, target: str, *arguments: str) -> tuple[int, list[str]]:
    """Run one target. Return libFuzzer's exit status and what it said, which is kept in `SAID` too."""
    (FUZZ / "artifacts").mkdir(exist_ok=True)
    SAID.mkdir(parents=True, exist_ok=True)
    record = SAID / f"{target}.txt"
    with record.open("wb") as said:
        status = subprocess.run(
            [str(program), f"-artifact_prefix=artifacts/{target}-", "-print_final_stats=1", *arguments],
            cwd=FUZZ,
            env={**os.environ, "FUZZ_TARGET": target},
            check=False,
            stdout=said,
            stderr=subprocess.STDOUT,
        ).returncode
    return status, record.read_text(encoding="utf-8", errors="replace").splitlines()


def fuzz(seconds: int, targets: list[str]) -> int:
    """Run targets, each for some seconds. Return the exit status."""
    CLOSING_LINES.parent.mkdir(parents=True, exist_ok=True)
    CLOSING_LINES.write_text("no result\n", encoding="utf-8")
    program = build()
    failed = []
    closing = []
    for target in targets:
        found = FUZZ / "found" / target
        found.mkdir(parents=True, exist_ok=True)
        limits = [f"-max_total_time={seconds}", "-max_len=8192", "-timeout=10", "-rss_limit_mb=1024"]
        status, said = run(program, target, *limits, str(found), f"corpus/{target}")
        print(f"{target}: {outline(said)}", flush=True)
        if status:
            failed.append(target)
            print("\n".join(tail(said)), flush=True)
            closing += [f"FAILED {target}: {outline(said)}", *cause(said)]
    closing.append(f"{len(targets) - len(failed)} passed, {len(failed)} failed")
    CLOSING_LINES.write_text("\n".join(closing) + "\n", encoding="utf-8")
    print("\n".join(closing))
    return 1 if failed else 0


def outline(said: list[str]) -> str:
    """Return in a line what came of a target, from what libFuzzer said."""
    runs = last(r"stat::number_of_executed_units: (\d+)", said)
    each = last(r"stat::average_exec_per_sec: +(\d+)", said)
    edges = last(r"#\d+\t.* cov: (\d+)", said)
    seconds = last(r"Done \d+ runs in (\d+) second", said)
    how = f"in {seconds} s" if seconds else "until it failed"
    return f"{runs or 'no'} runs {how}, {each or '?'} a second, {edges or '?'} edges reached"


def last(pattern: str, said: list[str]) -> str | None:
    """Return what the last line that matches says."""
    return next((found[1] for line in reversed(said) if (found := re.match(pattern, line))), None)


def tail(said: list[str]) -> list[str]:
    """Return what a target said from its failure on."""
    start = next((at for at, line in enumerate(said) if FAILURE.match(line)), max(0, len(said) - LAST))
    # The bytes of the input come once more as numbers, and as a text.
    lines = [line for line in said[start:] if not line.startswith("0x")]
    kept = lines if len(lines) <= LAST else [*lines[: LAST // 2], "(…)", *lines[-LAST // 2 :]]
    return [short(line) for line in kept]


def short(line: str) -> str:
    """Return a line, cut if it is long, unless somebody needs all of it."""
    return line if len(line) <= LONGEST or line.startswith("Base64: ") else f"{line[:LONGEST]}…"


def cause(said: list[str]) -> list[str]:
    """Return the lines that say why a target failed, and by which input."""
    found = []
    for at, line in enumerate(said):
        if FAILURE.match(line):
            found.append(line)
            if "panicked at " in line:
                found += takewhile(
                    lambda text: not text.startswith(("stack backtrace", "note: ")), said[at + 1 : at + 5]
                )
        elif line.startswith(("Base64: ", "artifact_prefix=")):
            found.append(line)
    return [short(line) for line in found or said[-4:]]


def seeds(target: str) -> list[bytes]:
    """Return the fixtures that a target can start from; most targets take a byte of options first."""
    payloads = {
        "http1_answer": fuzz_seeds.answers,
        "decoding": fuzz_seeds.encoded,
        "request_screen": fuzz_seeds.requests,
        "proxies": fuzz_seeds.settings,
    }.get(target)
    if payloads:
        return payloads()
    folders = {
        "sse": ("upstream/chat",),
        "answer": ("upstream/chat", "upstream/messages", "upstream/responses"),
        "stream_chat": ("upstream/chat",),
        "stream_messages": ("upstream/messages",),
        "stream_responses": ("upstream/responses",),
    }.get(target, ("clients", "upstream"))
    prefix = b"" if target in ("document", "validation", "cache_key", "prefixes") else b"\x00"
    paths = [path for folder in folders for path in sorted((ROOT / "tests/fixtures" / folder).rglob("*"))]
    return [
        prefix + path.read_bytes() for path in paths if path.is_file() and path.stat().st_size <= LARGEST_SEED
    ]


def seed(targets: list[str]) -> int:
    """Write the corpus anew: the smallest set of inputs that reaches all that is reached."""
    program = build()
    for target in targets:
        source, corpus = FUZZ / "found" / f"{target}-seeds", FUZZ / "corpus" / target
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir(parents=True)
        for number, body in enumerate(seeds(target)):
            (source / str(number)).write_bytes(body)
        (FUZZ / "found" / target).mkdir(exist_ok=True)
        merged = FUZZ / "found" / f"{target}-merged"
        shutil.rmtree(merged, ignore_errors=True)
        merged.mkdir()
        corpus.mkdir(parents=True, exist_ok=True)
        sources = [str(folder) for folder in (source, FUZZ / "found" / target, corpus)]
        status, said = run(program, target, "-merge=1", str(merged), *sources)
        if status:
            print("\n".join(tail(said)))
            return 1
        shutil.rmtree(corpus)
        merged.rename(corpus)
    return 0


def main() -> int:
    """Run what the command line says. Return the exit status."""
    arguments = sys.argv[1:]
    seeding = arguments[:1] == ["seed"]
    seconds = 60
    if seeding:
        arguments.pop(0)
    elif arguments and arguments[0].isdigit():
        seconds = int(arguments.pop(0))
    unknown = [name for name in arguments if name not in TARGETS]
    if unknown:
        print(f"no target {', '.join(unknown)}; there are {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    targets = arguments or list(TARGETS)
    return seed(targets) if seeding else fuzz(seconds, targets)


if __name__ == "__main__":
    sys.exit(main())
