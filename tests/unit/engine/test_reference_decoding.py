"""The reference decoder of content encodings: as the native one does it (R-35)."""

from __future__ import annotations

import gzip
import zlib

import pytest

from copilot_api.engine.reference.decoding import Decoder, Undecodable

WORDS = b"hello world"


def decode(encoding: str, *pieces: bytes) -> bytes:
    decoder = Decoder(encoding)
    out = b"".join(part for piece in pieces for part in decoder.feed(piece))
    decoder.finish()
    return out


def test_r35_members_are_the_same_however_they_are_cut() -> None:
    packed = gzip.compress(b"hello ", mtime=0) + gzip.compress(b"", mtime=0) + gzip.compress(WORDS, mtime=0)
    for first in range(len(packed) + 1):
        assert decode("gzip", packed[:first], packed[first:]) == b"hello hello world"
    assert (
        decode("x-gzip, identity", *(packed[at : at + 1] for at in range(len(packed)))) == b"hello " + WORDS
    )


@pytest.mark.parametrize("encoding", ["", "identity", "identity, Identity"])
def test_no_encoding_passes(encoding: str) -> None:
    assert decode(encoding, b"a", b"b") == b"ab"


def test_deflate_is_zlib_or_raw() -> None:
    assert decode("deflate", zlib.compress(WORDS)) == WORDS
    assert decode("deflate", zlib.compress(WORDS, wbits=-15)) == WORDS
    with pytest.raises(Undecodable, match="damaged"):
        decode("deflate", zlib.compress(WORDS), b"more")


def test_r35_an_end_inside_is_no_end() -> None:
    packed = gzip.compress(WORDS, mtime=0)
    for cut in range(1, len(packed)):
        with pytest.raises(Undecodable):
            decode("gzip", packed[:cut])
    assert decode("gzip") == b""


def test_r26_r35_what_came_before_the_damage_is_given() -> None:
    packer = zlib.compressobj(wbits=31)
    decoder = Decoder("gzip")
    pieces = decoder.feed(packer.compress(WORDS) + packer.flush(zlib.Z_SYNC_FLUSH) + b"\xff" * 40)
    assert next(pieces) == WORDS
    with pytest.raises(Undecodable, match="damaged"):
        next(pieces)


def test_r35_a_bomb_is_stopped_early() -> None:
    bomb = gzip.compress(b"\x00" * (64 << 20), mtime=0)
    size = 0
    with pytest.raises(Undecodable, match="bomb"):
        for piece in Decoder("gzip").feed(bomb):
            size += len(piece)
    assert size < 16 << 20


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "rot13"])
def test_an_unknown_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(Undecodable, match="not asked for"):
        Decoder(encoding)
