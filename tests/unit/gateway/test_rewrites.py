"""The rewrites' header: short, safe, complete in what it counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from copilot_api.gateway.rewrites import LONGEST_HEADER, header_value, lossy


def test_they_are_joined() -> None:
    assert header_value(()) == ""
    assert header_value(("dropped seed", "model a -> b: case")) == "dropped seed; model a -> b: case"


def test_what_does_not_fit_is_counted() -> None:
    value = header_value(tuple(f"dropped a member of the request, number {n}" for n in range(100)))
    shown = value.count("dropped")
    assert len(value) <= LONGEST_HEADER
    assert value.endswith(f"; {100 - shown} more")


@given(st.lists(st.text()))
def test_any_text_makes_a_safe_value(rewrites: list[str]) -> None:
    value = header_value(tuple(rewrites))
    assert len(value) <= LONGEST_HEADER
    assert all(" " <= letter <= "~" for letter in value)


def test_lossy_ones_are_told_by_how_they_begin() -> None:
    rewrites = ("dropped seed", "left out a tool", "max_tokens sent as max_completion_tokens", "merged turns")
    assert lossy(rewrites) == rewrites[:2]
