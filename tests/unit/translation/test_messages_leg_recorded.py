"""Every recorded request of a foreign client, as Claude's own endpoint gets it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from copilot_api.engine.interfaces import Dialect, RequestPlan
from tests.support.messages import FIXTURES, TRANSLATION, traits

DIALECTS: dict[str, Dialect] = {
    "/chat/completions": "chat",
    "/responses": "responses",
    ":generateContent": "gemini",
    ":streamGenerateContent": "gemini",
    "/api/chat": "ollama",
}
KNOWN = {
    *("model", "max_tokens", "system", "messages", "tools", "tool_choice", "thinking", "output_config"),
    *("temperature", "top_p", "top_k", "stop_sequences", "stream", "metadata"),
}
LEGAL_ID = re.compile(r"[a-zA-Z0-9_-]+\Z")


def requests() -> list[tuple[Path, Dialect]]:
    found = []
    for path in sorted((FIXTURES / "clients").glob("*/*.json")):
        recorded = json.loads(path.read_bytes())
        dialect = next((name for end, name in DIALECTS.items() if recorded["path"].endswith(end)), None)
        if dialect is not None and recorded.get("reply_status") == 200 and isinstance(recorded["body"], dict):
            found.append((path, dialect))
    return found


@pytest.mark.parametrize(
    ("path", "dialect"),
    requests(),
    ids=lambda value: f"{value.parent.name}-{value.stem}" if isinstance(value, Path) else value,
)
def test_what_upstream_insists_on_holds(path: Path, dialect: Dialect) -> None:
    pytest.importorskip(f"copilot_api.engine.reference.formats.{dialect}.decode_request")
    body = json.loads(path.read_bytes())["body"]
    plan = RequestPlan(
        dialect,
        "messages",
        model="claude-opus-4.6",
        target="claude-opus-4.6",
        traits=traits()["claude-opus-4.6"],
        cache_breakpoints=True,
    )
    made = TRANSLATION.request(json.dumps(body).encode(), plan)
    assert TRANSLATION.request(json.dumps(body).encode(), plan).body == made.body
    check(json.loads(made.body))


def check(sent: dict[str, Any]) -> None:
    assert set(sent) <= KNOWN
    assert sent["model"] == "claude-opus-4.6"
    assert 0 < sent["max_tokens"] <= 32000
    assert not ("temperature" in sent and "top_p" in sent)
    turns = sent["messages"]
    assert [turn["role"] for turn in turns] == [
        ("user", "assistant")[place % 2] for place in range(len(turns))
    ]
    assert turns[-1]["role"] == "user"
    waiting: list[str] = []
    for turn in turns:
        results = [block["tool_use_id"] for block in turn["content"] if block["type"] == "tool_result"]
        assert sorted(results) == sorted(waiting)
        assert all(block["type"] == "tool_result" for block in turn["content"][: len(results)])
        waiting = [block["id"] for block in turn["content"] if block["type"] == "tool_use"]
        assert all(LEGAL_ID.match(call) for call in waiting)
        assert all(block["text"].strip() for block in turn["content"] if block["type"] == "text")
    for tool in sent.get("tools", ()):
        assert set(tool) <= {"name", "description", "input_schema", "cache_control"}
        assert tool["input_schema"]["type"] == "object"
        assert "$schema" not in tool["input_schema"]
    assert 0 < json.dumps(sent).count('"cache_control": {') <= 4
