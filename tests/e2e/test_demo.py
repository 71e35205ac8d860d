"""`make demo` from its program on: two answers come over the wire, and nothing is left running."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.process import clean_environment

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools/demo.py")],
        env=clean_environment(tmp_path_factory.mktemp("home"), {"PYTHONIOENCODING": "utf-8"}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_answer_is_streamed(shown: str, path: str) -> None:
    section = shown.partition(f"POST {path}, ")[2]
    found = re.search(r"Answer: (.+)\n\((\d+) pieces, the first after (\d+) ms, (\d+) ms in all\)", section)
    assert found
    assert len(found.group(1)) > 10
    assert int(found.group(2)) > 1


def test_tells_how_to_point_a_client_at_it(shown: str) -> None:
    port = re.search(r"Listening on: http://localhost:(\d+)/", shown)
    assert port
    assert f"ANTHROPIC_BASE_URL=http://localhost:{port.group(1)} " in shown
    assert f"OPENAI_BASE_URL=http://localhost:{port.group(1)}/v1 " in shown
    assert f"http://localhost:{port.group(1)}/dashboard" in shown


def test_leaves_nothing_running(shown: str) -> None:
    port = re.search(r"Listening on: http://localhost:(\d+)/", shown)
    assert port
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(port.group(1)))) != 0
