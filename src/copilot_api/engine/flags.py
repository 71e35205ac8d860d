"""Which implementation of each component runs, and why.

The native module is optional: without it, and with ``--engine reference``, every component is the reference.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from copilot_api.engine.cache_interfaces import CacheOptions, Freshness, ResponseCache
from copilot_api.engine.client_interfaces import Client, ClientOptions, Relay
from copilot_api.engine.components import ComponentReport, ComponentState, Engine
from copilot_api.engine.interfaces import (
    Concurrency,
    Dialect,
    Limiter,
    StreamPlan,
    TokenFetch,
    Tokenizer,
    TokenManager,
    Translation,
    Validation,
)
from copilot_api.engine.prefix_interfaces import Prefixes
from copilot_api.engine.server_interfaces import Server, ServerOptions
from copilot_api.engine.standing_interfaces import Listener, Standing
from copilot_api.engine.switch import (
    Mode,
    Switch,
    SwitchedClient,
    SwitchedTokenizer,
    SwitchedTranslation,
    SwitchedValidation,
)
from copilot_api.settings import ServerName, Settings

logger = logging.getLogger("copilot_api.engine")

COMPONENTS = (
    *("tokenizer", "validation", "translation", "streaming", "client", "token", "limiter", "cache", "server"),
    "standing",
)
"""All components, in the order that `debug` prints them."""

STATELESS = ("tokenizer", "validation", "translation", "streaming")
"""Those that keep nothing between two requests, and so can run for a share of them or in shadow."""

_CARRYING = ("validation", "translation", "streaming", "client", "token", "limiter", "server")
"""Those that do the work where a decision stands: all of them have to be native."""

_SHARE = re.compile(r"(\d{1,3})%")


class _OnFirstCall:
    """Stands for a reference that is imported and made when one of its methods is first called.

    Beside a native component the reference is only needed when that fails: it takes no memory until then.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if self._made is None:
                self._made = self._make()
            return getattr(self._made, name)(*arguments)

        setattr(self, name, call)
        return call


class UnknownComponent(ValueError):
    """A `--native` flag names no component, or a state that it cannot have."""


def switches(settings: Settings) -> dict[str, str]:
    """Read the ``--native component=STATE`` flags; later ones win. States: on, off, shadow, 1% to 100%.

    Raises :class:`UnknownComponent` with a text for the user.
    """
    chosen: dict[str, str] = {}
    for flag in settings.native:
        name, _, state = flag.partition("=")
        if name not in COMPONENTS:
            raise UnknownComponent(
                f"--native {flag}: no component {name!r}; there are {', '.join(COMPONENTS)}"
            )
        share = _SHARE.fullmatch(state)
        partly = state == "shadow" or (share is not None and 1 <= int(share.group(1)) <= 100)
        if partly and name not in STATELESS:
            raise UnknownComponent(
                f"--native {flag}: {name} keeps a state that two cannot share; write {name}=on or {name}=off"
            )
        if state not in ("on", "off") and not partly:
            raise UnknownComponent(
                f"--native {flag}: write {name}=on, {name}=off, {name}=shadow or {name}=25%"
            )
        chosen[name] = state
    return chosen


def native_available() -> bool:
    """Tell whether the compiled module is installed, without loading it."""
    try:
        return importlib.util.find_spec("copilot_api._native") is not None
    except ImportError:
        return False


def native_build() -> Mapping[str, str]:
    """Return version and build of the compiled module, which is loaded. Raises ImportError."""
    from copilot_api.engine.native import build

    return build()


def describe(settings: Settings) -> tuple[ComponentState, ...]:
    """Return the state that :func:`build_engine` would give each component."""
    return tuple(_switch(name, settings).state for name in COMPONENTS)


