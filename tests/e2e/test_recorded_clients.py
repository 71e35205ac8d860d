"""Every recorded request of a real client for `/v1/messages` and `/v1/chat/completions` is accepted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from copilot_api.simulator import SimulatorServer
from tests.support.http import events, request
from tests.support.process import GatewayProcess

FOLDER = Path(__file__).parents[1] / "fixtures/clients"
PATHS = ("/v1/messages", "/v1/chat/completions", "/v1/messages/count_tokens", "/v1/embeddings", "/v1/models")
HOP_BY_HOP = {"host", "connection", "content-length", "accept-encoding", "transfer-encoding"}


def recordings() -> list[Any]:
    found = []
    for path in sorted(FOLDER.glob("*/*.json")):
        entry = json.loads(path.read_text(encoding="utf-8"))
        if entry["path"] in PATHS:
            found.append(pytest.param(entry, id=f"{path.parent.name}-{path.stem}"))
    assert len(found) > 120
    return found


@pytest.mark.parametrize("entry", recordings())
def test_recorded_request_is_accepted(
    gateway: GatewayProcess, simulator: SimulatorServer, entry: dict[str, Any]
) -> None:
    headers = {name: value for name, value in entry["headers"].items() if name not in HOP_BY_HOP}
    target = entry["path"] + (f"?{entry['query']}" if entry["query"] else "")
    body = entry["body"] if entry["method"] == "POST" else None
    before = len(simulator.state.requests)
    answer = request(gateway.url, entry["method"], target, body, headers)
    if needs_responses(simulator, entry):
        # The gateway translated and sent it; the model itself has no chat endpoint (the dialects issue).
        assert answer.status == 400
        assert "unsupported_api_for_model" in answer.text
        assert simulator.state.requests[-1].path == "/chat/completions"
        return
    assert answer.status == 200, answer.text
    if entry["path"] in ("/v1/messages", "/v1/chat/completions"):
        assert len(simulator.state.requests) == before + 1
        if body and body.get("stream"):
            last = events(answer.body)[-1]
            assert last == (None, "[DONE]") or last[0] == "message_stop"
        else:
            assert answer.json["usage"]


def needs_responses(simulator: SimulatorServer, entry: dict[str, Any]) -> bool:
    if entry["path"] not in ("/v1/messages", "/v1/chat/completions"):
        return False
    listed = request(simulator.url, "GET", "/_simulator/models").json["data"]
    for model in listed:
        if model["id"] == entry["body"]["model"]:
            endpoints = model.get("supported_endpoints")
            return endpoints is not None and "/chat/completions" not in endpoints
    raise AssertionError(f"the simulator does not list {entry['body']['model']}")
