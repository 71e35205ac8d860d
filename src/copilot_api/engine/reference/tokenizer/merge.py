"""Byte pair merging of one piece."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heappush

_DEAD = 0
"""End of a part that was joined to the one before it; no living part ends there."""


def merged_length(piece: bytes, ranks: Mapping[bytes, int]) -> int:
    """Return how many tokens are left of `piece` when no neighbours can be joined any more.

    Parts begin as single bytes. Again and again the two neighbours whose joined bytes have the lowest rank
    become one part, the leftmost first. A heap makes this n log n, where searching the list for each join
    is quadratic: a prompt of one long word would stop everything (D-H14).
    """
    size = len(piece)
    ends = list(range(1, size + 1))  # where the part that starts here ends
    befores = list(range(-1, size - 1))  # where the part before it starts
    heap = [
        (ranks[pair], start, start + 2)
        for start in range(size - 1)
        if (pair := piece[start : start + 2]) in ranks
    ]
    heapify(heap)
    parts = size
    while heap:
        _, start, end = heappop(heap)
        middle = ends[start]
        # Outdated when one of the two parts has been joined to another since. What is two parts again from
        # `start` to `end` has the same bytes, hence the same rank.
        if middle == _DEAD or middle >= end or ends[middle] != end:
            continue
        ends[start], ends[middle] = end, _DEAD
        parts -= 1
        before = befores[start]
        if end < size:
            befores[end] = start
            after = ends[end]
            rank = ranks.get(piece[start:after])
            if rank is not None:
                heappush(heap, (rank, start, after))
        if before >= 0:
            rank = ranks.get(piece[before:end])
            if rank is not None:
                heappush(heap, (rank, before, end))
    return parts
