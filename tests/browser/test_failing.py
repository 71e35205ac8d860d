"""What a page says when something fails: a question, GitHub, the key, the ledger, the whole gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from copilot_api.github.credentials import data_directory
from copilot_api.simulator import SimulatorServer
from copilot_api.spending import LEDGER_FILE
from tests.browser.opened import Opened
from tests.browser.test_views import VIEWS
from tests.support.http import request
from tests.support.keyed import KeyedGateway
from tests.support.process import GatewayProcess

ASKING = [view for view in VIEWS if view != "live"]
CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.parametrize("view", ASKING)
def test_a_question_fails(visit: Callable[..., Opened], busy_gateway: GatewayProcess, view: str) -> None:
    opened = visit(busy_gateway, "live", expect_failures=True)
    page = opened.page
    opened.answer(view, 500)
    page.locator(f"nav a[href='#{view}']").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("This view could not be loaded")
    expect(alert).to_contain_text("Made to fail.")
    if view == "overview":
        assert opened.flaws() == []
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("main h1")).to_have_text(VIEWS[view])


def test_what_was_shown_stays_when_it_cannot_be_brought_up_to_date(
    visit: Callable[..., Opened], busy_gateway: GatewayProcess
) -> None:
    opened = visit(busy_gateway, "requests", expect_failures=True)
    opened.answer("requests", 500)
    opened.page.get_by_role("button", name="Refresh").click()
    opened.sees("This could not be brought up to date: made to fail.")
    assert opened.page.locator("tbody tr").count() > 3
    opened.page.unroute_all()
    opened.page.get_by_role("button", name="Refresh").click()
    expect(opened.page.locator("#trouble")).to_be_empty()


def test_the_gateway_is_gone_and_comes_back(visit: Callable[..., Opened], tmp_path: Path) -> None:
    with SimulatorServer() as simulator:
        with GatewayProcess(tmp_path, simulator.url) as gateway:
            opened = visit(gateway, "requests", expect_failures=True)
            state = opened.page.locator("#link-state")
            expect(state).to_have_text("connected")
            # The page keeps its own time from here on: each pause is as long as it says.
            opened.page.clock.install()
            gateway.stop()
        expect(state).to_have_text("not reachable")
        tries = opened.page.locator("#link-load")
        for pause in (1, 2, 4, 8, 16, 30, 30):
            expect(tries).to_have_text(f"next try in {pause} s")
            with opened.page.expect_event("requestfailed", lambda asked: asked.url.endswith("/live")):
                opened.page.clock.run_for(pause * 1000)
        opened.page.get_by_role("button", name="Refresh").click()
        opened.sees("This could not be brought up to date: the gateway cannot be reached.")
        with GatewayProcess(tmp_path, simulator.url, "--port", str(gateway.port)) as again:
            assert again.port == gateway.port
            assert request(again.url, "POST", "/v1/chat/completions", CHAT).status == 200
            opened.page.clock.run_for(30_000)
            expect(state).to_have_text("connected")
            expect(opened.page.locator("#trouble")).to_be_empty()
            opened.sees("gpt-4.1")


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedGateway]:
    with SimulatorServer() as simulator:
        gateway = KeyedGateway(tmp_path_factory.mktemp("keyed"), simulator.url)
        gateway.keys.add("laptop")
        gateway.keys.add("limited", models=("gpt-4.1",))
        with gateway:
            yield gateway


@pytest.mark.parametrize("view", ["overview", "live"])
def test_a_key_is_asked_for_and_kept(visit: Callable[..., Opened], keyed: KeyedGateway, view: str) -> None:
    opened = visit(keyed, view, expect_failures=True)
    page = opened.page
    assert opened.heading() == "This gateway asks for a key"
    assert opened.flaws() == []
    expect(page.locator("#link-state")).to_have_text("key needed")
    if view == "overview":  # a guess costs others time, so there is one only
        page.get_by_label("Key", exact=True).fill("cak_guessed")
        page.get_by_label("Key", exact=True).press("Enter")
        expect(page.get_by_role("alert")).to_have_text("The key was not accepted.")
    key = keyed.keys.keys["laptop"]
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Open").click()
    expect(page.locator("main h1")).to_have_text(VIEWS[view])
    expect(page.locator("#link-state")).to_have_text("connected")
    page.reload()
    expect(page.locator("main h1")).to_have_text(VIEWS[view])
    assert page.evaluate("sessionStorage.length") == 1
    assert page.evaluate("localStorage.length") == 0
    assert page.context.cookies() == []
    assert key not in page.url


def test_a_key_with_limits_is_told_why(visit: Callable[..., Opened], keyed: KeyedGateway) -> None:
    opened = visit(keyed, "overview", expect_failures=True)
    opened.page.get_by_label("Key", exact=True).fill(keyed.keys.keys["limited"])
    opened.page.get_by_role("button", name="Open").click()
    opened.sees(
        "This key opens no dashboard", "this key has limits, and the dashboard shows what all keys do."
    )
    opened.page.get_by_label("Key", exact=True).fill(keyed.keys.keys["laptop"])
    opened.page.get_by_role("button", name="Open").click()
    expect(opened.page.locator("main h1")).to_have_text("Overview")


@pytest.fixture(scope="module")
def without_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with SimulatorServer() as simulator:
        simulator.faults.add("/copilot_internal/user", "status", times=1000, status=503)
        with GatewayProcess(tmp_path_factory.mktemp("off"), simulator.url, "--no-ledger") as gateway:
            yield gateway


@pytest.mark.parametrize("view", ["requests", "cache", "failures"])
def test_the_ledger_is_off(visit: Callable[..., Opened], without_ledger: GatewayProcess, view: str) -> None:
    opened = visit(without_ledger, view)
    opened.sees("The ledger is off (--no-ledger): nothing is kept of requests that are over.")
    assert opened.flaws() == []


def test_github_does_not_tell_the_quota(visit: Callable[..., Opened], without_ledger: GatewayProcess) -> None:
    opened = visit(without_ledger, "overview")
    opened.sees("The ledger is off (", "GitHub did not tell:", "No budget is set.")
    assert opened.flaws() == []


def test_the_ledger_cannot_be_read(visit: Callable[..., Opened], tmp_path: Path) -> None:
    ledger = data_directory(tmp_path) / LEDGER_FILE
    ledger.parent.mkdir(parents=True)
    ledger.write_bytes(b"this is no database, and never was one" * 50)
    with SimulatorServer() as simulator, GatewayProcess(tmp_path, simulator.url) as gateway:
        opened = visit(gateway, "requests")
        opened.sees("The ledger cannot be read; the gateway’s log says why.")
        gateway.errors.wait_for("The ledger cannot be read: ")
