"""Who signed a certificate: its issuer's name out of the DER bytes (RFC 5280, 4.1).

The standard library reads names only of certificates that it trusts, and here it is the others that matter.
"""

from __future__ import annotations

from collections.abc import Iterator

_VERSION = 0xA0
_COMMON_NAME, _ORGANISATION = b"\x55\x04\x03", b"\x55\x04\x0a"
_LONGEST = 100


def issuer_of(certificate: bytes) -> str:
    """Return the issuer's common name and organisation, empty when it cannot be read."""
    try:
        (whole,) = _members(certificate)
        to_be_signed = next(_members(whole[1]))
        parts = [part for part in _members(to_be_signed[1]) if part[0] != _VERSION]
        names = dict(_names(parts[2][1]))  # after the serial number and the algorithm
    except (IndexError, ValueError, StopIteration):
        return ""
    found = [names[oid] for oid in (_COMMON_NAME, _ORGANISATION) if oid in names]
    return ", ".join(dict.fromkeys(found))[:_LONGEST]


def _names(name: bytes) -> Iterator[tuple[bytes, str]]:
    for _, relative in _members(name):
        for _, pair in _members(relative):
            kind, value = list(_members(pair))[:2]
            yield kind[1], value[1].decode("utf-8", "replace")


def _members(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give tag and content of each element. Raises ValueError."""
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + length > len(data):
            raise ValueError("cut short")
        yield tag, data[at : at + length]
        at += length
