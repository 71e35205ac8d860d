"""A program that serves a named ASGI app with a chosen server until SIGTERM: both servers under test.

``python -m tests.support.serve_app MODULE:APP --server uvicorn|native``. It writes one JSON object a line on
standard output: ``ready`` with port, ``cancel_streams`` when the drain time is over, ``stopped`` at the end.
Each line on standard input opens the app's gate of that name, also while nobody can connect any more. Exit
code 3: it never became ready.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import socket
import sys
import threading
from typing import Any

from copilot_api import server as serving

NEVER_READY = 3
CANCEL_STREAMS = "cancel streams"
"""The gate that opens when the drain time is over."""


def say(event: str, **more: Any) -> None:
    """Tell the test that something happened."""
    sys.stdout.write(json.dumps({"event": event, **more}) + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("app")
    parser.add_argument("--server", choices=("uvicorn", "native"), default="uvicorn")
    parser.add_argument("--host", default=None, help="default: 127.0.0.1 and ::1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--unix", help="path of a Unix socket to listen on instead")
    parser.add_argument("--drain", type=float, default=30.0)
    parser.add_argument("--lifespan", action="store_true")
    parser.add_argument("--options", type=json.loads, default={}, help="of our own server, as JSON")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s %(levelname)s %(message)s")
    module, _, name = asked.app.partition(":")
    app = getattr(importlib.import_module(module), name)
    try:
        sockets = serving.bind_unix(asked.unix) if asked.unix else serving.bind(asked.host, asked.port)
    except serving.PortTaken as error:
        sys.stderr.write(f"{error}\n")
        return 1
    try:
        return asyncio.run(_run(app, sockets, asked))
    finally:
        for listener in sockets:
            listener.close()


async def _run(app: Any, sockets: list[socket.socket], asked: argparse.Namespace) -> int:
    was_ready = False

    def ready() -> None:
        nonlocal was_ready
        was_ready = True
        say("ready", port=0 if asked.unix else sockets[0].getsockname()[1])

    def cancel_streams() -> None:
        say("cancel_streams")
        if hasattr(app, "gates"):
            app.gates[CANCEL_STREAMS].set()

    _listen_to_the_test(app, asyncio.get_running_loop())
    await serving.serve(
        app,
        sockets,
        drain_timeout=asked.drain,
        on_ready=ready,
        cancel_streams=cancel_streams,
        server=asked.server,
        lifespan=asked.lifespan,
        **asked.options,
    )
    say("stopped")
    return 0 if was_ready else NEVER_READY


def _listen_to_the_test(app: Any, loop: asyncio.AbstractEventLoop) -> None:
    def read() -> None:
        for line in sys.stdin:
            try:
                loop.call_soon_threadsafe(app.gates[line.rstrip("\n")].set)
            except RuntimeError:
                return  # the loop is closed

    if hasattr(app, "gates"):
        threading.Thread(target=read, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
