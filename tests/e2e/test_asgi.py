"""`uvicorn copilot_api.asgi:app`: the app is plain ASGI and opens its gateway at lifespan startup."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from copilot_api.simulator import SimulatorServer
from tests.support.http import request
from tests.support.process import GITHUB_TOKEN, Output, clean_environment

COMMAND = [sys.executable, "-m", "uvicorn", "copilot_api.asgi:app", "--port", "0", "--log-level", "info"]


def environment(home: Path, upstream: str) -> dict[str, str]:
    urls = {f"COPILOT_API_{name}_URL": upstream for name in ("GITHUB", "GITHUB_API", "COPILOT")}
    return clean_environment(home, urls)


def test_serves_under_plain_uvicorn(simulator: SimulatorServer, tmp_path: Path) -> None:
    given = environment(tmp_path, simulator.url) | {"COPILOT_API_GITHUB_TOKEN": GITHUB_TOKEN}
    with subprocess.Popen(COMMAND, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        output = Output()

        def read() -> None:
            assert process.stderr is not None
            for line in process.stderr:
                output.add(line.decode().rstrip("\n"))
            output.close()

        reader = threading.Thread(target=read)
        reader.start()
        url = output.wait_for(r"running on (http://127\.0\.0\.1:\d+)").group(1)
        try:
            assert request(url, "GET", "/v1/models").json["data"]
            body = {
                "model": "claude-sonnet-4.6",
                "max_tokens": 50,
                "messages": [{"role": "user", "content": "x"}],
            }
            assert request(url, "POST", "/v1/messages", body).json["type"] == "message"
        finally:
            process.terminate()
            reader.join(10)


def test_without_a_token_it_says_what_to_do(simulator: SimulatorServer, tmp_path: Path) -> None:
    done = subprocess.run(
        COMMAND,
        env=environment(tmp_path, simulator.url),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode != 0
    assert "copilot-api auth" in done.stderr