def build_engine(settings: Settings) -> Engine:
    """Make the engine. Imports only what the chosen implementations need."""
    made = {name: _switch(name, settings) for name in COMPONENTS}
    if any(switch.mode != "reference" for switch in made.values()):
        try:
            from copilot_api.engine import native as _  # noqa: F401
        except ImportError as error:
            logger.warning(
                "The native module cannot be loaded (%s); the reference engine runs instead", error
            )
            made = {name: Switch(name, "reference", f"native module broken: {error}") for name in COMPONENTS}
    translation = _translation(made["translation"], made["streaming"])
    return Engine(
        tokenizer=_tokenizer(made["tokenizer"]),
        validation=_validation(made["validation"]),
        translation=translation,
        make_client=lambda options: _client(made["client"], made["streaming"], options, translation),
        make_token_manager=lambda fetch: _token_manager(made["token"], fetch),
        make_limiter=lambda interval, wait, burst: _limiter(made["limiter"], interval, wait, burst),
        make_concurrency=lambda limit, queue, patience: _concurrency(made["limiter"], limit, queue, patience),
        make_cache=lambda options, lost: _cache(made["cache"], options, lost),
        make_freshness=lambda fresh, retry: _freshness(made["cache"], fresh, retry),
        make_standing=lambda *given: _standing(made, *given),
        make_prefixes=lambda: _prefixes(made["validation"]),
        server="native" if made["server"].mode == "native" else "uvicorn",
        states=lambda: tuple(switch.state for switch in made.values()),
        reports=lambda: tuple(_report(switch) for switch in made.values()),
        shares=any(switch.mode == "share" for switch in made.values()),
    )


def _report(switch: Switch) -> ComponentReport:
    timings = {
        name: (timing.calls, timing.seconds, timing.longest) for name, timing in switch.timings.items()
    }
    return ComponentReport(switch.state, switch.differences, switch.failures, timings)


def server_name(settings: Settings) -> ServerName:
    """Return the server that :func:`build_engine` would choose."""
    return "native" if _switch("server", settings).mode == "native" else "uvicorn"


def open_server(
    app: Any,
    sockets: list[socket.socket],
    options: ServerOptions,
    *,
    state: dict[str, Any] | None = None,
    standing: Standing | None = None,
) -> Server:
    """Serve `app` with our own server; `state` is copied into each scope. Needs the native module.

    Requests are carried by the decisions of `standing`.
    """
    from copilot_api.engine.native.server import NativeServer

    return NativeServer(app, sockets, options, state, standing)


def _switch(name: str, settings: Settings) -> Switch:
    mode: Mode = settings.engine
    reason = "default" if mode == "native" else "--engine reference"
    share = 1.0
    if name == "server" and settings.server is not None:
        mode = "native" if settings.server == "native" else "reference"
        reason = f"--server {settings.server}"
    flag = switches(settings).get(name)
    if flag is not None:
        reason = f"--native {name}={flag}"
        if found := _SHARE.fullmatch(flag):
            mode, share = "share", int(found.group(1)) / 100
        else:
            modes: dict[str, Mode] = {"on": "native", "off": "reference", "shadow": "shadow"}
            mode = modes[flag]
    if mode != "reference" and not native_available():
        return Switch(name, "reference", "native module missing")
    if name == "standing" and mode == "native":
        other = next((each for each in _CARRYING if _switch(each, settings).mode != "native"), None)
        if other is not None:
            return Switch(name, "reference", f"{other} is not native")
    return Switch(name, mode, reason, share)


def _reference_tokenizer() -> Tokenizer:
    from copilot_api.engine.reference.tokenizer import ReferenceTokenizer

    return ReferenceTokenizer()


def _reference_validation() -> Validation:
    from copilot_api.engine.reference.validation import ReferenceValidation

    return ReferenceValidation()


def _reference_translation() -> Translation:
    from copilot_api.engine.reference.translation import ReferenceTranslation

    return ReferenceTranslation()


def _tokenizer(switch: Switch) -> Tokenizer:
    if switch.mode == "reference":
        return _reference_tokenizer()
    from copilot_api.engine.native import NativeTokenizer

    return SwitchedTokenizer(switch, NativeTokenizer(), _OnFirstCall(_reference_tokenizer))


def _validation(switch: Switch) -> Validation:
    if switch.mode == "reference":
        return _reference_validation()
    from copilot_api.engine.native import DIALECTS, NativeValidation

    return SwitchedValidation(switch, NativeValidation(), _OnFirstCall(_reference_validation), DIALECTS)


def _translation(switch: Switch, streaming: Switch) -> Translation:
    if switch.mode == streaming.mode == "reference":
        return _reference_translation()
    from copilot_api.engine.native import PAIRS, NativeTranslation

    reference = _OnFirstCall(_reference_translation)
    return SwitchedTranslation(switch, streaming, NativeTranslation(), reference, PAIRS)


