"""A real store for each module, emptied for each test."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from copilot_api.redaction import Secret
from tests.support.store_server import StoreServer

if sys.platform == "win32":
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="module")
def module_server() -> Iterator[StoreServer]:
    with StoreServer() as server:
        yield server


@pytest.fixture
def server(module_server: StoreServer) -> StoreServer:
    """The store, with nothing in it."""
    import redis

    with redis.Redis(port=module_server.port) as client:
        client.flushall()
        client.script_flush()
    return module_server


@pytest.fixture
async def connect(server: StoreServer) -> AsyncIterator[Callable[[], object]]:
    """Makes a link to the store, as each replica has one."""
    from copilot_api.shared.link import Link

    links: list[Link] = []

    def make() -> Link:
        link = Link(Secret(server.url))
        link.start()
        links.append(link)
        return link

    yield make
    for link in links:
        link.close()
