"""Every recorded request of a real client is accepted, and its stream ends as the client wants it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.http import Answer, events, request
from tests.support.process import GatewayProcess

FOLDER = Path(__file__).parents[1] / "fixtures/clients"
HOP_BY_HOP = {"host", "connection", "content-length", "accept-encoding", "transfer-encoding"}
ASKS_A_MODEL = ("/v1/messages", "/v1/chat/completions", "/v1/responses")


def recordings() -> list[Any]:
    found = []
    for path in sorted(FOLDER.glob("*/*.json")):
        entry = json.loads(path.read_text(encoding="utf-8"))
        if entry["path"] != "/api/hello":
            found.append(pytest.param(entry, id=f"{path.parent.name}-{path.stem}"))
    assert len(found) > 180
    return found


@pytest.mark.parametrize("entry", recordings())
def test_recorded_request_is_accepted(
    gateway: GatewayProcess, simulator: SimulatorServer, entry: dict[str, Any]
) -> None:
    kept = {name: value for name, value in entry["headers"].items() if name not in HOP_BY_HOP}
    headers = {name: value.encode() for name, value in kept.items()}
    target = entry["path"] + (f"?{entry['query']}" if entry["query"] else "")
    body = entry["body"] if entry["method"] == "POST" else None
    before = len(simulator.state.requests)
    answer = request(gateway.url, entry["method"], target, body, headers)
    assert answer.status == 200, answer.text
    if entry["path"] in ASKS_A_MODEL or ":stream" in entry["path"]:
        asked = len(simulator.state.requests) - before
        # The recorded reasoning is of another server: it is refused, and left out.
        assert asked == 1 or (asked == 2 and "x-copilot-api-rewrites" in answer.headers)
        if ":stream" in entry["path"] or (body and body.get("stream")):
            check_end(entry["path"], answer)
        else:
            assert answer.json["usage"]


def check_end(path: str, answer: Answer) -> None:
    name, data = events(answer.body.replace(b"\r\n", b"\n"))[-1]
    if ":stream" in path:
        assert json.loads(data)["candidates"][0]["finishReason"] == "STOP"
    elif path == "/v1/responses":
        assert name == "response.completed"
        assert json.loads(data)["response"]["status"] == "completed"
    else:
        assert (name, data) == (None, "[DONE]") or name == "message_stop"
