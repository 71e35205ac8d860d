"""Streams of and for the Responses format, against golden files reviewed by eye and the published rules.

`UPDATE_GOLDEN=1 pytest tests/unit/translation` writes them anew; read the difference before you commit it.
"""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import responses as published
from pydantic import TypeAdapter

from copilot_api.engine.interfaces import Dialect, RequestPlan, StreamPlan
from copilot_api.engine.reference.canonical import Reasoning
from copilot_api.engine.reference.formats.responses.decode_request import decode_request
from tests.support.chat import frame as chunk
from tests.support.chat import sse as chat_sse
from tests.support.chat import tool
from tests.support.responses import FIXTURES, MODEL, TRANSLATION, frames, sent, sse, streamed

GOLDEN = Path(__file__).parents[2] / "golden/translation"
CHAT = sorted((FIXTURES / "upstream/chat").glob("*.sse"))
NATIVE = sorted((FIXTURES / "upstream/responses").glob("*.sse"))
CLAUDE = sorted((FIXTURES / "upstream/messages").glob("*.sse"))
PAIRS: list[Any] = [
    *(pytest.param(path, "responses", "messages", id=f"{path.stem}-messages-responses") for path in CLAUDE),
    *(pytest.param(path, "responses", "chat", id=f"{path.stem}-chat-responses") for path in CHAT),
    *(pytest.param(path, "responses", "responses", id=f"{path.stem}-relay") for path in NATIVE),
    *(pytest.param(path, "messages", "responses", id=f"{path.stem}-responses-messages") for path in NATIVE),
]
EVENT: TypeAdapter[Any] = TypeAdapter(published.ResponseStreamEvent)


@pytest.mark.parametrize(("path", "dialect", "leg"), PAIRS)
def test_golden(path: Path, dialect: Dialect, leg: Any) -> None:
    out, translator = streamed(path.read_bytes(), dialect, leg)
    if translator.refusal is not None:
        out = f": refused with {translator.refusal.status}: {translator.refusal}\n\n".encode()
    name = f"{path.stem}.{dialect}.sse" if leg == "chat" else f"{leg}_{path.stem}.{dialect}.sse"
    if os.environ.get("UPDATE_GOLDEN"):
        (GOLDEN / name).write_bytes(out)
    assert out == (GOLDEN / name).read_bytes()


@pytest.mark.parametrize(("path", "dialect", "leg"), PAIRS)
def test_any_size_of_piece_gives_the_same(path: Path, dialect: Dialect, leg: Any) -> None:
    raw = path.read_bytes()
    whole, _ = streamed(raw, dialect, leg)
    for size in (1, 7, 64, 1000):
        assert streamed(raw, dialect, leg, step=size)[0] == whole


def check_published_order(stream: bytes, *, ours: bool = True) -> list[dict[str, Any]]:
    """Events of `ours` are of the SDK's types; numbers have no gaps; items open, grow and close in order."""
    found = frames(stream)
    assert [frame["sequence_number"] for frame in found] == list(range(len(found)))
    assert found[0]["type"] == "response.created"
    assert found[-1]["type"] in ("response.completed", "response.incomplete", "response.failed")
    ids: dict[int, str] = {}
    done: dict[int, Any] = {}
    responses = set()
    for frame in found:
        if ours and frame["type"] != "response.failed":  # Codex reads codes that the SDK's types do not list
            EVENT.validate_python(frame)
        if "response" in frame:
            responses.add(frame["response"]["id"])
        index = frame.get("output_index")
        if frame["type"] == "response.output_item.added":
            assert index == len(ids)
            ids[index] = frame["item"]["id"]
        elif frame["type"] == "response.output_item.done":
            assert frame["item"]["id"] == ids[index]
            assert index not in done
            done[index] = frame["item"]
        elif index is not None:
            assert frame["item_id"] == ids[index]
            assert index not in done
    assert len(responses) == 1
    assert len(set(ids.values())) == len(ids)
    assert found[-1]["response"]["output"] == [done[index] for index in sorted(done)]
    if found[-1]["type"] != "response.failed":
        assert done.keys() == ids.keys()
    return found