def _client(switch: Switch, streaming: Switch, options: ClientOptions, translation: Translation) -> Client:
    def reference() -> Client:
        from copilot_api.engine.reference.client import ReferenceClient

        return ReferenceClient(options, translate=translation.stream)

    def relay(chunks: AsyncIterator[bytes], close: Callable[[], Awaitable[None]], plan: StreamPlan) -> Relay:
        from copilot_api.engine.reference.relay import ReferenceRelay

        return ReferenceRelay(chunks, close, translation.stream(plan), plan)

    if switch.mode == "reference":
        return reference()
    from copilot_api.engine.native import NativeClient

    return SwitchedClient(switch, NativeClient(options, streaming, relay), reference)


def _token_manager(switch: Switch, fetch: TokenFetch) -> TokenManager:
    if switch.mode == "native":
        from copilot_api.engine.native import NativeTokenManager

        return NativeTokenManager(fetch)
    from copilot_api.engine.reference.token import ReferenceTokenManager

    return ReferenceTokenManager(fetch)


def _limiter(switch: Switch, interval: float | None, wait: bool, burst: int) -> Limiter:
    if switch.mode == "native":
        from copilot_api.engine.native import NativeLimiter

        return NativeLimiter(interval, wait, burst)
    from copilot_api.engine.reference.limiter import ReferenceLimiter

    return ReferenceLimiter(interval, wait, burst)


def _concurrency(switch: Switch, limit: int, queue: int, patience: float) -> Concurrency:
    if switch.mode == "native":
        from copilot_api.engine.native.concurrency import NativeConcurrency

        return NativeConcurrency(limit, queue, patience)
    from copilot_api.engine.reference.concurrency import ReferenceConcurrency

    return ReferenceConcurrency(limit, queue, patience)


def _standing(
    made: dict[str, Switch],
    client: Client,
    tokens: TokenManager,
    places: Concurrency,
    routes: dict[str, Dialect],
    listener: Listener,
) -> Standing | None:
    parts = [made[name] for name in (*_CARRYING, "standing")]
    if any(switch.mode != "native" for switch in parts):
        return None
    from copilot_api.engine.native import NativeClient, NativeTokenManager
    from copilot_api.engine.native.concurrency import NativeConcurrency
    from copilot_api.engine.native.standing import NativeStanding

    # All are native: the switches say so.
    native = client.native if isinstance(client, SwitchedClient) else client
    if not (
        isinstance(native, NativeClient)
        and isinstance(tokens, NativeTokenManager)
        and isinstance(places, NativeConcurrency)
    ):
        return None
    standing = NativeStanding(
        native,
        tokens,
        places,
        routes,
        listener,
        lambda name, *spent: made[name].timings["native"].add_all(*spent),
        made["standing"].panicked,
        lambda: all(switch.mode == "native" for switch in parts),
    )
    for switch in parts:
        # What failed under Python would fail without it too.
        switch.when_rolled_back = lambda: standing.open(False)
    return standing


def _cache(switch: Switch, options: CacheOptions, lost: Callable[[], None]) -> ResponseCache:
    def reference() -> ResponseCache:
        from copilot_api.engine.reference.cache import ReferenceResponseCache

        return ReferenceResponseCache(options)

    if switch.mode == "reference":
        return reference()
    from copilot_api.engine.native.cache import NativeResponseCache
    from copilot_api.engine.switched_cache import SwitchedResponseCache

    return SwitchedResponseCache(switch, NativeResponseCache(options), reference, lost)


def _freshness(switch: Switch, fresh: float, retry: float) -> Freshness:
    if switch.mode == "native":
        from copilot_api.engine.native.cache import NativeFreshness

        return NativeFreshness(fresh, retry)
    from copilot_api.engine.reference.freshness import ReferenceFreshness

    return ReferenceFreshness(fresh, retry)


def _prefixes(switch: Switch) -> Prefixes:
    """Follow the validation, which reads the same bodies; where two of it run, the native one does here."""

    def reference() -> Prefixes:
        from copilot_api.engine.reference.prefixes import ReferencePrefixes

        return ReferencePrefixes()

    if switch.mode == "reference":
        return reference()
    from copilot_api.engine.native.prefixes import NativePrefixes
    from copilot_api.engine.switched_prefixes import SwitchedPrefixes

    return SwitchedPrefixes(switch, NativePrefixes(), reference)
