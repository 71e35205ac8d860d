"""Both engines find the same place where two requests part, and it is the place that was changed."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_api.engine.interfaces import Dialect
from copilot_api.engine.native.prefixes import NativePrefixes
from copilot_api.engine.prefix_interfaces import Prefixes, Turn
from copilot_api.engine.reference.prefixes import ReferencePrefixes
from tests.differential import strategies
from tests.differential.comparing import examples, no_time_limit, recorded_bodies, same
from tests.differential.pairs import DIALECTS
from tests.differential.strategies import spell

pytestmark = no_time_limit


class Both:
    """One session in both engines."""

    def __init__(self) -> None:
        self.engines: tuple[Prefixes, ...] = (ReferencePrefixes(), NativePrefixes())
        self.now = 0.0

    def says(
        self, body: bytes, dialect: Dialect, session: str = "s", model: str = "m", *, named: bool = True
    ) -> Turn | None:
        self.now += 1.0
        found = []
        for engine in self.engines:
            chain = engine.chain(body, dialect)
            turn = None if chain is None else engine.turn(session, named, model, chain, 7, self.now)
            found.append((chain is None, turn))
        same(*found, f"turn ({dialect})", body)
        return found[0][1]


TOOLS = [
    {"name": f"tool{number}", "description": f"does {number}", "input_schema": {"type": "object"}}
    for number in range(4)
]
MEMBERS: dict[str, Any] = {
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: 1"},
        {"type": "text", "text": "Be kind."},
    ],
    "tools": TOOLS,
    "thinking": {"type": "enabled", "budget_tokens": 2048},
    "messages": [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": [{"type": "text", "text": "hi"}]},
        {"role": "user", "content": [{"type": "text", "text": "and then?"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "that"}]},
    ],
}
GROWN: dict[str, Any] = MEMBERS | {
    "messages": [
        *MEMBERS["messages"],
        {"role": "user", "content": "so"},
        {"role": "user", "content": "be it"},
    ]
}


@examples(100)
@given(data=st.data(), spellings=st.tuples(strategies.seeds, strategies.seeds))
def test_the_place_that_was_changed_is_the_place_that_is_found(
    data: st.DataObject, spellings: tuple[int, int]
) -> None:
    places: dict[str, tuple[str, tuple[Any, ...]]] = {
        "system[0].text": ("billing_header", ("system", 0, "text")),
        "system[1].text": ("system", ("system", 1, "text")),
        "thinking.budget_tokens": ("parameter", ("thinking", "budget_tokens")),
    }
    for number in range(4):
        for member in ("description", "input_schema"):
            places[f"tools[{number}].{member}"] = ("tool_changed", ("tools", number, member))
        places[f"messages[{number}]"] = ("message", ("messages", number, "content"))
    path = data.draw(st.sampled_from(sorted(places)), label="path")
    cause, way = places[path]
    changed = copy.deepcopy(GROWN)
    inner: Any = changed
    for step in way[:-1]:
        inner = inner[step]
    inner[way[-1]] = "x-anthropic-billing-header: 2" if way[0] == "system" and way[1] == 0 else "another"
    both = Both()
    assert both.says(spell(MEMBERS, spellings[0]), "messages") is None
    turn = both.says(spell(changed, spellings[1]), "messages")
    assert turn is not None
    assert (turn.path, turn.change) == (path, cause)
    # And how it goes on from there is kept.
    again = both.says(spell(changed, spellings[0]), "messages")
    assert again is not None
    assert (again.path, again.change) == ("", "kept")


@examples(60)
@given(
    marks=st.lists(
        st.tuples(st.sampled_from(["system", "tools", "messages"]), st.integers(0, 3)), max_size=4
    ),
    life=st.sampled_from([{}, {"ttl": "5m"}, {"ttl": "1h"}]),
)
def test_marks_only_move(marks: list[tuple[str, int]], life: dict[str, str]) -> None:
    marked = copy.deepcopy(GROWN)
    for name, number in marks:
        entry = marked[name][number % len(marked[name])]
        if name == "messages":
            if isinstance(entry["content"], str):
                entry["content"] = [{"type": "text", "text": entry["content"]}]
            entry = entry["content"][-1]
        entry["cache_control"] = {"type": "ephemeral"} | life
    both = Both()
    both.says(spell(marked), "messages")
    turn = both.says(spell(GROWN), "messages")
    assert turn is not None
    assert (turn.path, turn.change, turn.was_marked, turn.is_marked) == ("", "kept", bool(marks), False)
    assert turn.hour is bool(marks and life.get("ttl") == "1h")


steps = st.lists(
    st.tuples(
        st.sampled_from(["tools", "system", "messages", "thinking"]),
        st.sampled_from(["drop", "twice", "turn", "change", "cut"]),
        st.integers(0, 5),
        st.sampled_from(["a", "a", "a", "b"]),
        st.sampled_from(["m", "m", "m", "n"]),
        st.booleans(),
    ),
    max_size=14,
)


@examples(100)
@given(steps=steps)
def test_a_session_of_any_requests(steps: list[tuple[str, str, int, str, str, bool]]) -> None:
    both = Both()
    value: Any = copy.deepcopy(MEMBERS)
    for name, act, number, session, model, named in steps:
        item = value.get(name)
        if act == "drop":
            value.pop(name, None)
        elif act == "change":
            value[name] = copy.deepcopy(MEMBERS[name]) if number else f"text {number}"
        elif isinstance(item, list) and item:
            if act == "twice":
                item.insert(number % len(item), copy.deepcopy(item[number % len(item)]))
            elif act == "turn":
                item.reverse()
            else:
                del item[number:]
        value.setdefault("messages", [{"role": "user", "content": str(number)}])
        both.says(json.dumps(value).encode(), "messages", session, model, named=named)


@pytest.mark.parametrize("dialect", DIALECTS)
@examples(25)
@given(data=st.data())
def test_any_requests_of_a_dialect(dialect: Dialect, data: st.DataObject) -> None:
    both = Both()
    for _ in range(3):
        both.says(data.draw(strategies.bodies(dialect), label="body"), dialect)


@examples(60)
@given(bodies=st.lists(strategies.documents, min_size=1, max_size=3), dialect=st.sampled_from(DIALECTS))
def test_any_json(bodies: list[bytes], dialect: Dialect) -> None:
    both = Both()
    for body in bodies:
        both.says(body, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_recorded_sessions(dialect: Dialect) -> None:
    both = Both()
    for name, body in recorded_bodies():
        if name.endswith(" body"):
            both.says(body, dialect)


def test_long_conversations_are_bounded_alike() -> None:
    both = Both()
    messages = [{"role": "user", "content": str(number)} for number in range(4200)]
    body = {"messages": messages}
    assert both.says(spell(body), "messages") is None
    messages.append({"role": "user", "content": "more"})
    turn = both.says(spell(body), "messages")
    # What stands behind the last hash counts into it.
    assert turn is not None
    assert (turn.change, turn.path) == ("last_message", "messages[4095]")
