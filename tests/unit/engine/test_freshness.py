"""When a kept list is fetched anew, both implementations."""

from __future__ import annotations

import math

import pytest

from copilot_api.engine.cache_interfaces import Freshness
from copilot_api.engine.native.cache import NativeFreshness
from copilot_api.engine.reference.freshness import ReferenceFreshness


@pytest.fixture(params=[ReferenceFreshness, NativeFreshness])
def freshness(request: pytest.FixtureRequest) -> Freshness:
    made: Freshness = request.param(600.0, 30.0)
    return made


def test_what_was_never_fetched_is_stale(freshness: Freshness) -> None:
    assert freshness.due == -math.inf
    assert freshness.begin(-5.0)


def test_one_refresh_at_a_time(freshness: Freshness) -> None:
    assert freshness.begin(0.0)
    assert freshness.due == math.inf
    assert not freshness.begin(1e9)
    freshness.end(10.0, refreshed=True)
    assert freshness.due == 610.0
    assert not freshness.begin(609.9)
    assert freshness.begin(610.0)


def test_a_failed_refresh_is_tried_again_soon(freshness: Freshness) -> None:
    freshness.end(0.0, refreshed=False)
    assert not freshness.begin(29.0)
    assert freshness.begin(30.0)
