"""Every recorded chat stream, for both dialects, against golden files reviewed by eye.

`UPDATE_GOLDEN=1 pytest tests/unit/streaming` writes them anew; read the difference before you commit it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from copilot_api.engine.interfaces import Dialect
from tests.support.chat import outline, translate
from tests.support.http import events

ROOT = Path(__file__).parents[2]
STREAMS = sorted((ROOT / "fixtures/upstream/chat").glob("*.sse"))
GOLDEN = ROOT / "golden/translation"
DIALECTS: tuple[Dialect, ...] = ("chat", "messages")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_golden(path: Path, dialect: Dialect) -> None:
    out, _ = translate(path.read_bytes(), dialect, reasoning=True)
    golden = GOLDEN / f"{path.stem}.{dialect}.sse"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_bytes(out)
    assert out == golden.read_bytes()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_any_single_cut_and_single_bytes_give_the_same(path: Path, dialect: Dialect) -> None:
    raw = path.read_bytes()
    whole, _ = translate(raw, dialect)
    assert translate(raw, dialect, step=1)[0] == whole
    for size in (2, 3, 7, 64, 1000):
        assert translate(raw, dialect, step=size)[0] == whole


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_r21_no_text_is_lost_or_added(path: Path) -> None:
    raw = path.read_bytes()
    expected = "".join(
        choice.get("delta", {}).get("content") or ""
        for _, data in events(raw.replace(b"\r\n", b"\n"))
        if data != "[DONE]"
        for choice in json.loads(data).get("choices") or []
    )
    chat = "".join(
        choice["delta"].get("content") or ""
        for _, data in events(translate(raw, "chat")[0])
        if data != "[DONE]"
        for choice in json.loads(data).get("choices", [])
    )
    message = "".join(
        json.loads(data)["delta"]["text"]
        for name, data in events(translate(raw, "messages")[0])
        if name == "content_block_delta" and "text" in json.loads(data)["delta"]
    )
    assert chat == message == expected


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_chat_clients_get_one_choice_one_finish_and_one_end(path: Path) -> None:
    out, translator = translate(path.read_bytes(), "chat")
    frames = [json.loads(data) for _, data in events(out) if data != "[DONE]"]
    choices = [choice for frame in frames for choice in frame.get("choices", [])]
    assert {choice["index"] for choice in choices} == {0}
    finishes = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
    failed = translator.facts.error is not None
    assert len(finishes) == (0 if failed else 1)
    assert out.count(b"data: [DONE]") == (0 if failed else 1)
    assert all(frame["object"] == "chat.completion.chunk" for frame in frames if "error" not in frame)


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_anthropic_clients_get_one_open_block_at_a_time(path: Path) -> None:
    out, _ = translate(path.read_bytes(), "messages", reasoning=True)
    opened: list[str] = []
    for step in outline(out):
        kind, _, _ = step.partition(" ")
        if kind.startswith("S") and kind[1:].isdigit():
            assert kind[1:] == str(len(opened))
            opened.append(kind[1:])
        if kind[0] in "DE" and kind[1:].isdigit():
            assert kind[1:] == opened[-1]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_r26_cut_after_every_frame_keeps_the_prefix_and_adds_one_error(dialect: Dialect) -> None:
    raw = (ROOT / "fixtures/upstream/chat/gpt_tools_parallel.sse").read_bytes()
    frames = [part + b"\n\n" for part in raw.split(b"\n\n") if part]
    whole, _ = translate(raw, dialect)
    for number in range(2, len(frames)):
        out, translator = translate(b"".join(frames[:number]), dialect, "cut")
        if translator.facts.finish_reason:
            continue
        assert translator.facts.error
        assert out.count(b'"error"') in (1, 2)
        assert b"[DONE]" not in out
        assert b"message_stop" not in out
        if dialect == "chat":
            assert whole.startswith(out[: out.index(b'data: {"error"')])