@pytest.mark.parametrize("path", [*CHAT, *CLAUDE], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_translated_streams_keep_the_published_order(path: Path) -> None:
    out, translator = streamed(path.read_bytes(), "responses", "messages" if path in CLAUDE else "chat")
    if translator.refusal is None:
        check_published_order(out)


@pytest.mark.parametrize("path", NATIVE, ids=lambda path: path.stem)
def test_relayed_streams_have_one_id_an_item(path: Path) -> None:
    out, translator = streamed(path.read_bytes(), "responses", "responses")
    if translator.refusal is None:
        found = frames(out)
        ids: dict[int, set[str]] = {}
        for frame in found:
            if "output_index" in frame:
                item_id = frame["item_id"] if "item_id" in frame else frame["item"]["id"]
                ids.setdefault(frame["output_index"], set()).add(item_id)
        for index, item in enumerate(found[-1]["response"]["output"]):
            ids[index].add(item["id"])
        assert all(len(found) == 1 for found in ids.values())
        assert len({frame["response"]["id"] for frame in found if "response" in frame}) == 1
        assert "obfuscation" not in out.decode()


def test_changing_ids_become_the_normalised_stream() -> None:
    changed = frames(
        streamed(
            (FIXTURES / "upstream/responses/text_ids_change.sse").read_bytes(), "responses", "responses"
        )[0]
    )
    wanted = frames((FIXTURES / "upstream/responses/text_ids_normalised.sse").read_bytes())

    def names(stream: list[dict[str, Any]]) -> str:
        ids = [frame["item"]["id"] for frame in stream if frame["type"] == "response.output_item.added"]
        ids.append(stream[0]["response"]["id"])
        text = json.dumps([{k: v for k, v in frame.items() if k != "obfuscation"} for frame in stream])
        for number, found in enumerate(ids):
            text = text.replace(json.dumps(found), f'"id{number}"')
        return text

    assert names(changed) == names(wanted)


def test_untouched_frames_keep_their_bytes() -> None:
    raw = (FIXTURES / "upstream/responses/text_ids_normalised.sse").read_bytes()
    out, _ = streamed(raw, "responses", "responses")
    sent_frames, got = raw.split(b"\n\n"), out.split(b"\n\n")
    same = [ours for ours, theirs in zip(got, sent_frames, strict=True) if ours == theirs]
    assert len(same) == len(got) - raw.count(b"obfuscation")


def test_a_cut_stream_ends_in_response_failed_with_what_was_whole() -> None:
    raw = (FIXTURES / "upstream/responses/function_call.sse").read_bytes().split(b"\n\n")
    out, translator = streamed(b"\n\n".join([*raw[:9], b""]), "responses", "responses", "cut")
    found = check_published_order(out)
    assert found[-1]["type"] == "response.failed"
    assert found[-1]["response"]["error"]["code"] == "server_error"
    assert [item["type"] for item in found[-1]["response"]["output"]] == ["message"]
    assert translator.facts.error


@pytest.mark.parametrize("leg", ["chat", "responses"])
def test_keep_alive_is_an_event_once_the_answer_began(leg: Any) -> None:
    plan = StreamPlan("responses", leg, model=MODEL)
    translator = TRANSLATION.stream(plan)
    assert translator.keep_alive() == b": keep-alive\n\n"
    name = "upstream/responses/function_call.sse" if leg == "responses" else "upstream/chat/gpt_tools.sse"
    parts = (FIXTURES / name).read_bytes().split(b"\n\n")
    out = b""
    for part in parts:
        out += translator.feed(part + b"\n\n")
        out += translator.keep_alive() if out and not translator.done else b""
    found = check_published_order(out, ours=leg == "chat")
    kinds = [frame["type"] for frame in found]
    assert kinds.count("response.in_progress") > len(parts) // 2


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("model_max_prompt_tokens_exceeded", "context_length_exceeded"),
        ("context_length_exceeded", "context_length_exceeded"),
        ("user_global_rate_limited:pro", "rate_limit_exceeded"),
        ("model_overloaded", "server_is_overloaded"),
        ("quota_exceeded", "insufficient_quota"),
        ("content_filter", "invalid_prompt"),
        ("cyber_policy", "cyber_policy"),
        ("anything", "server_error"),
        (None, "server_error"),
    ],
)
def test_errors_in_the_words_of_codex(code: str | None, said: str) -> None:
    raw = chat_sse(chunk("Hi"), {"error": {"message": "no", "code": code}})
    found = check_published_order(streamed(raw, "responses", "chat")[0])
    assert found[-1]["response"]["error"] == {"code": said, "message": "no"}


