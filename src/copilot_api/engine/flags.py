"""Which implementation of each component runs, and why.

The native module is optional: without it, and with ``--engine reference``, every component is the reference.
"""

from __future__ import annotations

import importlib.util
import logging
from typing import Literal

from copilot_api.engine.interfaces import (
    Client,
    ClientOptions,
    ComponentState,
    Engine,
    Limiter,
    TokenFetch,
    Tokenizer,
    TokenManager,
    Validation,
)
from copilot_api.settings import Settings

logger = logging.getLogger("copilot_api.engine")

COMPONENTS = ("tokenizer", "validation", "translation", "streaming", "client", "token", "limiter")
"""All components, in the order that `debug` prints them."""

NATIVE_COMPONENTS = ("tokenizer", "validation")
"""Those with a native implementation so far."""


class UnknownComponent(ValueError):
    """A `--native` flag names no component, or a state other than on and off."""


def switches(settings: Settings) -> dict[str, bool]:
    """Read the ``--native component=on|off`` flags; later ones win.

    Raises :class:`UnknownComponent` with a text for the user.
    """
    chosen: dict[str, bool] = {}
    for flag in settings.native:
        name, _, state = flag.partition("=")
        if name not in COMPONENTS:
            raise UnknownComponent(
                f"--native {flag}: no component {name!r}; there are {', '.join(COMPONENTS)}"
            )
        if state not in ("on", "off"):
            raise UnknownComponent(f"--native {flag}: write {name}=on or {name}=off")
        chosen[name] = state == "on"
    return chosen


def native_available() -> bool:
    """Tell whether the compiled module is installed, without loading it."""
    try:
        return importlib.util.find_spec("copilot_api._native") is not None
    except ImportError:
        return False


def describe(settings: Settings) -> tuple[ComponentState, ...]:
    """Return the state that :func:`build_engine` would give each component."""
    return tuple(_state(name, settings) for name in COMPONENTS)


def build_engine(settings: Settings) -> Engine:
    """Make the engine. Imports only what the chosen implementations need."""
    from copilot_api.engine.reference.translation import ReferenceTranslation

    states = {state.name: state for state in describe(settings)}
    tokenizer, state = _tokenizer(states["tokenizer"])
    states["tokenizer"] = state
    validation, state = _validation(states["validation"])
    states["validation"] = state
    return Engine(
        tokenizer=tokenizer,
        validation=validation,
        translation=ReferenceTranslation(),
        make_client=_reference_client,
        make_token_manager=_reference_token_manager,
        make_limiter=_reference_limiter,
        states=lambda: tuple(states.values()),
    )


def _state(name: str, settings: Settings) -> ComponentState:
    if name not in NATIVE_COMPONENTS:
        return ComponentState(name, "reference", "no native implementation yet")
    wanted: Literal["native", "reference"] = settings.engine
    reason = "default" if wanted == "native" else "--engine reference"
    flag = switches(settings).get(name)
    if flag is not None:
        wanted, reason = ("native" if flag else "reference"), f"--native {name}={'on' if flag else 'off'}"
    if wanted == "native" and not native_available():
        return ComponentState(name, "reference", "native module missing")
    return ComponentState(name, wanted, reason)


def _tokenizer(state: ComponentState) -> tuple[Tokenizer, ComponentState]:
    if state.implementation == "native":
        try:
            from copilot_api.engine.native import NativeTokenizer

            return NativeTokenizer(), state
        except ImportError as error:
            state = _broken(state, error)
    from copilot_api.engine.reference.tokenizer import ReferenceTokenizer

    return ReferenceTokenizer(), state


def _validation(state: ComponentState) -> tuple[Validation, ComponentState]:
    if state.implementation == "native":
        try:
            from copilot_api.engine.native import NativeValidation

            return NativeValidation(), state
        except ImportError as error:
            state = _broken(state, error)
    from copilot_api.engine.reference.validation import ReferenceValidation

    return ReferenceValidation(), state


def _broken(state: ComponentState, error: ImportError) -> ComponentState:
    logger.warning(
        "The native %s cannot be loaded (%s); the reference engine runs instead", state.name, error
    )
    return ComponentState(state.name, "reference", f"native module broken: {error}")


def _reference_client(options: ClientOptions) -> Client:
    from copilot_api.engine.reference.client import ReferenceClient

    return ReferenceClient(options)


def _reference_token_manager(fetch: TokenFetch) -> TokenManager:
    from copilot_api.engine.reference.token import ReferenceTokenManager

    return ReferenceTokenManager(fetch)


def _reference_limiter(interval: float | None, wait: bool) -> Limiter:
    from copilot_api.engine.reference.limiter import ReferenceLimiter

    return ReferenceLimiter(interval, wait)
