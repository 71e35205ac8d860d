"""Calls of tools, cut and mixed (R-42)."""

from __future__ import annotations

import json

from tests.support.faults.cases import EVERY_LEG, WITH_TOOLS, Case, Fault
from tests.support.faults.legs import TEXT, Call, Leg, chat_tool
from tests.support.scripted_upstream import Script
from tests.support.upstream_steps import data, end, fin, head, pieces

TOOL = "write_file"
ARGUMENTS = {"path": 'C:\\new "é"', "text": "漢🚀\u2028\n\ttab", "nested": {"list": [1, -0.5, None, True]}}
ESCAPED = json.dumps(ARGUMENTS)
PLAIN = json.dumps(ARGUMENTS, ensure_ascii=False)


def _cut(text: str, size: int = 1) -> Call:
    return Call(TOOL, tuple(text[at : at + size] for at in range(0, len(text), size)))


def _calls(*calls: Call, size: int = 0) -> Case:
    def script(leg: Leg) -> Script:
        body = leg.parts(calls=calls).whole
        return (head(), pieces(body, size) if size else data(body), end())

    return Case(script, "whole", calls=calls)


def _interleaved(leg: Leg) -> Script:
    """The pieces of three calls by turns, as chat can send them."""
    calls = _INTERLEAVED
    parts = leg.parts(calls=calls)
    starts = [chat_tool(index, id=f"call_{index}", name=TOOL, arguments="") for index in range(len(calls))]
    longest = max(len(call.pieces) for call in calls)
    mixed = [
        chat_tool(index, arguments=call.pieces[at])
        for at in range(longest)
        for index, call in enumerate(calls)
        if at < len(call.pieces)
    ]
    texts = leg.parts().deltas
    return (head(), data(b"".join([*texts, *starts, *mixed, parts.finish, parts.end])), end())


_INTERLEAVED = (_cut(ESCAPED), _cut('{"a": "\\ud83d\\ude80"}'), _cut("{}"))

TOOLS: tuple[Fault, ...] = (
    Fault(
        "arguments one character a delta, pairs cut",
        "R-42",
        _calls(_cut(ESCAPED)),
        legs=EVERY_LEG,
        dialects=WITH_TOOLS,
    ),
    Fault(
        "arguments unescaped, one character a delta",
        "R-42",
        _calls(_cut(PLAIN)),
        legs=EVERY_LEG,
        dialects=WITH_TOOLS,
    ),
    Fault(
        "three calls behind each other, cut",
        "R-42 R-23",
        _calls(_cut(ESCAPED, 40), _cut(PLAIN, 9), _cut("{}", 2), size=61),
        legs=EVERY_LEG,
        dialects=WITH_TOOLS,
    ),
    Fault(
        "interleaved calls",
        "R-42",
        Case(_interleaved, "whole", calls=_INTERLEAVED),
        dialects=WITH_TOOLS,
    ),
    Fault(
        "fin within the arguments",
        "R-26 R-42",
        Case(
            lambda leg: (head(), data(b"".join(leg.parts(calls=(_cut(ESCAPED),)).broken[:-20])), fin()),
            "error",
            text=TEXT,
        ),
        legs=EVERY_LEG,
        dialects=WITH_TOOLS,
    ),
)
