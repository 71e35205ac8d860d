"""Streams through the whole gateway, native against reference, under the same ASGI server (uvicorn).

    python bench/streaming.py

100 streams at once, with translation (messages) and without (chat), from a compiled pretend upstream and to a
compiled load generator (``bench/load``), which checks that every stream is whole. Engines alternate, each run
in a fresh process; figures are medians of the rounds. CPU is the gateway process's own (user and system).
Needs Linux's /proc.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.process import GITHUB_TOKEN, clean_environment  # noqa: E402

ROUNDS = 3
STREAMS = 100
CHUNKS = 200
BODY = {
    "model": "gpt-4.1",
    "max_tokens": 1000,
    "stream": True,
    "messages": [{"role": "user", "content": "Tell me something."}],
}
TICK = os.sysconf("SC_CLK_TCK")


def build() -> Path:
    """Compile the tool and return it."""
    folder = ROOT / "bench/load"
    target = folder / "target"
    manifest = ["--manifest-path", str(folder / "Cargo.toml"), "--target-dir", str(target)]
    subprocess.run(["cargo", "build", "--quiet", "--release", "--locked", *manifest], check=True)
    return target / "release/load"


@contextmanager
def upstream(tool: Path) -> Iterator[str]:
    """Run the pretend upstream and give its URL."""
    command = [str(tool), "upstream", "--chunks", str(CHUNKS), "--seconds", "300"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[1]
        process.kill()


@contextmanager
def gateway(engine: str, upstream_url: str, home: Path, *more: str) -> Iterator[tuple[str, int]]:
    """Run the program and give its URL and process id."""
    names = ("GITHUB_URL", "GITHUB_API_URL", "COPILOT_URL")
    environment = clean_environment(home, {f"COPILOT_API_{name}": upstream_url for name in names})
    command = [sys.executable, "-m", "copilot_api", "start", "--port", "0", "--engine", engine]
    command += ["--github-token", GITHUB_TOKEN, "--max-concurrency", "1000", *more]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Listening on: " in line:
                port = line.split("localhost:")[1].split("/")[0]
                break
        else:
            raise SystemExit("the gateway did not start")
        # Its request lines must find a reader, or they fill the pipe.
        reader = threading.Thread(target=process.stdout.read)
        reader.start()
        yield f"http://127.0.0.1:{port}", process.pid
        process.terminate()
        reader.join()


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_mb(pid: int) -> float:
    """Return the resident size of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(tool: Path, engine: str, dialect: str, upstream_url: str) -> dict[str, float]:
    """Run one engine once. Exits when a stream was damaged."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        body = home / "body.json"
        body.write_text(json.dumps(BODY), encoding="utf-8")
        with gateway(engine, upstream_url, home, "--server", "uvicorn") as (url, pid):
            idle, before = resident_mb(pid), cpu_seconds(pid)
            command = [str(tool), "streams", "--url", url, "--dialect", dialect, "--body-file", str(body)]
            command += ["--connections", str(STREAMS), "--streams", str(STREAMS)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{engine}, {dialect}: {done.stdout[:600]}{done.stderr[:600]}")
            found = json.loads(done.stdout)
            chunks = STREAMS * CHUNKS
            return {
                "chunks/s": chunks / (found["wall_ms"] / 1000),
                "us CPU/chunk": (cpu_seconds(pid) - before) / chunks * 1e6,
                "idle MB": idle,
                "MB after": resident_mb(pid),
            }


def main() -> None:
    """Print a line for each dialect and figure."""
    tool = build()
    print(f"{STREAMS} streams at once, {CHUNKS} chunks each, as fast as they go; medians of {ROUNDS} rounds")
    with upstream(tool) as url:
        for dialect in ("messages", "chat"):
            runs: dict[str, list[dict[str, float]]] = {"native": [], "reference": []}
            for _ in range(ROUNDS):
                for engine, figures in runs.items():
                    figures.append(measure(tool, engine, dialect, url))
            for name in runs["native"][0]:
                fast, slow = (statistics.median(run[name] for run in figures) for figures in runs.values())
                line = f"{dialect:9} {name:13} native {fast:10.1f}   reference {slow:10.1f}"
                print(f"{line}   {fast / slow:5.2f} x", flush=True)


if __name__ == "__main__":
    main()
