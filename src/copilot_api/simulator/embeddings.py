"""Deterministic vectors: similar texts are near, since both are counts of their words and letter triples."""

from __future__ import annotations

import math
import re
import zlib
from typing import Any


def embed(text: str, dimensions: int) -> list[float]:
    """Return a vector of length one."""
    vector = [0.0] * dimensions
    lowered = text.lower()
    features = re.findall(r"\w+", lowered) * 3 + [lowered[at : at + 3] for at in range(len(lowered) - 2)]
    for feature in features or [lowered]:
        digest = zlib.crc32(feature.encode("utf-8", "replace"))
        vector[digest % dimensions] += 1.0 if digest & 0x10000 else -1.0
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [round(value / length, 6) for value in vector]


def answer(model: str, texts: list[str], dimensions: int) -> dict[str, Any]:
    """Return the body of ``POST /embeddings``; ``object`` is missing, as it is upstream (upstream.md 7)."""
    data = [
        {"object": "embedding", "index": index, "embedding": embed(text, dimensions)}
        for index, text in enumerate(texts)
    ]
    tokens = sum(max(1, len(text) // 4) for text in texts)
    return {"data": data, "model": model, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}
