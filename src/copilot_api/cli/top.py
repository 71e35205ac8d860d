"""``copilot-api top``: what a running gateway does now, on the screen until q is pressed."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator

from copilot_api.cli.commands import KEY_VARIABLE
from copilot_api.cli.gateway_client import GatewayLink, configured_gateway
from copilot_api.cli.main import Invocation
from copilot_api.cli.top_feed import Feed, Look, one_look, requests_per_minute
from copilot_api.configuration import load
from copilot_api.github.credentials import data_directory

_FRAME = 0.25
"""Seconds after which a change, a key or another size of the window is seen at the latest."""
_WIDTH_WITHOUT_TERMINAL, _HEIGHT_WITHOUT_TERMINAL = 110, 60


def run(invocation: Invocation) -> int:
    """Show one look, or one after the other."""
    settings = load({}, os.environ, data_directory(invocation.home)).settings
    values = invocation.parsed.values
    key = str(values.get("key") or os.environ.get(KEY_VARIABLE) or "")
    gateway = configured_gateway(settings, str(values.get("url") or ""), key)
    if invocation.flag("json"):
        invocation.console.plain(json.dumps(facts(one_look(gateway), gateway), indent=2))
    elif invocation.flag("once") or not sys.stdout.isatty():
        _show_once(gateway)
    else:
        _watch(gateway)
    return 0


def facts(look: Look, gateway: GatewayLink) -> dict[str, object]:
    """Return a look for a program."""
    live, told = look.live or {}, look.overview or {}
    return {
        "gateway": gateway.place,
        "version": look.version,
        **{name: live.get(name) for name in ("in_flight", "waiting", "places", "streams")},
        "requests_per_minute": requests_per_minute(look, time.time())[0],
        **{name: told.get(name) for name in ("today", "month", "budgets")},
        "quota": look.quota,
        "failures": look.failures,
    }


def _show_once(gateway: GatewayLink) -> None:
    from rich.console import Console

    from copilot_api.cli.top_screen import draw

    look = one_look(gateway)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL, highlight=False)
    console.print(draw(look, gateway.place, console.width, _HEIGHT_WITHOUT_TERMINAL))


def _watch(gateway: GatewayLink) -> None:
    from rich.console import Console
    from rich.live import Live

    from copilot_api.cli.top_screen import draw

    console = Console(highlight=False)
    with (
        Feed(gateway) as feed,
        _keys() as pressed,
        Live(console=console, screen=True, auto_refresh=False) as live,
    ):
        said, shown = "", None
        while said.lower() != "q":
            # The clock on it goes on by the second.
            state = (feed.look, console.size, int(time.time()))
            if state != shown:
                shown = state
                live.update(draw(feed.look, gateway.place, *state[1], keys="q quits"), refresh=True)
            said = pressed()


@contextlib.contextmanager
def _keys() -> Iterator[Callable[[], str]]:
    """Give a function that waits a frame for a key, and returns it or nothing; Ctrl-C stays what it is."""
    if not sys.stdin.isatty():
        yield _no_key
        return
    if sys.platform == "win32":
        import msvcrt

        def pressed() -> str:
            time.sleep(_FRAME)
            return msvcrt.getwch() if msvcrt.kbhit() else ""

        yield pressed
        return
    import select
    import termios
    import tty

    descriptor = sys.stdin.fileno()

    def read() -> str:
        if not select.select([descriptor], [], [], _FRAME)[0]:
            return ""
        return os.read(descriptor, 1).decode("ascii", "replace") or "q"

    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield read
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _no_key() -> str:
    time.sleep(_FRAME)
    return ""
