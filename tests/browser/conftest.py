"""A page of the dashboard in a real browser, watched for what no page may do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from copilot_api.simulator import SimulatorServer
from tests.browser.chromium import find, launched
from tests.browser.opened import PATIENCE, Opened
from tests.browser.traffic import busy_hour
from tests.support.process import GatewayProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WITHOUT = "no Chromium is on the path (apt-get install chromium, or CHROMIUM=/path/to/it)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a browser nothing here can run, which is said of each."""
    if find() is None:
        here = Path(__file__).parent
        for item in items:
            if here in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=WITHOUT))


# Closed with the last test of the folder: while it is open, no test of another may run an event loop.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import expect

    path = find()
    assert path is not None
    expect.set_options(timeout=PATIENCE)
    with launched(path) as found:
        yield found


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Opened]]:
    """Opens a view of a gateway; at the end nothing may have been complained of."""
    with ExitStack() as stack:
        opened: list[Opened] = []

        def visit(gateway: GatewayProcess, view: str = "", **options: Any) -> Opened:
            page = stack.enter_context(Opened(browser, gateway.url, **options))
            opened.append(page)
            page.open(view)
            return page

        yield visit
        for each in opened:
            each.judge()


@pytest.fixture(scope="package")
def empty_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """Nobody has asked it anything yet."""
    with (
        SimulatorServer() as simulator,
        GatewayProcess(tmp_path_factory.mktemp("empty"), simulator.url) as gateway,
    ):
        yield gateway


@pytest.fixture(scope="package")
def busy_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """Several programs have used it; some requests failed, a budget is nearly spent, another is."""
    budgets = ("--budget", "30 requests/day soft", "--budget", "1000 credits/month")
    with (
        SimulatorServer() as simulator,
        GatewayProcess(tmp_path_factory.mktemp("busy"), simulator.url, *budgets) as gateway,
    ):
        busy_hour(gateway, simulator)
        yield gateway
