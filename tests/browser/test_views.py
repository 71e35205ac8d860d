"""Each view as it is when nothing has happened, and on a busy day: what it says, to whom, on which screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest

from tests.browser.opened import DESK, PHONE, Opened
from tests.support.process import GatewayProcess

VIEWS = {
    "overview": "Overview",
    "live": "Live",
    "requests": "Requests",
    "cache": "Prompt cache",
    "failures": "Failures",
    "models": "Models",
    "engine": "Engine",
}
EMPTY = {
    "overview": ("No requests in this time.", "No budget is set.", "Premium interactions", "0 of 300"),
    "live": ("No stream runs.", "of 64 places"),
    "requests": ("No request is over yet.",),
    "cache": ("No day with tokens yet.", "No conversation yet."),
    "failures": ("Nothing has failed since the start.", "No request has failed."),
    "models": ("claude-opus-4.6-1m", "disabled", "AI credits for a million tokens"),
    "engine": ("tokenizer", "0 requests written since the start", "--github-token", "[redacted]"),
}
BUSY = {
    "overview": ("Claude Code", "Last 24 hours", "by its end", "At this pace", "Warns when it is spent"),
    "live": ("No stream runs.", "Requests in flight"),
    "requests": ("requests · 3 failed", "complete", "connection lost", "upstream status 503"),
    "cache": ("Hit rate by day", "Conversations this month"),
    "failures": ("upstream_status", "connection_lost", "upstream_error", "Copilot refused the request"),
    "models": ("claude-sonnet-4.6", "thinking"),
    "engine": ("native", "none lost"),
}


def look(opened: Opened, view: str, *schemes: Literal["light", "dark"]) -> None:
    """What holds for each view, whatever it shows."""
    page = opened.page
    assert opened.heading() == VIEWS[view]
    assert page.title().endswith(" – copilot-api")
    assert page.locator("nav [aria-current=page]").get_attribute("href") == f"#{view}"
    page.get_by_text("connected").wait_for()
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        assert opened.flaws() == [], scheme
    for size in (PHONE, DESK):
        page.set_viewport_size(size)
        assert opened.overflow() <= 0, size


@pytest.mark.parametrize("view", VIEWS)
def test_empty(visit: Callable[..., Opened], empty_gateway: GatewayProcess, view: str) -> None:
    opened = visit(empty_gateway, view)
    opened.sees(*EMPTY[view])
    # Models and the engine look the same on a busy day.
    look(opened, view, *(() if view in ("models", "engine") else ("dark",)))


@pytest.mark.parametrize("view", VIEWS)
def test_busy(visit: Callable[..., Opened], busy_gateway: GatewayProcess, view: str) -> None:
    opened = visit(busy_gateway, view)
    opened.sees(*BUSY[view])
    look(opened, view, "light", "dark")


def test_the_details_of_a_request(visit: Callable[..., Opened], busy_gateway: GatewayProcess) -> None:
    opened = visit(busy_gateway, "requests?outcome=complete&client=Claude+Code")
    opened.page.locator("tbody tr").first.click()
    dialog = opened.page.get_by_role("dialog")
    for text in ("Plan", "Initiator", "Billed", "nano-AIU", "Session", "Request id"):
        dialog.get_by_text(text).first.wait_for()
    assert dialog.get_by_role("img", name="Timings: until the first byte").count() == 1
    assert dialog.get_by_role("img", name="Tokens: input").count() == 1
    for size in (PHONE, DESK):
        opened.page.set_viewport_size(size)
        assert opened.flaws() == []
        assert opened.overflow() <= 0
    # The session leads to all its requests.
    dialog.locator("a").click()
    dialog.wait_for(state="hidden")
    opened.page.wait_for_url("**#requests?session=*")
    opened.sees("Those that fit")


def test_requests_are_filtered(visit: Callable[..., Opened], busy_gateway: GatewayProcess) -> None:
    opened = visit(busy_gateway, "requests")
    page = opened.page
    page.get_by_label("Outcome").select_option("failed")
    opened.sees("3 requests · 3 failed")
    assert page.locator("tbody tr").count() == 3
    page.get_by_label("Dialect").select_option("messages")
    opened.sees("1 request · 1 failed")
    assert "outcome=failed" in page.url
    assert "dialect=messages" in page.url
    page.reload()
    opened.sees("1 request · 1 failed")
    page.get_by_label("Request id").fill("no-such-request")
    page.get_by_label("Request id").press("Enter")
    opened.sees("No request fits.")
    page.get_by_role("button", name="Show all").click()
    opened.sees("requests · 3 failed")
    assert page.url.endswith("#requests")


def test_charts_by_time_and_measure(visit: Callable[..., Opened], busy_gateway: GatewayProcess) -> None:
    page = visit(busy_gateway, "overview").page
    for group, button, chart in (
        ("Time", "Days", "Credits by model"),
        ("Measure", "Requests", "Requests by model"),
        ("By", "Client", "Requests by client"),
    ):
        page.get_by_role("group", name=group).get_by_role("button", name=button).click()
        page.get_by_role("figure", name=chart).wait_for()
    page.get_by_text("Last 30 days").wait_for()
    page.get_by_text("Show the numbers").click()
    numbers = page.get_by_role("table", name="Requests by client")
    assert numbers.get_by_role("columnheader", name="Claude Code").count() == 1
    assert numbers.locator("tbody tr").count() == 30


def test_models_are_found_by_name(visit: Callable[..., Opened], empty_gateway: GatewayProcess) -> None:
    page = visit(empty_gateway, "models").page
    page.get_by_label("Find a model").fill("opus")
    page.get_by_text("3 models of 24").wait_for()
    assert page.get_by_label("Find a model").input_value() == "opus"
    page.get_by_label("Find a model").fill("nothing like it")
    page.get_by_text("No model is called like this.").wait_for()
