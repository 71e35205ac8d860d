"""The config file changed by a program: every other line stays as it was."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_api.cli.config_file import NotEditable, in_toml, keys, with_value, without

WRITTEN = """\
# Mine, do not touch.
port = 8080   # of the firewall # twice

budget = [  # two of them
  "20 credits/day",
  "key=ann: $5/month",
]
rate-limit = 5
editor_version = '''1.0 # no comment'''

# Short names.
[aliases]
fast = "gpt-5-mini"
port = "not the option"
"""


def test_a_value_is_replaced_where_it_stands_and_its_comment_stays() -> None:
    changed = with_value(WRITTEN, ("port",), 9090)
    assert changed == WRITTEN.replace("port = 8080   #", "port = 9090  #")


def test_a_value_of_several_lines_is_replaced_whole() -> None:
    changed = with_value(WRITTEN, ("budget",), ["1 credits/day"])
    lines = WRITTEN.split("\n")
    assert changed.split("\n") == [*lines[:3], 'budget = ["1 credits/day"]', *lines[7:]]


def test_the_spelling_of_the_file_is_kept() -> None:
    changed = with_value(WRITTEN, ("rate_limit", "rate-limit"), 7)
    assert changed == WRITTEN.replace("rate-limit = 5", "rate-limit = 7")


def test_of_two_spellings_the_one_that_counts_is_changed() -> None:
    changed = with_value("rate-limit = 5\nrate_limit = 6\n", ("rate_limit", "rate-limit"), 7)
    assert changed == "rate-limit = 5\nrate_limit = 7\n"


def test_a_hash_in_a_text_is_no_comment() -> None:
    changed = with_value(WRITTEN, ("editor_version",), "1.1")
    assert changed == WRITTEN.replace("'''1.0 # no comment'''", '"1.1"')


def test_a_new_key_goes_before_the_tables() -> None:
    changed = with_value(WRITTEN, ("wait",), True)
    assert changed == WRITTEN.replace("comment'''\n", "comment'''\nwait = true\n")
    before_table = '# Short names.\n[aliases]\nfast = "x"\n'
    assert with_value(before_table, ("wait",), True) == f"wait = true\n\n{before_table}"


@pytest.mark.parametrize("text", ["", "# only this\n", "\n"])
def test_a_file_without_keys_gets_one(text: str) -> None:
    assert with_value(text, ("port",), 1) == f"{text}port = 1\n"


def test_carriage_returns_stay() -> None:
    changed = with_value("a = 1\r\nport = 2\r\n", ("port",), 3)
    assert changed == "a = 1\r\nport = 3\r\n"


def test_a_key_is_taken_out_in_each_spelling() -> None:
    assert without("rate-limit = 5\nrate_limit = 6\nport = 1", ("rate_limit", "rate-limit")) == "port = 1\n"
    assert without(WRITTEN, ("budget",)) == "\n".join(WRITTEN.split("\n")[:3] + WRITTEN.split("\n")[7:])


def test_keys_of_tables_are_not_options() -> None:
    assert keys(WRITTEN) == ("port", "budget", "rate-limit", "editor_version")


@pytest.mark.parametrize("text", ["port = \n", "x y z"])
def test_what_is_no_toml_is_left_alone(text: str) -> None:
    with pytest.raises(NotEditable):
        with_value(text, ("port",), 1)


def test_what_would_change_more_than_the_key_is_refused() -> None:
    # A dotted key of the same table stands elsewhere: only a person knows what is meant.
    with pytest.raises(NotEditable, match="only a person"):
        with_value("aliases.fast = 'x'\naliases.slow = 'y'\n", ("aliases",), ["z"])


TEXTS = st.text(st.characters(exclude_categories=("Cs",)))
VALUES = st.one_of(
    st.booleans(), st.integers(0, 2**53), st.floats(0, 1e9), TEXTS, st.lists(TEXTS, max_size=3)
)


@given(VALUES, VALUES)
def test_every_value_comes_back(first: object, second: object) -> None:
    text = f"# before\nport = {in_toml(first)}  # after\n[aliases]\n"
    assert tomllib.loads(with_value(text, ("port",), second)) == {"port": second, "aliases": {}}
    assert with_value(text, ("port",), second).endswith("  # after\n[aliases]\n")
    assert tomllib.loads(with_value(text, ("other",), second)) == {
        "port": first,
        "other": second,
        "aliases": {},
    }
    assert without(text, ("port",)) == "# before\n[aliases]\n"
