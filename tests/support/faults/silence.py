"""Silence, and bodies that are compressed (R-26, R-29, R-31, R-35)."""

from __future__ import annotations

import gzip
import zlib

from tests.support.faults.cases import EVERY_LEG, FEW, Case, Fault
from tests.support.faults.legs import Leg, Parts
from tests.support.scripted_upstream import Script, Step
from tests.support.upstream_steps import (
    EVENT_STREAM,
    data,
    drip,
    end,
    head,
    hold,
    pieces,
)

MIB = 1024 * 1024
# ------------------------------------------------------------------------------------------------ silence


def _begun(leg: Leg) -> Step:
    """In one write, so that no limit can end it in between."""
    return data(b"".join(leg.parts().broken))


_SILENCE = (
    Fault(
        "silence",
        "R-29",
        Case(lambda leg: (head(), _begun(leg), hold()), "error", says="silent for"),
        Case(lambda _leg: (head(headers=(("content-type", "application/json"),)), hold()), "status", 504),
        legs=EVERY_LEG,
        limit="idle",
    ),
    Fault(
        "silence within a frame",
        "R-29",
        Case(
            lambda leg: (head(), data(b"".join(leg.parts().broken) + b'data: {"a'), hold()),
            "error",
            says="silent for",
        ),
        Case(
            lambda leg: (
                head(headers=(("content-type", "application/json"),)),
                data(leg.answer()[:20]),
                hold(),
            ),
            "status",
            504,
        ),
        limit="idle",
    ),
    Fault(
        "comments for ever",
        "R-29 R-31",
        Case(
            lambda leg: (head(), _begun(leg), drip(b": still here\n\n", 0.05)),
            "error",
            says="no content for",
        ),
        legs=EVERY_LEG,
        limit="content",
    ),
    Fault(
        "comments for ever, without a pause",
        "R-29 R-31",
        Case(
            lambda leg: (head(), _begun(leg), drip(b": still here\n\n" * 500, 0)),
            "error",
            says="no content for",
        ),
        dialects=FEW,
        limit="content",
    ),
    Fault(
        "comments for ever from the beginning",
        "R-31",
        Case(lambda _leg: (head(), drip(b": still here\n\n", 0.05)), "status", 502, says="no content for"),
        limit="content",
    ),
    Fault(
        "silence from the beginning",
        "R-29",
        Case(lambda _leg: (head(), hold()), "status", 502, says="silent for"),
        limit="idle",
    ),
)


# --------------------------------------------------------------------------------------------- compressed


def _gzip(name: str = "gzip") -> Step:
    return head(headers=(EVENT_STREAM, ("content-encoding", name)))


def _flushed(parts: Parts) -> list[bytes]:
    """A piece for each frame, and the end."""
    packer = zlib.compressobj(wbits=31)
    frames = (*parts.broken, parts.finish, parts.end)
    return [
        *(packer.compress(frame) + packer.flush(zlib.Z_SYNC_FLUSH) for frame in frames),
        packer.flush(),
    ]


def _cut_gzip(leg: Leg) -> Script:
    frames = _flushed(leg.parts())[: len(leg.parts().broken)]
    return (_gzip(), *(data(frame) for frame in frames), end())


def _bomb(leg: Leg) -> Script:
    packer = zlib.compressobj(level=9, wbits=31)
    opened = packer.compress(b"".join(leg.parts().broken)) + packer.flush(zlib.Z_SYNC_FLUSH)
    block = packer.compress(b"\x00" * (64 * MIB)) + packer.flush()
    return (_gzip(), data(opened), data(block), end())


def _json_gzip(leg: Leg) -> bytes:
    return gzip.compress(leg.answer(), mtime=0)


def _packed_head() -> Step:
    return head(headers=(("content-type", "application/json"), ("content-encoding", "gzip")))


def _plain_bomb(leg: Leg) -> bytes:
    return gzip.compress(leg.answer().replace(b"Once", b"O" * (64 * MIB)), mtime=0)


_GZIP = (
    Fault(
        "gzip, flushed at each frame",
        "R-35",
        Case(lambda leg: (_gzip(), *(data(frame) for frame in _flushed(leg.parts())), end()), "whole"),
        Case(lambda leg: (_packed_head(), data(_json_gzip(leg)), end()), "whole"),
        legs=EVERY_LEG,
    ),
    Fault(
        "gzip, a few bytes a chunk",
        "R-35",
        Case(lambda leg: (_gzip(), pieces(gzip.compress(leg.parts().whole, mtime=0), 3), end()), "whole"),
        Case(lambda leg: (_packed_head(), pieces(_json_gzip(leg), 3), end()), "whole"),
    ),
    Fault(
        "gzip, cut",
        "R-35 R-26",
        Case(_cut_gzip, "error"),
        Case(lambda leg: (_packed_head(), data(_json_gzip(leg)[:-20]), end()), "status", 502),
    ),
    Fault(
        "gzip, damaged",
        "R-35 R-26",
        Case(
            lambda leg: (_gzip(), data(b"".join(_flushed(leg.parts())[:3])), data(b"\xff" * 40), end()),
            "error",
        ),
        Case(lambda leg: (_packed_head(), data(_json_gzip(leg)[:30] + b"\xff" * 40), end()), "status", 502),
    ),
    Fault(
        "gzip that unfolds to a thousand times its size",
        "R-35",
        Case(_bomb, "error"),
        Case(lambda leg: (_packed_head(), data(_plain_bomb(leg)), end()), "status", 502),
        dialects=FEW,
    ),
    Fault(
        "a coding that nobody asked for",
        "R-35",
        Case(lambda leg: (_gzip("rot13"), data(leg.parts().whole), end()), "status", 502),
        Case(
            lambda leg: (
                head(headers=(("content-type", "application/json"), ("content-encoding", "rot13"))),
                data(leg.answer()),
                end(),
            ),
            "status",
            502,
        ),
    ),
)


SILENCE: tuple[Fault, ...] = (*_SILENCE, *_GZIP)
