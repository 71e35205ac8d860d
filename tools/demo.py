"""The gateway against its built-in simulator: two streamed answers, then how to point a client at it.

Needs no account and no package beside copilot-api itself. Everything shown under "Answer" came over the wire.
With a terminal, or with ``DEMO_KEEP=1``, the gateway keeps running until Ctrl-C; else the demo ends with 0.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

PREFERRED_PORT = 4141
START_LIMIT = 60.0
"""Seconds until the gateway must listen."""
ANSWER_LIMIT = 60.0
"""Seconds of silence after which an answer is given up."""
LISTENING = re.compile(r"Listening on: http://[^ /]*:(\d+)")


class DemoFailed(Exception):
    """The demo cannot show what it should. The text is for the person who runs it."""


class Gateway:
    """``copilot-api start --simulate`` as a process with a home directory of its own."""

    def __init__(self, home: str) -> None:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("COPILOT_API_") and name not in ("HOST", "GH_TOKEN")
        }
        environment |= {"HOME": home, "USERPROFILE": home, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}
        self.command = ["copilot-api", "start", "--simulate", "--port", str(free_port())]
        self.lines: list[str] = []
        self.port = 0
        self._listens = threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "copilot_api", *self.command[1:]],
            env={**environment, "PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            found = LISTENING.search(line)
            if found:
                self.port = int(found.group(1))
                self._listens.set()
        self._listens.set()

    def wait_until_it_listens(self) -> None:
        """Wait for the line that names the port. Raises :class:`DemoFailed`."""
        if not self._listens.wait(START_LIMIT) or not self.port:
            raise DemoFailed("the gateway did not start")

    def stop(self) -> None:
        """Ask it to end, and wait."""
        if self.process.poll() is None:
            if os.name == "nt":
                self.process.terminate()
            else:
                self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self._reader.join(5)


def free_port() -> int:
    """Return 4141, or 0 (the gateway chooses) when somebody listens there."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", PREFERRED_PORT))
        except OSError:
            return 0
    return PREFERRED_PORT


def events(port: int, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """POST `body` and yield the JSON of each server-sent event as it arrives."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_LIMIT)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            text = response.read().decode("utf-8", "replace")
            raise DemoFailed(f"POST {path} was answered with {response.status}: {text}")
        while line := response.readline():
            if line.startswith(b"data:") and line.strip() != b"data: [DONE]":
                yield json.loads(line[5:])
    finally:
        connection.close()


def chat_pieces(port: int, model: str, prompt: str) -> Iterator[str]:
    """Yield the text of a streamed chat completion."""
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": prompt}]}
    for event in events(port, "/v1/chat/completions", body):
        if "error" in event:
            raise DemoFailed(f"the stream ended with an error: {event['error']}")
        for choice in event.get("choices", ()):
            yield (choice.get("delta") or {}).get("content") or ""


def message_pieces(port: int, model: str, prompt: str) -> Iterator[str]:
    """Yield the text of a streamed Anthropic message."""
    body = {
        "model": model,
        "max_tokens": 1000,
        "stream": True,
        "messages": [{"role": "user", "content": prompt}],
    }
    for event in events(port, "/v1/messages", body):
        if event.get("type") == "error":
            raise DemoFailed(f"the stream ended with an error: {event['error']}")
        if event.get("type") == "content_block_delta":
            yield event["delta"].get("text", "")


def show(title: str, prompt: str, pieces: Iterator[str]) -> None:
    """Print an answer piece by piece, and how it came."""
    print(f"\n{title}\nPrompt: {prompt}\nAnswer: ", end="", flush=True)
    started = time.perf_counter()
    first = 0.0
    count = 0
    for piece in pieces:
        if piece:
            first = first or time.perf_counter()
            count += 1
            print(piece, end="", flush=True)
    if not count:
        raise DemoFailed("the answer held no text")
    total = (time.perf_counter() - started) * 1000
    print(f"\n({count} pieces, the first after {(first - started) * 1000:.0f} ms, {total:.0f} ms in all)")


def model_names(port: int) -> list[str]:
    """Return the ids that the gateway lists."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_LIMIT)
    try:
        connection.request("GET", "/v1/models")
        return [model["id"] for model in json.load(connection.getresponse())["data"]]
    finally:
        connection.close()


def choose(names: list[str], family: str) -> str:
    """Return a model of the family, or the first that can chat."""
    able = [name for name in names if "embedding" not in name]
    if not able:
        raise DemoFailed("the gateway lists no chat model")
    return next((name for name in able if name.startswith(family)), able[0])


def point_a_client(port: int, claude: str) -> None:
    """Print the commands that use the gateway."""
    url = f"http://localhost:{port}"
    print(f"""
Point your own client at it:

  Claude Code      ANTHROPIC_BASE_URL={url} ANTHROPIC_AUTH_TOKEN=dummy ANTHROPIC_MODEL={claude} claude
  OpenAI clients   OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY=dummy
  curl             curl {url}/v1/models

What it cost, as it goes: {url}/dashboard

With a Copilot subscription, start the same without --simulate: copilot-api start
""")


def main() -> int:
    """Run the demo. Return the exit status."""
    keep = os.environ.get("DEMO_KEEP") == "1" or sys.stdin.isatty()
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    with tempfile.TemporaryDirectory(prefix="copilot-api-demo-") as home:
        gateway = Gateway(home)
        try:
            gateway.wait_until_it_listens()
            print(f"$ {' '.join(gateway.command)}")
            print("\n".join(line for line in gateway.lines if line))
            names = model_names(gateway.port)
            gpt, claude = choose(names, "gpt-4.1"), choose(names, "claude-sonnet-4")
            show(
                f"POST /v1/chat/completions, model {gpt}, streamed",
                "What does a gateway do?",
                chat_pieces(gateway.port, gpt, "What does a gateway do?"),
            )
            show(
                f"POST /v1/messages, model {claude}, streamed",
                "Tell me about streams.",
                message_pieces(gateway.port, claude, "Tell me about streams."),
            )
            point_a_client(gateway.port, claude)
            if keep:
                print("The gateway keeps running; press Ctrl-C to stop.", flush=True)
                gateway.process.wait()
        except KeyboardInterrupt:
            print("\nStopping.")
        except (DemoFailed, OSError, http.client.HTTPException, ValueError) as error:
            print(f"\nThe demo failed: {error}. The gateway's last lines:", file=sys.stderr)
            print("\n".join(gateway.lines[-20:]), file=sys.stderr)
            return 1
        finally:
            gateway.stop()
        if not keep:
            print("The gateway was stopped. DEMO_KEEP=1 make demo keeps it running.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
