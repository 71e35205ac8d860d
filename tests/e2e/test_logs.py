"""``--log-format`` and ``--log-file`` of the running program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.http import request
from tests.support.process import GatewayProcess

CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "a secret of mine"}]}


@pytest.mark.parametrize("server", ["native", "uvicorn"])
def test_json_lines_tell_a_request_from_end_to_end(
    simulator: SimulatorServer, tmp_path: Path, server: str
) -> None:
    options = ("--log-format", "json", "--log-file", "gateway.log", "--verbose", "--server", server)
    with GatewayProcess(tmp_path, simulator.url, *options) as gateway:
        answer = request(gateway.url, "POST", "/v1/chat/completions", CHAT | {"stream": True})
        assert answer.status == 200
        gateway.output.wait_for('"request.finished"')
        gateway.stop()
        lines = [*gateway.output.lines, *gateway.errors.lines]
    found: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert all({"time", "level", "event", "message"} <= each.keys() for each in found)
    mine = [each for each in found if each.get("request_id") == answer.headers["x-request-id"]]
    events = [each["event"] for each in mine if each["event"].startswith("request.")]
    assert sorted(events) == ["request.answered", "request.arrived", "request.finished"]
    over = next(each for each in mine if each["event"] == "request.finished")
    assert (over["model"], over["status"], over["outcome"]) == ("gpt-4.1", 200, "complete")
    assert any(each["event"] == "gateway" for each in mine), "what is logged on the way has the id too"
    text = (tmp_path / "gateway.log").read_text("utf-8")
    assert "a secret of mine" not in text
    assert sorted(text.splitlines()) == sorted(lines)


def test_a_file_that_cannot_be_opened_is_one_line(simulator: SimulatorServer, tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path, simulator.url, "--log-file", "no-such-directory/gateway.log")
    with pytest.raises(AssertionError), gateway:
        pass
    assert gateway.process.returncode == 1 or gateway.process.poll() is not None
    assert "--log-file no-such-directory/gateway.log cannot be written: No such file" in gateway.errors.text
