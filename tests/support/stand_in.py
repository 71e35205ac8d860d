"""A program in place of a client: it tells what it got, and does what its last argument says."""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any


def models() -> int:
    """Ask the gateway for its models as the client would; return the status."""
    url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/models"
    request = urllib.request.Request(url)  # noqa: S310 - the gateway of the test
    request.add_header("authorization", f"Bearer {os.environ.get('ANTHROPIC_AUTH_TOKEN', '')}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def report() -> dict[str, Any]:
    """What this process got."""
    given = sys.argv[1:]
    path = Path(given[given.index("--settings") + 1]) if "--settings" in given else None
    return {
        "arguments": given,
        "environment": dict(os.environ),
        "settings": str(path) if path else None,
        "settings_text": path.read_text(encoding="utf-8") if path else None,
        "settings_mode": path.stat().st_mode & 0o777 if path else None,
        "models": models(),
    }


def wait_for_end_of_input() -> dict[str, Any]:
    """Count the signals until standard input ends."""
    got: list[str] = []

    def note(number: int, _frame: object) -> None:
        got.append(signal.Signals(number).name)
        print(f"got {got[-1]}", flush=True)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, note)
    print(f"waiting {os.getpid()}", flush=True)
    sys.stdin.buffer.read()
    return {"signals": got, "models": models()}


def main() -> int:
    """Do what was asked."""
    action, _, value = sys.argv[-1].partition("=")
    if action == "exit":
        return int(value)
    if action == "kill":
        os.kill(os.getpid(), int(value))
    if action == "copy":
        sys.stdout.buffer.write(sys.stdin.buffer.read())
        sys.stderr.write("to stderr")
        return 0
    if action == "wait":
        print(json.dumps(wait_for_end_of_input()), flush=True)
        return 7
    print(json.dumps(report()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
