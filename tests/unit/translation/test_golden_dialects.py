"""Recorded streams of the legs for chat, completions and Ollama clients, against golden files.

`UPDATE_GOLDEN=1 pytest tests/unit/translation` writes them anew; read the difference before you commit it.
"""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_api.engine.interfaces import Dialect, Leg, StreamEnd, StreamPlan
from copilot_api.engine.reference import context
from copilot_api.engine.reference.canonical import AnswerContext
from copilot_api.engine.reference.formats import UnsupportedPair, part
from tests.support.translating import TRANSLATION, chunks

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "golden/translation"
DIALECTS: tuple[Dialect, ...] = ("chat", "completions", "ollama")
LEGS: tuple[Leg, ...] = ("chat", "responses", "messages")
KNOWN = {
    "chat": AnswerContext(),
    "completions": AnswerContext(echo={"prompt": "Once ", "usage": True}),
    "ollama": AnswerContext(echo={"model": "the-model"}),
}


def has(leg: Leg) -> bool:
    try:
        return bool(part(leg, "decode_stream"))
    except UnsupportedPair:
        return False


CASES = [
    pytest.param(dialect, leg, path, id=f"{dialect}-{leg}-{path.stem}")
    for dialect in DIALECTS
    for leg in LEGS
    if dialect != leg and has(leg)
    for path in sorted((ROOT / "fixtures/upstream" / leg).glob("*.sse"))
]


def written(raw: bytes, dialect: Dialect, leg: Leg, edges: list[int], end: StreamEnd = "end") -> bytes:
    """Run a whole stream, cut at some places; a refusal is written as one line."""
    plan = StreamPlan(dialect, leg, reasoning=True, model="m", context=context.write(KNOWN[dialect]))
    translator = TRANSLATION.stream(plan)
    places = [0, *sorted(edge % (len(raw) + 1) for edge in edges), len(raw)]
    out = b"".join(translator.feed(raw[start:stop]) for start, stop in itertools.pairwise(places))
    out += translator.finish(end)
    return out if translator.refusal is None else f"refused: {translator.refusal}\n".encode()


@pytest.mark.parametrize(("dialect", "leg", "path"), CASES)
def test_golden(dialect: Dialect, leg: Leg, path: Path) -> None:
    out = written(path.read_bytes(), dialect, leg, [])
    name = path.stem if leg == "chat" else f"{leg}_{path.stem}"
    golden = GOLDEN / f"{name}.{dialect}.out"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_bytes(out)
    assert out == golden.read_bytes()


@pytest.mark.parametrize(("dialect", "leg", "path"), CASES)
def test_single_bytes_give_the_same(dialect: Dialect, leg: Leg, path: Path) -> None:
    raw = path.read_bytes()
    assert written(raw, dialect, leg, list(range(len(raw)))) == written(raw, dialect, leg, [])


@given(st.data())
def test_any_split_and_end_gives_the_same(data: st.DataObject) -> None:
    dialect, leg, path = data.draw(st.sampled_from([case.values for case in CASES]))
    raw = path.read_bytes()
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    end = data.draw(st.sampled_from(get_args(StreamEnd)))
    edges = data.draw(st.lists(st.integers(0, 10**6), max_size=6))
    assert written(raw, dialect, leg, edges, end) == written(raw, dialect, leg, [], end)


@pytest.mark.parametrize(("dialect", "leg", "path"), CASES)
def test_one_end_and_legal_frames(dialect: Dialect, leg: Leg, path: Path) -> None:
    """What every client of the dialect takes for granted."""
    out = written(path.read_bytes(), dialect, leg, []).decode()
    if out.startswith("refused: "):
        return
    frames = chunks(out)
    failed = "error" in frames[-1]
    if dialect == "ollama":
        assert all(json.loads(line) for line in out.splitlines())
        assert [line.get("done") for line in frames] == [False] * (len(frames) - 1) + [
            None if failed else True
        ]
        return
    assert out.count("data: [DONE]") == (0 if failed else 1)
    told = [frame for frame in frames if "error" not in frame]
    assert len({(frame["id"], frame["created"], frame["model"], frame["object"]) for frame in told}) == 1
    finishes = [
        choice["finish_reason"] for frame in told for choice in frame["choices"] if choice["finish_reason"]
    ]
    assert len(finishes) == (0 if failed else 1)
