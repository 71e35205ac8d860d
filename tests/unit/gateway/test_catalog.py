"""The model list: tolerant reading, background refresh, the old list stays (D-R10, upstream.md 3.1)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from copilot_api.engine.cache_interfaces import Freshness
from copilot_api.engine.interfaces import ConnectFailed
from copilot_api.engine.native.cache import NativeFreshness
from copilot_api.engine.reference.freshness import ReferenceFreshness
from copilot_api.gateway.catalog import (
    RETRY_AFTER,
    TIME_TO_LIVE,
    MalformedList,
    ModelCatalog,
    Prices,
    parse_models,
)
from tests.support.virtual_time import now, run_virtual

MODELS = Path(__file__).parents[2] / "fixtures/upstream/models/models.json"


def test_recorded_list_keeps_order_and_drops_the_repeated_id() -> None:
    raw = json.loads(MODELS.read_bytes())["data"]
    models = parse_models(MODELS.read_bytes())
    ids = [entry["id"] for entry in raw]
    assert len(set(ids)) < len(ids), "the fixture is meant to hold a repeated id"
    assert [model.id for model in models] == list(dict.fromkeys(ids))
    assert all(model.name for model in models)
    first = next(entry for entry in raw if entry["id"] == "claude-opus-4.6")
    found = next(model for model in models if model.id == "claude-opus-4.6")
    assert found.max_output_tokens == first["capabilities"]["limits"]["max_output_tokens"]
    assert found.supported_endpoints == tuple(first["supported_endpoints"])


def test_d_h15_missing_limits_are_unknown() -> None:
    (model,) = parse_models(b'{"data":[{"id":"x"},{"id":""},{"name":"y"},7,null]}')
    assert model.max_output_tokens is None
    assert model.supported_endpoints is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"data":{}}', b'{"data":null}', b"{}"])
def test_malformed_list_is_said_to_be_one(body: bytes) -> None:
    with pytest.raises(MalformedList):
        parse_models(body)


@pytest.mark.parametrize("made", [ReferenceFreshness, NativeFreshness])
def test_d_r10_refreshes_in_the_background_and_survives_a_failure(
    made: Callable[[float, float], Freshness],
) -> None:
    async def main() -> None:
        answers: list[bytes | Exception] = [
            b'{"data":[{"id":"a"}]}',
            ConnectFailed("down"),
            b'{"data":[{"id":"b"}]}',
        ]
        calls: list[float] = []

        async def fetch() -> bytes:
            calls.append(now())
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        catalog = ModelCatalog(fetch, made(TIME_TO_LIVE, RETRY_AFTER), clock=now)
        await catalog.load()
        await asyncio.sleep(599)
        assert catalog.get("a") is not None
        await asyncio.sleep(2)
        assert [model.id for model in catalog.models] == ["a"]
        await asyncio.sleep(1)
        assert len(calls) == 2
        assert catalog.get("a") is not None
        await asyncio.sleep(29)
        _ = catalog.models
        await asyncio.sleep(1)
        assert len(calls) == 3
        assert catalog.get("b") is not None
        await catalog.aclose()

    run_virtual(main())


def test_one_refresh_at_a_time_and_an_unknown_failure_ends_it() -> None:
    async def main() -> None:
        calls = 0
        gate = asyncio.Event()

        async def fetch() -> bytes:
            nonlocal calls
            calls += 1
            await gate.wait()
            raise RuntimeError("unforeseen")

        catalog = ModelCatalog(fetch, ReferenceFreshness(TIME_TO_LIVE, RETRY_AFTER), clock=now)
        for _ in range(5):
            assert catalog.models == ()
            await asyncio.sleep(0)
        assert calls == 1
        gate.set()
        await asyncio.sleep(RETRY_AFTER - 1)
        assert catalog.models == ()
        assert calls == 1
        await asyncio.sleep(2)
        assert catalog.models == ()
        await asyncio.sleep(0)
        assert calls == 2
        await catalog.aclose()

    run_virtual(main())


@pytest.mark.parametrize(
    ("billing", "prices"),
    [
        (
            {
                "batch_size": 1_000_000,
                "default": {"input_price": 500, "output_price": 2500, "cache_price": 50},
            },
            Prices(500.0, 50.0, None, 2500.0),
        ),
        ({"batch_size": 1000, "default": {"input_price": 0.5}}, Prices(500.0, None, None, None)),
        ({"batch_size": 0, "default": {"input_price": 500}}, None),
        ({"batch_size": 1000, "default": []}, None),
        ({"default": {"input_price": 500}}, None),
        ("free", None),
    ],
)
def test_prices_are_for_a_million_tokens(billing: object, prices: Prices | None) -> None:
    body = json.dumps({"data": [{"id": "m", "billing": {"token_prices": billing}}]}).encode()
    assert parse_models(body)[0].prices == prices
