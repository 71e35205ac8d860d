"""``python -m tools.soak``: run the soak and say what it found; non-zero when something must not be."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .running import ROOT, Options, run, save


def main() -> int:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=60.0, help="requests a second")
    parser.add_argument("--engine", choices=("native", "reference"), default="native")
    parser.add_argument("--server", choices=("native", "uvicorn"), default=None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=ROOT / "target/soak.json", help="where the result goes")
    given = parser.parse_args()
    server = given.server or ("native" if given.engine == "native" else "uvicorn")
    options = Options(given.minutes, given.rate, given.engine, server, given.seed)
    print(f"soak: {options.minutes:g} min, {options.rate:g} requests/s, engine {options.engine}, {server}")
    result = run(options)
    save(result, given.json)
    print("\n".join(result.lines()))
    failures = result.failures()
    print("soak failed: " + "; ".join(failures) if failures else "soak passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
