"""Driving ``bench/load``: the compiled pretend upstream and the compiled load generator."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .places import BENCH

DESCRIPTORS = 20_000


def build() -> Path:
    """Compile the tool and return it."""
    folder = BENCH / "load"
    target = folder / "target"
    manifest = ["--manifest-path", str(folder / "Cargo.toml"), "--target-dir", str(target)]
    subprocess.run(["cargo", "build", "--quiet", "--release", "--locked", *manifest], check=True)
    return target / "release/load"


def raise_descriptor_limit() -> int:
    """Let this process and its children open enough sockets. Returns the limit reached."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


@dataclass(frozen=True)
class Shape:
    """How streams look: content frames, microseconds between two (0: as fast as they go), frames a write."""

    chunks: int = 20
    interval_us: int = 0
    batch: int = 32

    @property
    def seconds(self) -> float:
        """How long a stream should take."""
        return self.chunks * self.interval_us / 1e6


@dataclass(frozen=True)
class Upstream:
    """A running pretend upstream."""

    url: str
    pid: int

    def reshape(self, shape: Shape) -> None:
        """Let streams that begin from now on look so."""
        query = f"chunks={shape.chunks}&interval_us={shape.interval_us}&batch={shape.batch}"
        request = urllib.request.Request(f"{self.url}/shape?{query}", method="POST")  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            answer.read()


@contextmanager
def upstream(tool: Path, shape: Shape) -> Iterator[Upstream]:
    """Run the pretend upstream, which ends by itself after fifteen minutes."""
    command = [str(tool), "upstream", "--chunks", str(shape.chunks), "--interval-us", str(shape.interval_us)]
    command += ["--batch", str(shape.batch), "--seconds", "900"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Upstream(process.stdout.readline().split()[1], process.pid)
        finally:
            process.kill()


@dataclass(frozen=True)
class Loaded:
    """What the generator printed, and the CPU time that it took itself."""

    figures: dict[str, Any]
    cpu_seconds: float

    @property
    def errors(self) -> int:
        """How many answers were refused, cut, damaged, another's or not over in time."""
        return sum(int(self.figures.get(name, 0)) for name in ("failed", "damaged", "unfinished"))


def generate(tool: Path, kind: str, url: str, path: str, body: Path, **options: object) -> Loaded:
    """Run ``load requests`` or ``load streams``; underscores in the names of options are dashes.

    Raises RuntimeError when the generator could not run at all.
    """
    command = [str(tool), kind, "--url", url, "--path", path, "--body-file", str(body)]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    before = os.times()
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    except subprocess.TimeoutExpired:
        raise RuntimeError("the load generator did not end") from None
    after = os.times()
    if not done.stdout.strip():
        raise RuntimeError(f"the load generator gave up: {done.stderr.strip()[:300]}")
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return Loaded(json.loads(done.stdout), spent)
