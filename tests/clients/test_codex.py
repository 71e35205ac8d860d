"""Codex, the program itself: OpenAI's Responses format over each leg."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Asked
from tests.clients.running import WRITE, Place, from_npm, run
from tests.support.process import GatewayProcess

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]

KNOWN = "gpt-5.5"
"""A model that Codex knows, and gives its freeform tool `apply_patch`."""
LEGS = {
    KNOWN: "/responses",
    "gpt-5.4": "/responses",
    "claude-opus-5": "/v1/messages",
    "gemini-3.1-pro-preview": "/chat/completions",
    "gpt-4.1": "/chat/completions",
}
CONFIGURATION = """
model_provider = "gateway"

[model_providers.gateway]
name = "gateway"
base_url = "{url}/v1"
env_key = "GATEWAY_KEY"
wire_api = "responses"
"""


Codex = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def codex(gateway: GatewayProcess, place: Place) -> Codex:
    """Runs `codex exec`; returns its events."""
    settings = place.home / ".codex"
    settings.mkdir()
    (settings / "config.toml").write_text(CONFIGURATION.format(url=gateway.url), encoding="utf-8")

    def ran(model: str, *arguments: str) -> list[dict[str, Any]]:
        flags = ["--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "-m", model]
        command = [from_npm("codex"), "exec", *arguments[:-1], *flags, "--", arguments[-1]]
        events = run(place, command, {"GATEWAY_KEY": "dummy"}).splitlines()
        return [json.loads(event) for event in events]

    return ran


def items(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The finished items of one kind."""
    done = [event["item"] for event in events if event["type"] == "item.completed"]
    return [item for item in done if item["type"] == kind]


def check_end(events: list[dict[str, Any]]) -> None:
    """The turn ended well, and what it cost came through."""
    assert events[-1]["type"] == "turn.completed"
    usage = events[-1]["usage"]
    assert usage["input_tokens"] > 1000
    assert usage["output_tokens"] > 0


@pytest.mark.parametrize("model", LEGS)
def test_writes_a_file(codex: Codex, place: Place, asked: Callable[[], list[Asked]], model: str) -> None:
    events = codex(model, WRITE)
    place.check_written()
    check_end(events)
    assert items(events, "agent_message")[-1]["text"].startswith("The tool has answered: ")
    # By its own patch tool where it knows the model, else by a command.
    assert len(items(events, "file_change" if model == KNOWN else "command_execution")) == 1
    assert [(each.path, each.headers["x-initiator"]) for each in asked()] == [
        (LEGS[model], "user"),
        (LEGS[model], "agent"),
    ]


def test_freeform_calls_keep_their_form(codex: Codex, asked: Callable[[], list[Asked]]) -> None:
    codex(KNOWN, WRITE)
    call = next(item for item in asked()[1].body["input"] if item["type"] == "custom_tool_call")
    assert call["name"] == "apply_patch"
    assert call["input"].startswith("*** Begin Patch\n*** Add File: hello.txt\n")


@pytest.mark.parametrize("model", [KNOWN, "claude-opus-5"])
def test_a_resumed_session_sends_everything_again(
    codex: Codex, asked: Callable[[], list[Asked]], model: str
) -> None:
    codex(model, WRITE)
    events = codex(model, "resume", "--last", "And now say Lisbon.")
    check_end(events)
    assert "Lisbon" in items(events, "agent_message")[-1]["text"]
    sent = json.dumps(asked()[-1].body)
    for text in (WRITE, "The tool has answered", "And now say Lisbon."):
        assert text in sent
    # Its reasoning went back to the model that it came from; the pretend model refuses any other.
    carrier = '"encrypted_content"' if model == KNOWN else '"signature"'
    assert sent.count(carrier) == 2


@pytest.mark.parametrize("model", LEGS)
def test_shows_a_picture(codex: Codex, asked: Callable[[], list[Asked]], tmp_path: Path, model: str) -> None:
    picture = tmp_path / "red.png"
    picture.write_bytes(red_square(64))
    events = codex(model, "-i", str(picture), "What is in this picture?")
    check_end(events)
    assert "I see 1 picture." in items(events, "agent_message")[-1]["text"]
    (only,) = asked()
    assert only.headers["copilot-vision-request"] == "true"


@pytest.mark.parametrize("model", LEGS)
def test_answers_by_a_schema(codex: Codex, tmp_path: Path, model: str) -> None:
    wanted = tmp_path / "schema.json"
    properties = {"city": {"type": "string"}}
    schema = {"type": "object", "properties": properties, "required": ["city"], "additionalProperties": False}
    wanted.write_text(json.dumps(schema), encoding="utf-8")
    events = codex(model, "--output-schema", str(wanted), "Which city is in Lisbon?")
    check_end(events)
    assert json.loads(items(events, "agent_message")[-1]["text"]) == {"city": "Lisbon"}


def red_square(size: int) -> bytes:
    """A PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\xff\0\0" * size) * size
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
