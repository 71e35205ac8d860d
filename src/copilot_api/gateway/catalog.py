"""The account's models: fetched at start, refreshed in the background, kept when a refresh fails (D-R10)."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

from copilot_api.engine.cache_interfaces import Freshness
from copilot_api.engine.interfaces import EngineError, ModelTraits
from copilot_api.gateway.errors import GatewayError
from copilot_api.ledger.entry import NANO_AIU_PER_CREDIT
from copilot_api.records import record

logger = logging.getLogger("copilot_api.models")

TIME_TO_LIVE = 600.0
"""Seconds; the official client keeps the list for ten minutes (upstream.md 3.1)."""
RETRY_AFTER = 30.0
"""Seconds until a failed refresh is tried again."""


@record
class Prices:
    """AI credits for a million tokens; None where the list says nothing."""

    input: float | None
    cached: float | None
    cache_write: float | None
    output: float | None

    @property
    def cache_saving(self) -> float | None:
        """Nano-AIU that an input token costs less where upstream has it cached."""
        if self.input is None or self.cached is None:
            return None
        return (self.input - self.cached) * NANO_AIU_PER_CREDIT / 1e6


@record
class Model:
    """One entry of ``GET /models``; absent members are None (upstream.md 3.1)."""

    id: str
    name: str | None = None
    vendor: str | None = None
    kind: str | None = None
    """``chat``, ``completion`` or ``embeddings``."""
    tokenizer: str | None = None
    max_output_tokens: int | None = None
    max_prompt_tokens: int | None = None
    context_window: int | None = None
    supported_endpoints: tuple[str, ...] | None = None
    traits: ModelTraits = ModelTraits()
    disabled: bool = False
    """The account's policy forbids it: it cannot be called."""
    multiplier: float | None = None
    """Premium requests a call costs; 0 is included in the plan."""
    prices: Prices | None = None


class MalformedList(EngineError):
    """The answer of ``GET /models`` is not a list of models."""


def parse_models(body: bytes) -> tuple[Model, ...]:
    """Read ``GET /models``. Entries without an id are left out; of equal ids the first counts.

    Raises :class:`MalformedList`.
    """
    try:
        data = json.loads(body)["data"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise MalformedList("the model list is not JSON with a `data` member") from None
    if not isinstance(data, list):
        raise MalformedList("`data` of the model list is not a list")
    models: dict[str, Model] = {}
    for entry in data:
        if isinstance(entry, dict) and isinstance(entry.get("id"), str) and entry["id"]:
            models.setdefault(entry["id"], _model(entry))
    return tuple(models.values())


def _model(entry: dict[str, Any]) -> Model:
    capabilities = _mapping(entry.get("capabilities"))
    limits = _mapping(capabilities.get("limits"))
    supports = _mapping(capabilities.get("supports"))
    endpoints, billing = entry.get("supported_endpoints"), _mapping(entry.get("billing"))
    output, prompt = _count(limits.get("max_output_tokens")), _count(limits.get("max_prompt_tokens"))
    return Model(
        id=entry["id"],
        name=_text(entry.get("name")),
        vendor=_text(entry.get("vendor")),
        kind=_text(capabilities.get("type")),
        tokenizer=_text(capabilities.get("tokenizer")),
        max_output_tokens=output,
        max_prompt_tokens=prompt,
        context_window=_count(limits.get("max_context_window_tokens")),
        supported_endpoints=_texts(endpoints),
        traits=ModelTraits(
            max_output_tokens=output,
            max_prompt_tokens=prompt,
            reasoning_effort=_texts(supports.get("reasoning_effort")),
            adaptive_thinking=supports.get("adaptive_thinking") is True,
            min_thinking_budget=_count(supports.get("min_thinking_budget")),
            max_thinking_budget=_count(supports.get("max_thinking_budget")),
            vision=supports.get("vision") is True,
            structured_outputs=supports.get("structured_outputs") is True,
            tool_calls=supports.get("tool_calls") is True,
            parallel_tool_calls=supports.get("parallel_tool_calls") is True,
        ),
        disabled=_mapping(entry.get("policy")).get("state") == "disabled",
        multiplier=_number(billing.get("multiplier")),
        prices=_prices(_mapping(billing.get("token_prices"))),
    )


def _prices(given: dict[str, Any]) -> Prices | None:
    usual, batch = _mapping(given.get("default")), _number(given.get("batch_size"))
    if not usual or not batch or batch < 0:
        return None

    def price(name: str) -> float | None:
        found = _number(usual.get(name))
        return None if found is None else found * 1e6 / batch

    return Prices(
        price("input_price"), price("cache_price"), price("cache_write_price"), price("output_price")
    )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: Any) -> tuple[str, ...] | None:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


class ModelCatalog:
    """Holds the list. `fetch` gets the body of ``GET /models``; `clock` gives monotonic seconds."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[bytes]],
        freshness: Freshness,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._freshness = freshness
        self._clock = clock
        self._models: tuple[Model, ...] = ()
        self._by_id: dict[str, Model] = {}
        self._due = -math.inf
        """The component's, kept here: each request looks at the list, and almost always it is fresh."""
        self._refresh: asyncio.Task[None] | None = None
        self.when_loaded: Callable[[], None] | None = None
        """Called when there is another list, or the same one anew."""

    @property
    def models(self) -> tuple[Model, ...]:
        """The list in upstream's order; a stale one starts a refresh in the background."""
        now = self._clock()
        if now >= self._due and self._freshness.begin(now):
            self._due = self._freshness.due
            self._refresh = asyncio.create_task(self._refresh_quietly())
        return self._models

    def get(self, model_id: str) -> Model | None:
        """Return the model with exactly this id."""
        _ = self.models
        return self._by_id.get(model_id)

    async def load(self) -> None:
        """Fetch the list now. Raises what `fetch` raises, and :class:`MalformedList`."""
        models = parse_models(await self._fetch())
        self._models = models
        self._by_id = {model.id: model for model in models}
        self._note(refreshed=True)
        if self.when_loaded is not None:
            self.when_loaded()

    async def aclose(self) -> None:
        """Stop a running refresh."""
        if self._refresh is not None:
            self._refresh.cancel()
            await asyncio.gather(self._refresh, return_exceptions=True)

    async def _refresh_quietly(self) -> None:
        try:
            await self.load()
        except BaseException as error:
            self._note(refreshed=False)
            if not isinstance(error, (EngineError, GatewayError)):
                raise
            logger.warning("Model list not refreshed, the old one stays: %s", error)

    def _note(self, *, refreshed: bool) -> None:
        self._freshness.end(self._clock(), refreshed=refreshed)
        self._due = self._freshness.due
