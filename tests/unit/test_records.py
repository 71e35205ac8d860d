"""Records behave as the frozen dataclasses they stand in for."""

from __future__ import annotations

import pickle

import pytest

from copilot_api.records import field, fields, record, replace


@record
class Point:
    """A place."""

    x: int
    y: int = 0
    secret: str = field(default="s", repr=False, metadata={"help": "none"})

    @property
    def sum(self) -> int:
        """Of both."""
        return self.x + self.y

    @classmethod
    def origin(cls) -> Point:
        """Return the middle."""
        return cls(0)


@record
class Pair:
    x: int
    y: int
    secret: str = "s"


def test_values_are_given_by_place_or_name() -> None:
    assert (Point(1, 2).x, Point(y=2, x=1).y, Point(1).y, Point(1).secret) == (1, 2, 0, "s")
    assert Point(1, 2).sum == 3
    assert Point.origin() == Point(0)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        Point()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword"):
        Point(1, z=2)  # type: ignore[call-arg]


def test_equal_by_fields_and_kind() -> None:
    assert Point(1, 2) == Point(1, 2)
    assert Point(1, 2) != Point(1, 3)
    assert Point(1, 2) != Pair(1, 2)
    assert len({Point(1, 2), Point(1, 2), Point(1, 3)}) == 2


def test_a_repr_shows_no_secret() -> None:
    assert repr(Point(1, 2, "hush")) == "Point(x=1, y=2)"


def test_nothing_but_the_fields_can_be_stored() -> None:
    with pytest.raises(AttributeError):
        Point(1).z = 3  # type: ignore[attr-defined]
    assert not hasattr(Point(1), "__dict__")


def test_replace_changes_a_copy() -> None:
    first = Point(1, 2, "hush")
    assert replace(first, y=5) == Point(1, 5, "hush")
    assert first.y == 2
    with pytest.raises(TypeError):
        replace(first, z=1)


def test_fields_tell_the_declaration() -> None:
    assert [(each.name, each.default) for each in fields(Point)][1:] == [("y", 0), ("secret", "s")]
    assert fields(Point)[2].metadata == {"help": "none"}
    assert Point.__doc__ == "A place."
    assert Point.__qualname__ == "Point"


def test_copies_survive_pickling() -> None:
    assert pickle.loads(pickle.dumps(Point(1, 2))) == Point(1, 2)  # noqa: S301
