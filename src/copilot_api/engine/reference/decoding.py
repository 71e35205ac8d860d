"""Undoes a content encoding that was not asked for (R-35), piece by piece and within a ratio."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

_PIECE = 16 * 1024
"""Bytes of output at a time: what a hostile body can make of a few bytes must not lie in memory."""
_RATIO = 200
"""A body may unfold to so many times its size; text that repeats itself stays below."""
_HARMLESS = 1024 * 1024
"""Below this it is no bomb, whatever its ratio."""
_GZIP = 31
_ZLIB = 15
_RAW = -15


class Undecodable(ValueError):
    """The body is cut, damaged, a bomb, or in an encoding that nobody asked for."""


class Decoder:
    """Decodes one body; `encoding` is its ``content-encoding``. Raises :class:`Undecodable`."""

    def __init__(self, encoding: str) -> None:
        names = [name for name in (part.strip().lower() for part in encoding.split(",")) if name]
        names = [name for name in names if name != "identity"]
        if len(names) > 1 or not set(names) <= {"gzip", "x-gzip", "deflate"}:
            raise Undecodable(f"the answer is in an encoding that was not asked for: {encoding[:50]}")
        self._kind = names[0].removeprefix("x-") if names else ""
        self._inflate: Any = zlib.decompressobj(_GZIP) if self._kind == "gzip" else None
        self._begun = False
        self._taken = self._given = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Return what these bytes unfold to."""
        if not self._kind:
            yield data
            return
        self._taken += len(data)
        while data:
            if self._inflate is None:
                # zlib's first byte names its method and window; no packer of raw bodies begins so.
                is_zlib = data[0] & 0x0F == 8 and data[0] >> 4 <= 7
                self._inflate = zlib.decompressobj(_ZLIB if is_zlib else _RAW)
            self._begun = True
            before = self._inflate.copy()
            try:
                piece = self._inflate.decompress(data, _PIECE)
            except zlib.error:
                yield from self._give(_until_damage(before, data))
                raise Undecodable("the compressed body is damaged") from None
            yield from self._give(piece)
            data = self._inflate.unconsumed_tail
            if self._inflate.eof:
                data = self._inflate.unused_data
                if self._kind == "gzip":
                    self._inflate, self._begun = zlib.decompressobj(_GZIP), False
                elif data:
                    raise Undecodable("the compressed body is damaged")

    def finish(self) -> None:
        """Take the end of the body. One that was cut inside is an error, an empty one is not."""
        if self._begun and not self._inflate.eof:
            raise Undecodable("the compressed body is cut")

    def _give(self, piece: bytes) -> Iterator[bytes]:
        self._given += len(piece)
        if self._given > _HARMLESS and self._given // _RATIO > self._taken:
            raise Undecodable("the compressed body is a bomb")
        if piece:
            yield piece


def _until_damage(inflate: Any, data: bytes) -> bytes:
    """Return what stands before the damage; zlib itself keeps that to itself."""
    found = b""
    try:
        for at in range(len(data)):
            found += inflate.decompress(data[at : at + 1])
    except zlib.error:
        pass
    return found
