"""JSON with comments: what is put in, and nothing else, is what changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot_api.clients.edits import CannotEdit, withdraw
from copilot_api.clients.edits.json_edit import JsonEdit
from copilot_api.clients.edits.jsonc import NotJson, drop, find, parse, put

ITEM = {"name": "copilot-api"}

scalars = st.none() | st.booleans() | st.integers(-9, 10**6) | st.text(max_size=6)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


OBJECT = st.dictionaries(st.sampled_from(["env", "model", "a", "é"]), values, max_size=4)
LIST = st.lists(values, max_size=4)


@st.composite
def documents(draw: st.DrawFn, root: st.SearchStrategy[Any]) -> str:
    """A value as a person may have written it: comments, odd spaces, trailing commas, either newline."""
    value = draw(root)
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    blanks = ["", " ", newline, f"{newline}    ", f" // note, with {{ }}{newline}", "/* a , ] */", "\t"]

    def blank() -> str:
        return draw(st.sampled_from(blanks))

    def written(each: Any) -> str:
        if isinstance(each, dict):
            body = [f"{blank()}{json.dumps(key)}{blank()}:{blank()}{written(each[key])}" for key in each]
        elif isinstance(each, list):
            body = [blank() + written(item) for item in each]
        else:
            return json.dumps(each, ensure_ascii=draw(st.booleans()))
        comma = "," if body and draw(st.booleans()) else ""
        opening, closing = "{}" if isinstance(each, dict) else "[]"
        return opening + f"{blank()},".join(body) + comma + blank() + closing

    mark = draw(st.sampled_from(["", "\ufeff"]))
    return mark + blank() + written(value) + draw(st.sampled_from(["", newline, f" // end{newline}"]))


def test_reads_what_editors_read() -> None:
    text = '\ufeff// first\n{ /* a */ "a": [1, -2.5e3, "x\\u00e9//",], "b": {"c": null, }, }\n// last'
    assert parse(text).value == {"a": [1, -2500.0, "xé//"], "b": {"c": None}}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", 1),
        ('{\n"a": }', 2),
        ('{"a" 1}', 1),
        ('{"a": 1}\n\nx', 3),
        ('{\n\n"a": 1 "b": 2}', 3),
        ("{'a': 1}", 1),
        ('{"a": tru}', 1),
        ("{1: 2}", 1),
        ("", 1),
        ("[" * 400, 1),
        ('{"a": 1 /* never closed', 1),
    ],
)
def test_what_is_no_json_is_named_by_its_line(text: str, line: int) -> None:
    with pytest.raises(NotJson, match=f"^line {line}: "):
        parse(text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '{\n  "env": {\n    "A": "1"\n  }\n}\n'),
        ("{}", '{\n  "env": {\n    "A": "1"\n  }\n}'),
        ('{"a": 1}', '{"a": 1, "env": {\n    "A": "1"\n  }}'),
        ('{\n\t"a": 1 // one\n}\n', '{\n\t"a": 1, // one\n\t"env": {\n\t\t"A": "1"\n\t}\n}\n'),
        ('{\n  "a": 1, // one\n}\n', '{\n  "a": 1, // one\n  "env": {\n    "A": "1"\n  },\n}\n'),
        ('{\r\n  "env": {"B": 2}\r\n}', '{\r\n  "env": {"B": 2, "A": "1"}\r\n}'),
        ("{\n  // nothing yet\n}\n", '{\n  // nothing yet\n  "env": {\n    "A": "1"\n  }\n}\n'),
        ('{"env": {"A": 5 /* was */}}', '{"env": {"A": "1" /* was */}}'),
    ],
)
def test_the_form_of_the_file_is_kept(before: str, after: str) -> None:
    assert put(before, ("env", "A"), "1") == after


def test_an_item_of_a_list_is_known_by_its_members() -> None:
    text = '[\n  {"name": "x", "n": 1}, // mine\n]\n'
    added = put(text, (ITEM,), {**ITEM, "n": 2})
    assert parse(added).value == [{"name": "x", "n": 1}, {**ITEM, "n": 2}]
    assert added.startswith('[\n  {"name": "x", "n": 1}, // mine\n')
    assert parse(put(added, (ITEM,), {**ITEM, "n": 3})).value[1]["n"] == 3
    assert drop(added, (ITEM,)) == text


@settings(max_examples=50)
@given(documents(OBJECT))
def test_nothing_else_changes(text: str) -> None:
    before = parse(text).value
    try:
        changed, memo = JsonEdit([(("env", "A"), "1"), (("zz",), {"deep": [True]})]).apply(text)
    except CannotEdit:
        assert not isinstance(before.get("env", {}), dict)
        return
    expected = {**before, "env": {**before.get("env", {}), "A": "1"}, "zz": {"deep": [True]}}
    assert parse(changed).value == expected
    assert changed.count("note") == text.count("note")
    assert "\r" not in text.replace("\r\n", "") or "\r" in changed
    back, left = withdraw(changed, json.loads(json.dumps(memo)))
    assert parse(back).value == before
    assert left == ()
    # A second time there is nothing to do.
    assert JsonEdit([(("env", "A"), "1"), (("zz",), {"deep": [True]})]).apply(changed)[0] == changed


@settings(max_examples=50)
@given(documents(OBJECT), st.sampled_from(["env", "model", "a"]))
def test_a_member_is_taken_away_and_put_back(text: str, name: str) -> None:
    before = parse(text).value
    changed, memo = JsonEdit([((name,), None)]).apply(text)
    assert parse(changed).value == {key: value for key, value in before.items() if key != name}
    back, left = withdraw(changed, json.loads(json.dumps(memo)))
    assert parse(back).value == before
    assert left == ()


@settings(max_examples=50)
@given(documents(LIST))
def test_lists_keep_their_items(text: str) -> None:
    before = parse(text).value
    changed, memo = JsonEdit([((ITEM,), {**ITEM, "models": [{"id": "m"}]})]).apply(text)
    assert parse(changed).value == [*before, {**ITEM, "models": [{"id": "m"}]}]
    back, _ = withdraw(changed, json.loads(json.dumps(memo)))
    assert parse(back).value == before


def test_what_others_changed_since_is_left() -> None:
    text = '{\n  "env": {\n    "KEEP": "x"\n  }\n}\n'
    edit = JsonEdit([(("env", "A"), "1"), (("env", "B"), "2"), (("model",), "m")])
    changed, memo = edit.apply(text)
    theirs = changed.replace('"A": "1"', '"A": "theirs"').replace('"KEEP"', '"KEPT"')
    back, left = withdraw(theirs, memo)
    assert parse(back).value == {"env": {"KEPT": "x", "A": "theirs"}}
    assert left == ("env.A",)


def test_parents_that_were_made_go_when_they_are_empty() -> None:
    changed, memo = JsonEdit([(("a", "b", "c"), 1), (("a", "d"), 2)]).apply('{"x": 1}')
    assert withdraw(changed, memo)[0] == '{"x": 1}'
    more = put(changed, ("a", "b", "mine"), 3)
    assert parse(withdraw(more, memo)[0]).value == {"x": 1, "a": {"b": {"mine": 3}}}


@pytest.mark.parametrize("text", ['{"env": 3}', "[]", '"text"', '{"env": []}'])
def test_what_is_in_the_way_is_not_overwritten(text: str) -> None:
    with pytest.raises(CannotEdit):
        JsonEdit([(("env", "A"), "1")]).apply(text)


def test_of_equal_members_the_last_counts() -> None:
    text = '{"a": 1, "a": 2}'
    node = find(parse(text), ("a",))
    assert node is not None
    assert node.value == 2
    assert put(text, ("a",), 3) == '{"a": 1, "a": 3}'
