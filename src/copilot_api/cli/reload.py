"""SIGHUP: the configuration is read again, whole, checked, and then used; or the old one is kept (R-54)."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

from copilot_api.cli.console import Console, install_logging
from copilot_api.configuration import CONFIG_FILE, Configuration, ConfigurationError
from copilot_api.gateway.errors import StartupError
from copilot_api.records import replace
from copilot_api.settings import RELOADABLE, Settings, option_fields


class Reloader:
    """Holds the configuration that runs, and replaces it.

    `read` reads the configuration as at the start, `check` refuses what cannot be served. Both raise
    :class:`ConfigurationError` or :class:`StartupError`.
    """

    def __init__(
        self,
        running: Configuration,
        read: Callable[[], Configuration],
        check: Callable[[Configuration], object],
        console: Console,
    ) -> None:
        self._read_as = running
        self._settings = running.settings
        self._read, self._check, self._console = read, check, console
        self._adopt: Callable[[Settings], None] | None = None
        self._is_due = False

    def attach(self, settings: Settings, adopt: Callable[[Settings], None]) -> None:
        """From now on there is a gateway, which runs by `settings`; a reload that was asked for is done."""
        self._settings, self._adopt = settings, adopt
        if self._is_due:
            self.reload()

    def reload(self) -> None:
        """Read the configuration again and use it; one that cannot be used changes nothing. Never raises."""
        if self._adopt is None:
            self._is_due = True
            return
        try:
            changed, waiting = self._reload(self._adopt)
        except (ConfigurationError, StartupError, OSError) as error:
            text = " ".join(str(error).split())
            self._console.error(f"The configuration was not reloaded, the old one is kept: {text}")
            return
        self._console.info(f"Configuration reloaded; changed: {', '.join(changed) or 'nothing'}")
        if waiting:
            self._console.warn(f"Changed but needs a restart: {', '.join(waiting)}")

    def _reload(self, adopt: Callable[[Settings], None]) -> tuple[list[str], list[str]]:
        fresh = self._read()
        if self._read_as.has_file and not fresh.has_file:
            # It may hold the keys: without it the gateway would be open to more than before.
            raise ConfigurationError(
                f"{CONFIG_FILE} is gone; to go back to what holds without it, leave an empty one there"
            )
        before = self._read_as.settings
        names = [
            option.name
            for option in option_fields()
            if getattr(fresh.settings, option.name) != getattr(before, option.name)
        ]
        changes: dict[str, Any] = {
            name: getattr(fresh.settings, name) for name in names if name in RELOADABLE
        }
        settings = replace(self._settings, **changes)
        self._check(Configuration(settings, fresh.origins))
        adopt(settings)
        self._settings = settings
        # What waits for a restart is said at each reload until it is undone or there was one.
        kept = {name: getattr(before, name) for name in names if name not in RELOADABLE}
        self._read_as = Configuration(replace(fresh.settings, **kept), fresh.origins, has_file=fresh.has_file)
        for warning in fresh.warnings:
            self._console.warn(warning)
        if "verbose" in changes:
            self._console.show_everything(settings.verbose)
            install_logging(self._console)
        return [_dashed(name) for name in changes], [_dashed(name) for name in kept]


@contextlib.contextmanager
def at_hang_up(loop: asyncio.AbstractEventLoop, reload: Callable[[], None]) -> Iterator[None]:
    """Call `reload` at each SIGHUP while the block runs; the signal ends nothing.

    A terminal that is closed causes it too: who started the gateway there is gone; it stops as at SIGTERM.
    """
    if sys.platform == "win32":
        yield
        return
    # As `nohup` does: then it is to outlive the terminal.
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    began_at_terminal = _is_terminal() and not ignored

    def hang_up() -> None:
        if began_at_terminal and not _is_terminal():
            signal.raise_signal(signal.SIGTERM)
        else:
            reload()

    loop.add_signal_handler(signal.SIGHUP, hang_up)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        # What is left to do is short, and not to be ended by it either.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _is_terminal() -> bool:
    try:
        return sys.stdin.isatty()
    except (AttributeError, ValueError):  # closed at the start, or since
        return False


def _dashed(name: str) -> str:
    return name.replace("_", "-")