def test_a_call_that_was_cut_off_is_never_done() -> None:
    raw = chat_sse(chunk("Hi"), chunk(tools=[tool(0, id="c", name="rm", arguments='{"path":"/')]))
    out, _ = streamed(raw, "responses", "chat", "cut")
    found = check_published_order(out)
    assert [f["item"]["type"] for f in found if f["type"] == "response.output_item.done"] == ["message"]


def test_freeform_and_namespaced_calls_go_back_as_they_were_offered() -> None:
    request = {
        "model": "m",
        "input": "x",
        "tools": [
            {"type": "custom", "name": "apply_patch", "description": "d"},
            {
                "type": "namespace",
                "name": "agents",
                "description": "d",
                "tools": [{"type": "function", "name": "spawn"}],
            },
            {"type": "tool_search", "execution": "client", "parameters": {"type": "object"}},
        ],
    }
    value, made = sent(request, "responses", "chat")
    assert [t["function"]["name"] for t in value["tools"]] == ["apply_patch", "agents__spawn", "tool_search"]
    raw = chat_sse(
        chunk(tools=[tool(0, id="a", name="apply_patch", arguments='{"input":"*** Begin')]),
        chunk(tools=[tool(0, arguments=' Patch\\n"}')]),
        chunk(tools=[tool(1, id="b", name="agents__spawn", arguments="")]),
        chunk(tools=[tool(2, id="c", name="tool_search", arguments='{"query":"q"}')]),
        chunk(finish="tool_calls"),
        "[DONE]",
    )
    found = check_published_order(streamed(raw, "responses", "chat", context=made.context)[0])
    patch, spawn, search = found[-1]["response"]["output"]
    assert (patch["type"], patch["name"], patch["input"]) == (
        "custom_tool_call",
        "apply_patch",
        "*** Begin Patch\n",
    )
    assert (spawn["name"], spawn["namespace"], spawn["arguments"]) == ("spawn", "agents", "{}")
    assert (search["type"], search["arguments"]) == ("tool_search_call", {"query": "q"})
    deltas = [f["delta"] for f in found if f["type"] == "response.custom_tool_call_input.delta"]
    assert deltas == ["*** Begin Patch\n"]
    assert found[-1]["response"]["tools"] == request["tools"]


