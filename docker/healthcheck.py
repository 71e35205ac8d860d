"""Exit with 0 when the gateway of this container answers, on the port it was configured with (D-B12).

The first process of the container holds the arguments: the entry point replaces itself by the gateway. Its
words may be ``--port N``, ``--port=N``, ``-p N``, ``-pN`` or a bundle that ends in p; the last one wins.
"""

from __future__ import annotations

import http.client
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

DEFAULT_PORT = 4141
LIMIT = 4.0
"""Seconds; the image gives the check five."""


def port_of(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Return the port that a gateway with these arguments and this environment listens on."""
    text = environment.get("COPILOT_API_PORT", "")
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        found = re.fullmatch(r"(?:--port|-[a-zA-Z]*p)(?:=?(\d+))?", word)
        if found:
            text = found.group(1) or following
    digits = re.match(r"\d+", text)
    return int(digits.group()) if digits else DEFAULT_PORT


def host_of(environment: Mapping[str, str]) -> str:
    """Return the address to ask: loopback, unless the gateway listens on one address only."""
    host = environment.get("HOST", "")
    return "127.0.0.1" if host in ("", "0.0.0.0", "::", "localhost") else host


def answers(host: str, port: int) -> bool:
    """Tell whether something answers; a missing key is an answer, a server error is none."""
    connection = http.client.HTTPConnection(host, port, timeout=LIMIT)
    try:
        connection.request("HEAD", "/")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    command = Path("/proc/1/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    sys.exit(0 if answers(host_of(os.environ), port_of(command, os.environ)) else 1)
