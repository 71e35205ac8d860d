"""The running server against its own OpenAPI document: whatever schemathesis sends has an answer.

The same requests each time (`--generation-deterministic`). One spelling of each path is enough: the others
lead to the same handlers, which `tests/unit/http/test_openapi.py` sees.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from copilot_api import BackgroundGateway
from tests.support.http import request
from tests.support.process import clean_environment

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
"""Not whether wrong requests are refused: what the gateway does not read is Copilot's to judge."""
OTHER_SPELLINGS = (
    r"^/(chat|completions|embeddings|responses|models)|^/v1alpha|^/v1/models/.*:|^/api/embeddings"
)


PATIENCE = 280
"""Seconds: ten of a processor's own, and others may want it too."""

pytestmark = pytest.mark.timeout(PATIENCE + 20)


def fuzz(home: Path, url: str, *more: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("st", path=str(Path(sys.executable).parent))
    assert program is not None
    command = [program, "run", f"{url}/openapi.json", "--generation-deterministic", "--continue-on-failure"]
    command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--no-color"]
    return subprocess.run(
        [*command, *more],
        cwd=home,
        env=clean_environment(home),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_nothing_that_is_sent_breaks_the_server(tmp_path: Path) -> None:
    with BackgroundGateway(simulate=True) as gateway:
        done = fuzz(tmp_path, gateway.url, "--max-examples", "2", "--exclude-path-regex", OTHER_SPELLINGS)
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr
        assert request(gateway.url, "GET", "/v1/models").status == 200
    assert "passed" in done.stdout


class Broken(BaseHTTPRequestHandler):
    """Serves the document of a gateway, and fails in all that it says."""

    document = b""

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/openapi.json" else 500, self.document)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def broken() -> Iterator[str]:
    with BackgroundGateway(simulate=True) as gateway:
        Broken.document = request(gateway.url, "GET", "/openapi.json").body
    server = ThreadingHTTPServer(("127.0.0.1", 0), Broken)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_check_sees_a_server_that_fails(tmp_path: Path, broken: str) -> None:
    done = fuzz(tmp_path, broken, "--max-examples", "1", "--include-path", "/usage")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Server error" in done.stdout
