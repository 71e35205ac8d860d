"""Everything by keys alone, and by ear: focus, names, landmarks."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.opened import Opened
from tests.support.process import GatewayProcess

FOCUSED = "(document.activeElement.textContent || document.activeElement.name || '').trim()"


def test_a_walk_from_the_top(visit: Callable[..., Opened], busy_gateway: GatewayProcess) -> None:
    page = visit(busy_gateway, "overview").page
    walked = []
    for _ in range(14):
        page.keyboard.press("Tab")
        walked.append(page.evaluate(FOCUSED))
    assert walked == [
        *("Skip to content", "copilot-api"),
        *("Overview", "Live", "Requests", "Cache", "Failures", "Models", "Engine"),
        *("3 failed", "Hours", "Days", "Credits", "Tokens"),
    ]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Last 30 days").wait_for()
    assert page.evaluate(FOCUSED) == "Days", "what was pressed keeps the focus"
    expect(page.get_by_role("button", name="Days")).to_have_attribute("aria-pressed", "true")


def test_the_skip_link(visit: Callable[..., Opened], busy_gateway: GatewayProcess) -> None:
    page = visit(busy_gateway, "requests").page
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.url.endswith("#requests")
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == "Refresh"


def test_another_view_is_where_one_lands(visit: Callable[..., Opened], busy_gateway: GatewayProcess) -> None:
    page = visit(busy_gateway, "overview").page
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Engine").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Engine", level=1).wait_for()
    expect(page.locator("main")).to_be_focused()
    expect(page).to_have_title("Engine – copilot-api")
    page.go_back()
    page.get_by_role("heading", name="Overview", level=1).wait_for()


def test_a_request_is_opened_and_left(visit: Callable[..., Opened], busy_gateway: GatewayProcess) -> None:
    page = visit(busy_gateway, "requests").page
    second = page.locator("tbody tr").nth(1).get_by_role("button")
    second.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    expect(dialog).to_have_accessible_name(re.compile("gpt-|claude-"))
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(second).to_be_focused()


def test_what_a_screen_reader_is_told(visit: Callable[..., Opened], busy_gateway: GatewayProcess) -> None:
    opened = visit(busy_gateway, "overview")
    opened.sees("Premium interactions", "connected")
    page = opened.page
    for role in ("banner", "main", "contentinfo"):
        assert page.get_by_role(role).count() == 1, role
    expect(page.get_by_role("banner").get_by_role("status")).to_have_text("connected")
    assert page.get_by_role("heading", level=1).count() == 1
    for name in ("Quota", "Budgets", "Over time", "Models this month", "Clients this month"):
        assert page.get_by_role("region", name=name).count() == 1, name
    meter = page.get_by_role("meter", name="Premium interactions")
    expect(meter).to_have_attribute("aria-valuetext", re.compile(r"^\d+ of 300$"))
    assert page.get_by_role("figure", name="Credits by model").count() == 1
    table = page.get_by_role("table", name="Models this month")
    assert table.get_by_role("columnheader", name="Credits").count() == 1
    assert table.get_by_role("rowheader").count() >= 2


def test_nothing_moves_for_those_who_do_not_want_it(
    visit: Callable[..., Opened], busy_gateway: GatewayProcess
) -> None:
    page = visit(busy_gateway, "overview").page
    page.get_by_role("meter").first.wait_for()
    moving = "element => getComputedStyle(element).transitionDuration"
    part = page.locator(".meter .now").first
    assert part.evaluate(moving) == "0s"
    page.emulate_media(reduced_motion="no-preference")
    assert part.evaluate(moving) == "0.3s"
