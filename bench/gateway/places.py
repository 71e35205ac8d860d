"""Where the benchmark keeps things, and how it is allowed to fail."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
CACHE = BENCH / ".cache"
RESULTS = BENCH / "results"
PEERS = Path(__file__).resolve().parent / "peers"
GITHUB_TOKEN = "ghu_pretended00000000000000000000000000"  # noqa: S105 - the pretend upstream believes everything


class Unavailable(Exception):
    """Something cannot be measured here; the text says why."""
