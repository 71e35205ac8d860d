"""Tokens of a picture: by its size where that can be read, as OpenAI counts (compat.md D-T28)."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

BASE = 85
"""Tokens of any picture."""
TILE = 170
"""Tokens of one square of 512 pixels."""
UNKNOWN_TILES = 4
"""Assumed when the size is not known: a picture of 1024 by 1024."""
LONGEST_COUNTED_URL = 1024
"""Characters; a URL up to here is counted as text, as 0.7.0 did, when the size is not known."""

_HEADER_BYTES = 384 * 1024
"""How far a JPEG's size is looked for: metadata blocks of 64 kB may come first."""
_DATA_URL = re.compile(r"data:[^,]*;base64,", re.ASCII | re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/]*")

_JPEG_SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_LONE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})


def count_picture(image_url: Any, count: Callable[[str], int]) -> int:
    """Return the tokens of an ``image_url`` part's value (an object with ``url``, or the URL itself)."""
    url, detail = (
        (image_url.get("url"), image_url.get("detail")) if isinstance(image_url, dict) else (image_url, None)
    )
    if not isinstance(url, str):
        return BASE
    size = _size(url)
    if size is None and len(url) <= LONGEST_COUNTED_URL:
        return count(url) + BASE
    if detail == "low":
        return BASE
    return BASE + TILE * (UNKNOWN_TILES if size is None else tiles(*size))


def tiles(width: int, height: int) -> int:
    """Return how many squares of 512 pixels cover a picture after OpenAI's scaling.

    First into 2048 by 2048, then to a short side of 768; a smaller picture is not enlarged. In whole
    pixels, halves rounded up.
    """
    long, short = max(width, height), min(width, height)
    if long > 2048:
        long, short = 2048, max(1, (2 * short * 2048 + long) // (2 * long))
    if short > 768:
        long, short = (2 * long * 768 + short) // (2 * short), 768
    return -(-long // 512) * -(-short // 512)


def _size(url: str) -> tuple[int, int] | None:
    start = _DATA_URL.match(url)
    if start is None:
        return None
    limit = start.end() + _HEADER_BYTES // 3 * 4
    encoded = _BASE64.match(url, start.end(), limit)
    text = encoded.group() if encoded else ""
    return picture_size(base64.b64decode(text[: len(text) // 4 * 4] + _rest(text)))


def _rest(text: str) -> str:
    """Return the last, incomplete group of base64 with its padding; a single character says nothing."""
    left = len(text) % 4
    return text[-left:] + "=" * (4 - left) if left > 1 else ""


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height in pixels from the first bytes of a PNG, GIF, WebP or JPEG file."""
    size = None
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
        size = _pair(data, 16, 4, "big")
    elif data.startswith((b"GIF87a", b"GIF89a")):
        size = _pair(data, 6, 2, "little")
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        size = _webp_size(data)
    elif data.startswith(b"\xff\xd8"):
        size = _jpeg_size(data)
    return size if size is not None and all(size) else None


def _pair(data: bytes, start: int, width: int, order: Any) -> tuple[int, int] | None:
    """Return two integers of `width` bytes that follow each other."""
    if len(data) < start + 2 * width:
        return None
    first, second = data[start : start + width], data[start + width : start + 2 * width]
    return int.from_bytes(first, order), int.from_bytes(second, order)


def _webp_size(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X" and (canvas := _pair(data, 24, 3, "little")) is not None:
        return canvas[0] + 1, canvas[1] + 1
    if kind == b"VP8L" and len(data) >= 25 and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if (
        kind == b"VP8 "
        and data[23:26] == b"\x9d\x01\x2a"
        and (frame := _pair(data, 26, 2, "little")) is not None
    ):
        return frame[0] & 0x3FFF, frame[1] & 0x3FFF
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
        elif marker in _JPEG_LONE_MARKERS:
            position += 2
        elif marker in _JPEG_SIZE_MARKERS:
            size = _pair(data, position + 5, 2, "big")
            return None if size is None else (size[1], size[0])
        else:
            position += 2 + max(2, int.from_bytes(data[position + 2 : position + 4], "big"))
    return None
