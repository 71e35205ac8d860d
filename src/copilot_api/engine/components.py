"""The engine as the gateway gets it: the chosen implementations, and what was seen of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from copilot_api.engine.cache_interfaces import CacheOptions, Freshness, ResponseCache
from copilot_api.engine.client_interfaces import Client, ClientOptions
from copilot_api.engine.interfaces import (
    Concurrency,
    Dialect,
    Limiter,
    TokenFetch,
    Tokenizer,
    TokenManager,
    Translation,
    Validation,
)
from copilot_api.engine.prefix_interfaces import Prefixes
from copilot_api.engine.standing_interfaces import Listener, Standing
from copilot_api.records import record


@record
class ComponentState:
    """Which implementation of a component runs, and why."""

    name: str
    implementation: Literal["native", "reference", "share", "shadow"]
    """``share``: native for some requests; ``shadow``: both run, the reference answers."""
    reason: str
    """``default``, the flag, ``native module missing`` or ``rolled back: …``."""


@record
class ComponentReport:
    """What was seen of a component since the start."""

    state: ComponentState
    differences: int
    """Calls or streams of the shadow mode in which the two implementations differed."""
    failures: int
    """Panics and broken contracts of the native implementation."""
    timings: Mapping[str, tuple[int, float, float]]
    """By implementation: calls, seconds in all, seconds of the longest call."""


@record
class Engine:
    """The chosen implementations of the stateless components and the makers of the others."""

    tokenizer: Tokenizer
    validation: Validation
    translation: Translation
    make_client: Callable[[ClientOptions], Client]
    make_token_manager: Callable[[TokenFetch], TokenManager]
    make_limiter: Callable[[float | None, bool, int], Limiter]
    """``(seconds between requests or None, wait instead of refusing, burst)``."""
    make_concurrency: Callable[[int, int, float], Concurrency]
    """``(places, requests that may wait, seconds that they wait)``."""
    make_cache: Callable[[CacheOptions, Callable[[], None]], ResponseCache]
    """``(options, called when all entries and tickets were lost)``."""
    make_freshness: Callable[[float, float], Freshness]
    """``(seconds a list is fresh, seconds until a failed refresh is tried again)``."""
    make_standing: Callable[
        [Client, TokenManager, Concurrency, dict[str, Dialect], Listener], Standing | None
    ]
    """``(client, token manager, places, paths and their dialects, who is told of requests that are over)``.
    None where no decision can stand."""
    make_prefixes: Callable[[], Prefixes]
    server: Literal["native", "uvicorn"]
    """Which server hosts the app."""
    states: Callable[[], tuple[ComponentState, ...]]
    reports: Callable[[], tuple[ComponentReport, ...]]
    shares: bool = False
    """Some component runs for a share of the requests, so that each request has to draw."""
