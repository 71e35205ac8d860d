"""What a client has read of a chat or messages stream. The failures themselves are `tests.support.faults`."""

from __future__ import annotations

import json


def read_chat(stream: bytes) -> tuple[str, bool, list[str]]:
    """Text, whether the end mark came, and the error messages of a chat stream that a client got."""
    text, ended, errors = "", False, []
    for block in stream.decode().split("\n\n"):
        for line in block.split("\n"):
            if not line.startswith("data: "):
                continue
            assert not ended, "something came after the end mark"
            if line == "data: [DONE]":
                ended = True
                continue
            value = json.loads(line[6:])
            if "error" in value:
                errors.append(value["error"]["message"])
                continue
            text += "".join(choice["delta"].get("content") or "" for choice in value["choices"])
    return text, ended, errors


def read_messages(stream: bytes) -> tuple[str, bool, list[str]]:
    """The same of an Anthropic stream."""
    text, ended, errors = "", False, []
    for block in stream.decode().split("\n\n"):
        lines = [line[6:] for line in block.split("\n") if line.startswith("data: ")]
        if not lines:
            continue
        assert not ended, "something came after the end mark"
        value = json.loads(lines[0])
        if value["type"] == "content_block_delta":
            text += value["delta"].get("text", "")
        elif value["type"] == "message_stop":
            ended = True
        elif value["type"] == "error":
            errors.append(value["error"]["message"])
    return text, ended, errors
