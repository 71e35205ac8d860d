"""The usage viewer of 0.7.0, a page from elsewhere: it may read ``/usage`` alone, others not even that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Error

from copilot_api.http.guard import VIEWER_ORIGIN
from tests.support.process import GatewayProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

READ = """url => fetch(url).then(
  (answer) => answer.json().then((body) => Object.keys(body)), (error) => error.name)"""


def page_of(browser: Browser, origin: str) -> Iterator[Page]:
    """A page that says it is from there; nothing is fetched from anywhere but here."""
    context = browser.new_context()
    # Browsers ask people whether a page may look for programs on their machine; these have said yes.
    with suppress(Error):  # older ones do not ask
        context.grant_permissions(["local-network-access"], origin=origin)
    content = "<title>viewer</title>"
    context.route(f"{origin}/**", lambda route: route.fulfill(content_type="text/html", body=content))
    page = context.new_page()
    page.goto(f"{origin}/copilot-api?endpoint=here")
    yield page
    context.close()


@pytest.fixture
def viewer(browser: Browser) -> Iterator[Page]:
    yield from page_of(browser, VIEWER_ORIGIN)


@pytest.fixture
def stranger(browser: Browser) -> Iterator[Page]:
    yield from page_of(browser, "https://elsewhere.example")


def test_it_reads_the_usage(viewer: Page, empty_gateway: GatewayProcess) -> None:
    read = viewer.evaluate(READ, f"http://localhost:{empty_gateway.port}/usage")
    assert {"quota_snapshots", "copilot_plan"} <= {*read}


@pytest.mark.parametrize("path", ["/token", "/v1/models", "/dashboard/api/overview"])
def test_it_reads_nothing_else(viewer: Page, empty_gateway: GatewayProcess, path: str) -> None:
    assert viewer.evaluate(READ, f"http://localhost:{empty_gateway.port}{path}") == "TypeError"


def test_others_do_not_even_read_that(stranger: Page, empty_gateway: GatewayProcess) -> None:
    assert stranger.evaluate(READ, f"http://localhost:{empty_gateway.port}/usage") == "TypeError"
