"""asyncio comes without ssl in the program, and the reference client has TLS all the same."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT_SSL = """
import sys
from copilot_api.cli import main
main._import_asyncio()
import asyncio
assert asyncio.base_events.ssl is None
assert "ssl" not in sys.modules
"""

TLS = """
import http.server, os, ssl, threading

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"x" * 100_000
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

certificate, key = sys.argv[1:]
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["SSL_CERT_FILE"] = certificate

from copilot_api.engine.client_interfaces import UpstreamCall
from copilot_api.engine.reference.client import ReferenceClient

async def ask():
    client = ReferenceClient()
    for _ in range(2):
        call = UpstreamCall("GET", f"https://localhost:{server.server_address[1]}/", ())
        upstream = await client.request(call)
        assert upstream.status == 200
        assert len(await upstream.read(1_000_000)) == 100_000
    await client.aclose()

asyncio.run(ask())
"""


def run(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_asyncio_is_imported_without_ssl() -> None:
    run(WITHOUT_SSL)


def test_ssl_can_be_imported_afterwards() -> None:
    run(WITHOUT_SSL + "import ssl; ssl.create_default_context()")


def test_what_is_imported_already_stays() -> None:
    run(
        "import ssl, sys\n"
        "from copilot_api.cli import main\n"
        "main._import_asyncio()\n"
        "assert sys.modules['ssl'] is ssl\n"
    )


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
def test_the_reference_client_has_tls_of_its_own(tmp_path: Path) -> None:
    certificate, key = str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    command += " -addext subjectAltName=DNS:localhost"
    subprocess.run(
        [*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=60
    )
    run(WITHOUT_SSL + TLS, certificate, key)
