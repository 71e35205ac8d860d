"""Bodies that stay outside Python: a wish of the one who serves, told in the scope."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

import pytest

from copilot_api.engine.server_interfaces import BODY_EXTENSION
from tests.support.raw_http import chunked
from tests.support.served_app import ServedApp

KIB = 1024


@pytest.fixture(scope="module")
def giving(server: str) -> Iterator[ServedApp]:
    if server != "native":
        pytest.skip("an extension of the native server")
    with ServedApp(server, "tests.server.apps:app", "--options", '{"native_bodies": true}') as process:
        yield process


def extensions(served: ServedApp) -> dict[str, object]:
    value: dict[str, object] = served.ask("/scope").json[1].get("extensions", ["dict", {}])[1]
    return value


def test_only_who_asks_for_them_is_told(giving: ServedApp, served: ServedApp) -> None:
    assert BODY_EXTENSION in extensions(giving)
    assert BODY_EXTENSION not in extensions(served)


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size", [0, 1, 40 * KIB, 2048 * KIB])
@pytest.mark.parametrize("kind", ["noise", "json"])
def test_a_body_is_what_was_sent(giving: ServedApp, kind: str, size: int, framing: str) -> None:
    content = (
        b'["%s"]' % (b"x" * size) if kind == "json" else random.Random(size).randbytes(size)  # noqa: S311
    )
    with giving.connect() as connection:
        if framing == "length":
            connection.request("POST", "/digest", body=content)
        else:
            connection.request("POST", "/digest", ("Transfer-Encoding", "chunked"))
            connection.send(chunked(content))
        told = connection.response().json
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert (told["size"], told["pieces"], told["odd"]) == (len(content), 1, [["Body", "bool"]])
