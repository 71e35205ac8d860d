"""Whether the gateway's memory grows: 100,000 requests, whole and streamed, both dialects (issue 3).

    python bench/growth.py [--requests N]

Prints the resident size after a warm-up of a tenth and at the end, for the default engine. Every answer is
checked by the load generator. Needs Linux's /proc.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

from streaming import BODY, build, gateway, resident_mb, upstream


def run(tool: Path, url: str, home: Path, count: int) -> None:
    """Send `count` requests: half of them streams of 200 chunks in two dialects."""
    whole = home / "whole.json"
    whole.write_text(json.dumps({**BODY, "stream": False}), encoding="utf-8")
    streamed = home / "streamed.json"
    streamed.write_text(json.dumps(BODY), encoding="utf-8")
    common = [str(tool), "requests", "--url", url, "--connections", "32", "--body-file", str(whole)]
    for path in ("/v1/chat/completions", "/v1/messages"):
        check([*common, "--path", path, "--count", str(count // 4)])
    common = [str(tool), "streams", "--url", url, "--connections", "100", "--body-file", str(streamed)]
    for dialect in ("chat", "messages"):
        check([*common, "--dialect", dialect, "--streams", str(count // 4)])


def check(command: list[str]) -> None:
    """Run one load; exits when an answer was damaged."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[1:3])}: {done.stdout[:600]}{done.stderr[:600]}")


def main() -> None:
    """Print three figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    count = parser.parse_args().requests
    tool = build()
    with tempfile.TemporaryDirectory() as folder, upstream(tool) as upstream_url:
        home = Path(folder)
        with gateway("native", upstream_url, home) as (url, pid):
            print(f"at the start      {resident_mb(pid):6.1f} MB", flush=True)
            run(tool, url, home, count // 10)
            before = resident_mb(pid)
            print(f"after {count // 10:7,}     {before:6.1f} MB", flush=True)
            run(tool, url, home, count)
            after = resident_mb(pid)
            print(f"after {count // 10 + count:7,}     {after:6.1f} MB   {after - before:+.1f} MB")


if __name__ == "__main__":
    main()
