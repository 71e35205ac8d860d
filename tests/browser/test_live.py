"""What a page shows while it happens, without taking the reader's place or breath away."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from copilot_api.simulator import SimulatorServer
from tests.browser.opened import Opened
from tests.browser.traffic import streaming
from tests.support.http import request
from tests.support.process import GatewayProcess

CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer() as server:
        yield server


def test_a_running_stream_has_a_row_that_is_kept_up_to_date(
    visit: Callable[..., Opened], gateway: GatewayProcess, simulator: SimulatorServer
) -> None:
    opened = visit(gateway, "live")
    opened.sees("No stream runs.")
    page = opened.page
    page.evaluate(
        """() => {
          window.announced = 0;
          new MutationObserver(() => { window.announced += 1; })
            .observe(document.getElementById("link-state"), {childList: true, subtree: true});
        }"""
    )
    with streaming(simulator, gateway, "curl/8.5.0"):
        row = page.get_by_role("table", name="1 stream now").locator("tbody tr")
        expect(row).to_contain_text("gpt-4.1")
        expect(row).to_contain_text("curl")
        row.evaluate("row => { row.mine = true; }")
        with streaming(simulator, gateway, "codex_cli_rs/0.169.0"):
            rows = page.get_by_role("table", name="2 streams now").locator("tbody tr")
            expect(rows).to_have_count(2)
            expect(rows.nth(0)).to_contain_text(re.compile(r"[1-9]\d*\.\d s ago"))
            expect(rows.nth(1)).to_contain_text("Codex")
            expect(page.locator("#link-load")).to_have_text("2 in flight")
        expect(page.get_by_role("table", name="1 stream now")).to_be_visible()
        assert row.evaluate("row => row.mine"), "the row was updated, not made anew"
    opened.sees("No stream runs.")
    expect(page.locator("#link-load")).to_have_text("idle")
    assert page.evaluate("window.announced") == 0, "a screen reader is not told of each request"


def test_a_stream_that_is_silent_for_long_is_marked(
    visit: Callable[..., Opened], gateway: GatewayProcess
) -> None:
    stream = {
        "number": 1,
        "model": "gpt-4.1",
        "dialect": "chat",
        "client": "curl",
        "key": "",
        "age_ms": 15_000,
        "silent_ms": 12_000,
        "events": 9,
        "tokens": 40,
        "rate": 0.0,
        "bytes": 4000,
    }
    told = {"in_flight": 1, "waiting": 2, "places": 1, "written": 0, "failed": 0, "streams": [stream]}
    opened = visit(gateway, "models")
    opened.page.route(
        "**/dashboard/api/live",
        lambda route: route.fulfill(
            status=200, content_type="text/event-stream", body=f"data: {json.dumps(told)}\n\n"
        ),
    )
    opened.page.goto(f"{gateway.url}/dashboard#live")
    opened.page.reload()
    opened.sees("silent for 12.0 s", "1 silent for 10 s and more", "for a place")


def test_new_requests_come_in_and_the_focus_stays(
    visit: Callable[..., Opened], gateway: GatewayProcess, simulator: SimulatorServer
) -> None:
    ask = {"model": "gpt-4.1-made-up-name", "messages": CHAT["messages"]}
    opened = visit(gateway, "requests")
    page = opened.page
    rows = page.locator("tbody tr")
    before = rows.count()
    assert request(gateway.url, "POST", "/v1/chat/completions", CHAT).status == 200
    expect(rows).to_have_count(before + 1)
    page.get_by_role("row").nth(1).get_by_role("button").focus()
    page.evaluate("document.activeElement.mine = true")
    assert request(gateway.url, "POST", "/v1/chat/completions", ask).status == 400
    expect(rows).to_have_count(before + 2)
    expect(rows.nth(0)).to_contain_text("gpt-4.1-made-up-name")
    assert page.evaluate("document.activeElement.mine"), "the reader's place is kept"
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Failures").click()
    opened.sees("gpt-4.1-made-up-name")


def test_an_idle_page_asks_nothing(visit: Callable[..., Opened], gateway: GatewayProcess) -> None:
    opened = visit(gateway, "overview")
    page = opened.page
    expect(page.locator("#link-state")).to_have_text("connected")
    opened.sees("Premium interactions")
    asked: list[str] = []
    page.on("request", lambda each: asked.append(each.url))
    page.evaluate(
        """() => new Promise((done) => {
          window.changes = 0;
          new MutationObserver((all) => { window.changes += all.length; })
            .observe(document.body, {childList: true, characterData: true, attributes: true, subtree: true});
          setTimeout(done, 2500);
        })"""
    )
    assert asked == []
    assert page.evaluate("window.changes") == 0


def test_a_page_that_leaves_is_no_failure(visit: Callable[..., Opened], gateway: GatewayProcess) -> None:
    opened = visit(gateway, "failures")
    expect(opened.page.locator("#link-state")).to_have_text("connected")
    before = request(gateway.url, "GET", "/dashboard/api/failures").json["classes"]
    opened.page.reload()
    opened.heading()
    expect(opened.page.locator("#link-state")).to_have_text("connected")
    assert request(gateway.url, "GET", "/dashboard/api/failures").json["classes"] == before
