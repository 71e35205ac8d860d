"""What the fuzz targets of the HTTP readers start from: the payloads that the tests of copilot-net hold."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "crates/copilot-net/tests"
VARIABLES = [
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "npm_config_https_proxy",
    "npm_config_proxy",
    "npm_config_no_proxy",
    "no_proxy",
    "NO_PROXY",
]
"""In the order in which the target numbers them."""

_ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", '"': '"', "\\": "\\"}


def literals(path: Path) -> list[str]:
    """Return the texts of a Rust file's string literals."""

    def plain(found: re.Match[str]) -> str:
        escape = found[1]
        if escape[0] == "u":
            return chr(int(escape[2:-1], 16))
        if escape[0] == "x":
            return chr(int(escape[1:], 16))
        return "" if escape[0] == "\n" else _ESCAPES.get(escape[0], "")

    texts = re.findall(r'"((?:[^"\\]|\\.)*)"', path.read_text(), re.DOTALL)
    return [re.sub(r"\\(u\{\w+\}|x\w\w|\n\s*|.)", plain, text, flags=re.DOTALL) for text in texts]


def answers() -> list[bytes]:
    """Return answers as upstream sends them, good and bad."""
    texts = [text for path in sorted((TESTS / "client").glob("*.rs")) for text in literals(path)]
    whole = [text for text in texts if text.startswith("HTTP/1.") and "\n" in text]
    chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    more = [chunked + text for text in texts if re.match(r"-?[0-9a-f]+\r\n", text)]
    return [b"\0\3" + text.encode() for text in dict.fromkeys(whole + more)]


def requests() -> list[bytes]:
    """Return requests as they are framed well and badly, each with one behind it that must not be hidden."""
    texts = literals(TESTS / "server/framing.rs") + literals(TESTS / "server/conversation.rs")
    hidden = "GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"
    whole = [text for text in texts if " HTTP/1." in text and "\n" in text]
    fields = [text for text in texts if re.match(r"[\w\s-]+:", text)]
    heads = [f"POST /v1 HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\nhello" for field in fields]
    chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    bodies = [chunked + text for text in texts if re.match(r"[\s+-]?[0-9a-g][^:]*\n", text)]
    seeds = [text + hidden for text in dict.fromkeys(whole + heads + bodies)]
    return [bytes([number % 16, 3]) + text.encode() for number, text in enumerate(seeds)]


def encoded() -> list[bytes]:
    """Return packed bodies: whole, cut, in several members, with every field of a header, and a bomb."""
    text = b"data: hello hello world\n\n" * 20
    packed = gzip.compress(text, mtime=0)
    fields = b"\x1f\x8b\x08\x1c\0\0\0\0\0\xff\x05\0extraname\0comment\0" + packed[10:]
    header = b"\x1f\x8b\x08\x02\0\0\0\0\0\xff"
    checked = header + (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little") + packed[10:]
    stored = gzip.compress(text, 0, mtime=0)
    bomb = gzip.compress(bytes(3 << 20), mtime=0)
    raw = zlib.compressobj(wbits=-15)
    gzips = [packed, packed[:-5], packed + fields, fields, checked, stored, bomb, packed + b"more"]
    deflates = [zlib.compress(text), zlib.compress(text)[:-2], raw.compress(text) + raw.flush()]
    return [b"\0\3" + body for body in gzips] + [b"\1\3" + body for body in deflates]


def settings() -> list[bytes]:
    """Return URLs with variables, from the table of the client's tests."""
    source = (TESTS / "client/proxies.rs").read_text()
    seeds = []
    for case in re.findall(r"\(&\[(.*)\], (HTTPS|\"[^\"]*\"),", source):
        lines = ["https://api.github.com/user" if case[1] == "HTTPS" else case[1].strip('"')]
        for name, value in re.findall(r'\("(\w+)", "([^"]*)"\)', case[0]):
            lines.append(f"{VARIABLES.index(name) if name in VARIABLES else 9}{value}")
        seeds.append("\n".join(lines).encode())
    return seeds
