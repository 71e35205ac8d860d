"""What is a difference between two answers, and what is only another text."""

from __future__ import annotations

import json

import pytest

from copilot_api.capture.comparing import FRAMED, LINES, Answer, differences, sequence


def whole(**members: object) -> Answer:
    return Answer(200, "application/json", json.dumps(members))


def stream(*events: object, end: str = "data: [DONE]\n\n") -> Answer:
    return Answer(200, FRAMED, "".join(f"data: {json.dumps(event)}\n\n" for event in events) + end)


def chunk(**delta: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": delta}]}


FINISH = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def told(before: Answer, after: Answer) -> list[tuple[str, str, str, bool]]:
    return [(each.what, each.before, each.after, each.grave) for each in differences(before, after)]


def test_the_same_is_the_same() -> None:
    assert told(whole(a=1), whole(a=1)) == []


def test_another_text_is_not_grave() -> None:
    assert told(whole(text="hello"), whole(text="bye")) == [("text", "17 characters", "15 characters", False)]


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (whole(a=1), Answer(500, "application/json", '{"a": 1}'), ("status", "200", "500", True)),
        (
            whole(a=1),
            Answer(200, "text/html", '{"a": 1}'),
            ("content type", "application/json", "text/html", True),
        ),
        (whole(a={"b": [1]}), whole(a={}), ("member a.b[]", "number", "missing", True)),
        (whole(a=1), whole(a=1, b=None), ("member b", "missing", "null", True)),
        (whole(a=[1, "x"]), whole(a=["x"]), ("member a[]", "number or text", "text", True)),
        (whole(a=True), whole(a=1), ("member a", "boolean", "number", True)),
    ],
)
def test_what_clients_trip_over(before: Answer, after: Answer, what: tuple[str, str, str, bool]) -> None:
    assert what in told(before, after)


def test_streams_are_the_same_however_the_text_is_cut() -> None:
    first = stream(chunk(content="a"), chunk(content="b"), FINISH)
    second = stream(chunk(content="abc"), FINISH)
    assert sequence(first) == sequence(second) == ["content", "finish", "[DONE]"]
    assert [each.grave for each in differences(first, second)] == [False]


def test_a_stream_without_its_end_differs() -> None:
    before, after = stream(chunk(content="a"), FINISH), stream(chunk(content="a"), FINISH, end="")
    assert ("order of events", "content finish [DONE]", "content finish", True) in told(before, after)


def test_events_with_types_are_told_by_them() -> None:
    answer = Answer(200, FRAMED, 'event: ping\r\ndata: {"type": "ping"}\r\n\r\ndata: {"type": "x"}\r\n\r\n')
    assert sequence(answer) == ["ping", "x"]


def test_lines() -> None:
    answer = Answer(200, LINES, '{"done": false}\n{"done": true}\n')
    assert sequence(answer) == ["chunk"]
    assert told(answer, Answer(200, LINES, '{"done": "yes"}\n'))[0][:3] == (
        "member chunk.done",
        "boolean",
        "text",
    )