def test_reasoning_and_its_carrier_go_round() -> None:
    raw = chat_sse(
        chunk(reasoning_text="Let me "),
        chunk(reasoning_text="see."),
        chunk("Well"),
        chunk(reasoning_opaque="secret"),
        chunk(finish="stop"),
    )
    found = check_published_order(streamed(raw, "responses", "chat")[0])
    output = found[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["reasoning", "message", "reasoning"]
    request = {"model": MODEL, "input": ["Hi", *output, "go on"]}
    request["input"] = [
        {"role": "user", "content": item} if isinstance(item, str) else item for item in request["input"]
    ]
    turns = decode_request(request, RequestPlan("responses", "chat")).conversation.turns
    (thought,) = [block for block in turns[1].blocks if isinstance(block, Reasoning)]
    assert (thought.text, thought.carrier) == ("Let me see.", f"copilot-api:chat:{MODEL}:secret")


def native(*items: dict[str, Any], deltas: bool = True) -> bytes:
    """A Copilot-like stream of whole items; ids change at every event."""
    made: list[dict[str, Any]] = [
        {"type": "response.created", "response": {"id": "r0", "model": "m", "output": []}}
    ]
    for index, item in enumerate(items):
        made.append(
            {"type": "response.output_item.added", "output_index": index, "item": {**item, "id": "a"}}
        )
        if deltas and item["type"] == "message":
            made += [
                {
                    "type": "response.output_text.delta",
                    "item_id": f"x{number}",
                    "output_index": index,
                    "content_index": 0,
                    "delta": piece,
                }
                for number, piece in enumerate(item["content"][0]["text"])
            ]
        made.append({"type": "response.output_item.done", "output_index": index, "item": {**item, "id": "z"}})
    made.append(
        {"type": "response.completed", "response": {"id": "r9", "status": "completed", "output": list(items)}}
    )
    return sse(*({**frame, "sequence_number": number} for number, frame in enumerate(made)))


def said(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def message_text(stream: bytes) -> str:
    return "".join(
        json.loads(line[6:])["delta"].get("text", "")
        for line in stream.decode().split("\n")
        if line.startswith("data: ") and "content_block_delta" in line
    )


@pytest.mark.parametrize("deltas", [True, False])
def test_two_messages_are_not_glued_together(deltas: bool) -> None:
    out, _ = streamed(native(said("One."), said("Two."), deltas=deltas), "messages", "responses")
    assert message_text(out) == "One.\n\nTwo."


def test_what_came_only_in_the_last_event_is_not_lost() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
    last = {"type": "response.completed", "response": {"id": "r", "output": [said("Hi"), call]}}
    out, translator = streamed(sse(last), "messages", "responses")
    assert message_text(out) == "Hi"
    assert b'"partial_json":"{}"' in out
    assert translator.facts.finish_reason == "tool_calls"


def test_a_done_mark_means_nothing() -> None:
    raw = native(said("Hi")) + b"data: [DONE]\n\n"
    for dialect in ("responses", "messages"):
        out, translator = streamed(raw, dialect, "responses")  # type: ignore[arg-type]
        assert b"[DONE]" not in out
        assert translator.facts.error is None
    assert streamed(b"data: [DONE]\n\n", "responses", "responses")[1].refusal is not None


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
ITEMS = st.lists(
    st.one_of(
        st.builds(said, TEXT),
        st.builds(
            lambda value: {
                "type": "function_call",
                "call_id": "c",
                "name": "f",
                "arguments": json.dumps(value),
            },
            st.dictionaries(TEXT, TEXT, max_size=2),
        ),
        st.builds(
            lambda thought: {"type": "reasoning", "summary": [{"type": "summary_text", "text": thought}]},
            TEXT,
        ),
    ),
    min_size=1,
    max_size=4,
)


@given(ITEMS, st.lists(st.integers(0, 10**6), max_size=5), st.sampled_from(["responses", "messages"]))
def test_any_split_gives_the_same(items: list[Any], places: list[int], dialect: Dialect) -> None:
    raw = native(*items)
    whole, _ = streamed(raw, dialect, "responses")
    translator = TRANSLATION.stream(StreamPlan(dialect, "responses", 5, True, model=MODEL))
    edges = [0, *sorted(place % (len(raw) + 1) for place in places), len(raw)]
    pieces = [raw[start:end] for start, end in itertools.pairwise(edges)]
    assert b"".join(map(translator.feed, pieces)) + translator.finish("end") == whole


@given(
    st.lists(TEXT, max_size=4),
    st.lists(st.dictionaries(TEXT, TEXT, max_size=2), max_size=3),
    st.integers(1, 9),
)
def test_all_texts_and_arguments_arrive_whole(texts: list[str], calls: list[Any], size: int) -> None:
    made: list[Any] = [chunk(text) for text in texts]
    for index, arguments in enumerate(calls):
        written = json.dumps(arguments)
        made.append(chunk(tools=[tool(index, id=f"c{index}", name="t", arguments="")]))
        made += [
            chunk(tools=[tool(index, arguments=written[at : at + size])])
            for at in range(0, len(written), size)
        ]
    made.append(chunk(finish="stop"))
    found = check_published_order(streamed(chat_sse(*made, "[DONE]"), "responses", "chat")[0])
    output = found[-1]["response"]["output"]
    assert "".join(i["content"][0]["text"] for i in output if i["type"] == "message") == "".join(texts)
    assert [json.loads(i["arguments"]) for i in output if i["type"] == "function_call"] == calls
    deltas: dict[int, str] = {}
    for frame in found:
        if frame["type"] in ("response.output_text.delta", "response.function_call_arguments.delta"):
            deltas[frame["output_index"]] = deltas.get(frame["output_index"], "") + frame["delta"]
    whole = [i["content"][0]["text"] if i["type"] == "message" else i["arguments"] for i in output]
    assert [deltas[index] for index in range(len(output))] == whole
