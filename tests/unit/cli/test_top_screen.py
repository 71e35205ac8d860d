"""What `top` draws: within the window, the silent first, and nothing of others acts on the terminal."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from copilot_api.cli.top_feed import RECENT, Look, requests_per_minute, with_rates
from copilot_api.cli.top_screen import draw

SUMS = {"nano_aiu": 2_500_000_000, "requests": 1234, "failed": 2}


def stream(model: str, *, silent_ms: int = 0, age_ms: int = 5000, client: str = "curl") -> dict[str, Any]:
    return {
        "model": model,
        "client": client,
        "key": "ann",
        "age_ms": age_ms,
        "silent_ms": silent_ms,
        "events": 10,
        "tokens": 20,
        "rate": 4.0,
    }


def request(at: float, *, duration_ms: float = 500.0, outcome: str = "complete") -> dict[str, Any]:
    return {
        "at": at,
        "model": "gpt-4.1",
        "asked": "gpt",
        "client": "curl",
        "outcome": outcome,
        "input_tokens": 1000,
        "output_tokens": None,
        "nano_aiu": None,
        "first_byte_ms": 12.0,
        "duration_ms": duration_ms,
    }


def look(streams: list[dict[str, Any]], *, recent: int = 3, problem: str = "") -> Look:
    return Look(
        version="1.2.3",
        live={"in_flight": len(streams), "waiting": 2, "places": 64, "streams": streams},
        overview={
            "today": SUMS,
            "month": SUMS,
            "budgets": [{"share": 1.5, "text": "20 credits/day"}, {"share": 0.1, "text": "9 credits/month"}],
        },
        quota={
            "reset": "2026-12-01",
            "snapshots": [
                {"name": "Premium interactions", "entitlement": 300, "used": 12.5, "unlimited": False},
                {"name": "Chat", "entitlement": 0, "used": 0, "unlimited": True},
            ],
        },
        recent=tuple(request(1000.0 - at) for at in range(recent)),
        failures={"client_gone": 3, "internal": 0},
        problem=problem,
    )


def shown(found: Look, width: int = 110, height: int = 40) -> str:
    console = Console(width=width, height=height, highlight=False, no_color=True, force_terminal=False)
    with console.capture() as capture:
        console.print(draw(found, "http://localhost:4141", width, height, keys="q quits"))
    return capture.get()


def test_the_figures_are_there() -> None:
    text = shown(look([stream("gpt-4.1"), stream("claude-opus-5")]))
    for words in (
        "copilot-api 1.2.3  http://localhost:4141  running",
        "in flight 2 of 64   waiting 2   tokens/s 8   requests/min 0",
        "today 2.50 credits ($0.03)",
        "requests 1,234",
        "failed 2",
        "━━━━━━━━━━━━━━━━ 150% of 20 credits/day",
        "quota: Premium interactions 12.5 of 300, resets 2026-12-01\n",
        "failures since start: 3 client_gone",
        "claude-opus-5",
        "q quits",
    ):
        assert words in text
    assert "internal" not in text


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("height", [16, 24, 60])
def test_it_fits_into_the_window(width: int, height: int) -> None:
    text = shown(look([stream(f"model-{number}") for number in range(100)], recent=100), width, height)
    lines = text.rstrip("\n").split("\n")
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert "more" in text
    assert lines[-1].strip() == "q quits"


def test_who_is_silent_comes_first() -> None:
    text = shown(look([stream("busy"), stream("stuck", silent_ms=75_000, age_ms=80_000)]))
    assert text.index("stuck") < text.index("busy")
    assert "1m15s" in text


def test_a_gateway_that_is_gone_is_said_beside_what_was_known() -> None:
    text = shown(look([], problem="no gateway answers"))
    assert "not reachable  no gateway answers" in text
    assert "1,234" in text
    assert "no gateway answers" in shown(Look(problem="no gateway answers"))
    assert "Waiting for the gateway" in shown(Look())


def test_names_of_others_are_text() -> None:
    text = shown(look([stream("[red]x[/red]\x1b[2J", client="a\nb")]))
    assert "\x1b" not in text
    assert "[red]x[/red]" in text


def test_requests_of_the_last_minute_are_counted_from_their_end() -> None:
    recent = (request(995), request(930, duration_ms=20_000), request(930))
    assert requests_per_minute(Look(recent=recent), 1000.0) == (2, False)
    assert requests_per_minute(Look(recent=(request(999),) * RECENT), 1000.0) == (RECENT, True)


def test_the_first_look_tells_the_mean_since_the_stream_began() -> None:
    event = {"streams": [stream("a") | {"rate": 99999.0}]}
    assert with_rates(event, first=True)["streams"][0]["rate"] == 4.0
    assert with_rates(event, first=False)["streams"][0]["rate"] == 99999.0
    older = {name: value for name, value in stream("a").items() if name != "tokens"}
    assert with_rates({"streams": [older]}, first=True)["streams"][0]["rate"] == 2.0
