"""The SSE grammar of compat.md 3.4 and R-22, case by case."""

from __future__ import annotations

import pytest

from copilot_api.engine.reference.sse import Event, FrameTooLarge, Parser, write


def parse(raw: bytes) -> list[Event]:
    parser = Parser()
    return parser.feed(raw) + parser.finish()


@pytest.mark.parametrize(
    ("raw", "data"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data: a\r\n\r\n", [b"a"]),
        (b"data: a\r\r", [b"a"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:   a \n\n", [b"a "]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b": comment\n\ndata: a\n\n", [b"a"]),
        (b"nonsense\nfoo: bar\ndata: a\n\n", [b"a"]),
        (b"data: a\xe2\x80\xa8b\n\n", ["a\u2028b".encode()]),
        (b"\n\n\n", []),
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
    ],
)
def test_grammar(raw: bytes, data: list[bytes]) -> None:
    assert [event.data for event in parse(raw)] == data


@pytest.mark.parametrize("raw", [b"data: a", b"data: a\n", b"data: a\r", b"data: a\r\n"])
def test_d_h11_last_event_without_its_empty_line(raw: bytes) -> None:
    assert [event.data for event in parse(raw)] == [b"a"]


def test_other_fields_are_kept_and_written_in_order() -> None:
    (event,) = parse(b"retry: 5\nid: 7\nevent: e\ndata: a\ndata: b\n\n")
    assert event == Event(data=b"a\nb", event=b"e", id=b"7", retry=b"5")
    written = write(b"a\nb", event=b"e", event_id=b"7", retry=b"5")
    assert written == b"event: e\ndata: a\ndata: b\nid: 7\nretry: 5\n\n"


def test_event_without_data_has_none() -> None:
    assert parse(b"event: ping\n\n") == [Event(event=b"ping")]


def test_r24_frame_limit() -> None:
    parser = Parser(frame_limit=1000)
    with pytest.raises(FrameTooLarge):
        for _ in range(20):
            parser.feed(b"x" * 100)
    assert Parser(frame_limit=1000).feed(b"data: " + b"x" * 900 + b"\n\n")


def test_r24_a_large_frame_in_small_pieces_is_read_whole() -> None:
    parser = Parser()
    body = b"x" * 4_000_000
    raw = b"data: " + body + b"\n\n"
    events = [event for at in range(0, len(raw), 1400) for event in parser.feed(raw[at : at + 1400])]
    assert [event.data for event in events] == [body]


@pytest.mark.parametrize(
    "raw",
    [
        b"data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n",
        b"data: a\rdata: b\r\rdata: c\r\r",
        b"\xef\xbb\xbfevent: e\ndata: a\n\n: comment\r\n\r\nid: 7\rdata: c\n\r\n",
        b"data: \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\r\n\n\rdata: b",
    ],
)
def test_r58_any_two_cuts_give_the_same_events(raw: bytes) -> None:
    whole = parse(raw)
    assert whole
    for first in range(len(raw) + 1):
        for second in range(first, len(raw) + 1):
            parser = Parser()
            events = parser.feed(raw[:first]) + parser.feed(raw[first:second]) + parser.feed(raw[second:])
            assert events + parser.finish() == whole, (first, second)


def test_r24_the_limit_is_16_mib() -> None:
    largest = b"x" * (16 * 1024 * 1024)
    parser = Parser()
    assert parser.feed(largest) == []
    with pytest.raises(FrameTooLarge):
        parser.feed(b"x")
