"""What the differential tests share: how many examples, outcomes that can be compared, recorded bodies."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from copilot_api.engine.interfaces import EngineError, InvalidRequest

FIXTURES = Path(__file__).parent.parent / "fixtures"
_WANTED = int(os.environ.get("DIFFERENTIAL_EXAMPLES", "0"))

# A busy machine computes for minutes. When more is asked for, there is no limit.
no_time_limit = pytest.mark.timeout(0 if _WANTED else 900)


def examples(default: int) -> settings:
    """Settings of one property. DIFFERENTIAL_EXAMPLES asks for more examples of each than `default`."""
    return settings(
        max_examples=max(default, _WANTED),
        deadline=None,
        # In CI the same each run: a difference between the engines is found by those who look for it, with
        # DIFFERENTIAL_EXAMPLES, and does not turn somebody else's change red.
        derandomize=bool(os.environ.get("CI")) and not _WANTED,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )


def outcome(call: Callable[..., Any], *arguments: Any, texts: bool = False) -> tuple[Any, ...]:
    """Return what a call returned or raised; `texts`: with the text of a refusal that names a member.

    Only exceptions of the closed set are outcomes, all others are bugs of the component and pass through.
    """
    try:
        return "returned", call(*arguments)
    except InvalidRequest as refusal:
        said = (str(refusal),) if texts and refusal.path else ()
        return "raised", type(refusal).__name__, refusal.path, refusal.status, *said
    except EngineError as error:
        return "raised", type(error).__name__


def same(reference: Any, native: Any, where: str, given: Any) -> None:
    """Fail with everything needed to repeat it, unless both are equal in value and type."""
    # The repr tells True from 1 and bytes from bytearray, which are equal.
    if reference == native and repr(reference) == repr(native):
        return
    pytest.fail(
        f"{where}: reference and native differ\n"
        f"  given:     {_short(given, 4000)}\n"
        f"  reference: {_short(reference)}\n"
        f"  native:    {_short(native)}\n"
        f"  first difference: {_difference(repr(reference), repr(native))}",
        pytrace=False,
    )


def _short(value: Any, limit: int = 2000) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def _difference(left: str, right: str) -> str:
    both = zip(left, right, strict=False)
    at = next((at for at, (a, b) in enumerate(both) if a != b), min(len(left), len(right)))
    start = max(0, at - 30)
    return f"{left[start : at + 50]!r} against {right[start : at + 50]!r}"


@cache
def recorded_bodies() -> tuple[tuple[str, bytes], ...]:
    """Return every JSON document under tests/fixtures, and the bodies inside recorded exchanges, by name."""
    found = []
    for path in sorted(FIXTURES.rglob("*.json")):
        name = path.relative_to(FIXTURES).as_posix()
        data = path.read_bytes()
        found.append((name, data))
        value = json.loads(data)
        body = value.get("body") if isinstance(value, dict) else None
        if body is not None:
            text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
            found.append((f"{name} body", text.encode()))
    return tuple(found)


@cache
def recorded_streams() -> tuple[tuple[str, bytes], ...]:
    """Return every recorded stream under tests/fixtures by name, of whatever format."""
    return tuple(
        (path.relative_to(FIXTURES).as_posix(), path.read_bytes()) for path in sorted(FIXTURES.rglob("*.sse"))
    )
