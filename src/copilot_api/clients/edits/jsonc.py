"""JSON with comments: where each value stands in the text, so that one can be changed and no other byte."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_BLANK = re.compile(r"(?:[ \t\r\n\ufeff]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_SCALAR = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"|[-+.\w]+')
_DEEPEST = 200

Step = str | Mapping[str, Any]
"""A member's name, or for a list the members by which an item is known."""
Path = tuple[Step, ...]


class NotJson(ValueError):
    """The text cannot be read; the message has the line."""


class Node:
    """A value and where it stands; `members` of an object, `items` of a list."""

    __slots__ = ("end", "items", "members", "start", "value")

    def __init__(self, start: int) -> None:
        self.start = start
        self.end = start
        self.value: Any = None
        self.members: list[tuple[str, int, Node]] | None = None
        """Name, where the name begins, value."""
        self.items: list[Node] | None = None

    def entries(self) -> list[tuple[int, Node]]:
        """Where each member or item begins, and its value."""
        if self.members is not None:
            return [(start, node) for _, start, node in self.members]
        return [(node.start, node) for node in self.items or ()]


def parse(text: str) -> Node:
    """Read a document; comments and trailing commas are allowed. Raises :class:`NotJson`."""
    node = _value(text, _skip(text, 0), 0)
    rest = _skip(text, node.end)
    if rest != len(text):
        raise _problem(text, rest, "nothing more was expected")
    return node


def find(node: Node, path: Path) -> Node | None:
    """Return the value at a path; of members with one name the last counts, as for every reader."""
    for step in path:
        found = _child(node, step)
        if found is None:
            return None
        node = found
    return node


def _child(node: Node, step: Step) -> Node | None:
    if isinstance(step, str):
        named = [value for name, _, value in node.members or () if name == step]
        return named[-1] if named else None
    for item in node.items or ():
        if isinstance(item.value, dict) and all(item.value.get(key) == step[key] for key in step):
            return item
    return None


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return at if found is None else found.end()


def _problem(text: str, at: int, what: str) -> NotJson:
    return NotJson(f"line {text.count(chr(10), 0, at) + 1}: {what}")


def _value(text: str, at: int, depth: int) -> Node:
    if depth > _DEEPEST:
        raise _problem(text, at, "nested too deeply")
    opening = text[at : at + 1]
    if opening in ("{", "["):
        return _container(text, at, depth, is_object=opening == "{")
    node = Node(at)
    node.value, node.end = _scalar(text, at)
    return node


def _scalar(text: str, at: int) -> tuple[Any, int]:
    found = _SCALAR.match(text, at)
    if found is None:
        raise _problem(text, at, "a value was expected")
    try:
        return json.loads(found.group()), found.end()
    except ValueError:
        raise _problem(text, at, "this is no value of JSON") from None


def _container(text: str, at: int, depth: int, *, is_object: bool) -> Node:
    node = Node(at)
    if is_object:
        node.value, node.members = {}, []
    else:
        node.value, node.items = [], []
    closing = "}" if is_object else "]"
    at = _skip(text, at + 1)
    while text[at : at + 1] != closing:
        at = _entry(text, at, depth, node)
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != closing:
            raise _problem(text, at, f"a comma or {closing} was expected")
    node.end = at + 1
    return node


def _entry(text: str, at: int, depth: int, node: Node) -> int:
    if node.members is None:
        item = _value(text, at, depth + 1)
        node.value.append(item.value)
        if node.items is not None:
            node.items.append(item)
        return item.end
    start = at
    name, at = _scalar(text, at)
    if not isinstance(name, str):
        raise _problem(text, start, "a member's name was expected")
    at = _skip(text, at)
    if text[at : at + 1] != ":":
        raise _problem(text, at, "a colon was expected")
    value = _value(text, _skip(text, at + 1), depth + 1)
    node.value[name] = value.value
    node.members.append((name, start, value))
    return value.end


def put(text: str, path: Path, value: Any) -> str:
    """Return the text with the value at the path, which is made where it is missing.

    Raises :class:`NotJson` where something else than an object or a list is in the way.
    """
    if not text.strip("\ufeff \t\r\n"):
        return json.dumps(_nested(path, value), indent=2, ensure_ascii=False) + "\n"
    node = parse(text)
    for at, step in enumerate(path):
        if (node.members if isinstance(step, str) else node.items) is None:
            raise _problem(text, node.start, f"{_shown(path[:at])} is not what `setup` can add to")
        found = _child(node, step)
        if found is None:
            return _insert(text, node, step, _nested(path[at + 1 :], value))
        node = found
    rendered = _render(value, _indent_of_line(text, node.start), _unit(text), _newline(text))
    return text[: node.start] + rendered + text[node.end :]


def drop(text: str, path: Path) -> str:
    """Return the text without the member or item at the path, if it is there."""
    root = parse(text)
    parent = find(root, path[:-1])
    node = find(root, path)
    if parent is None or node is None:
        return text
    entries = parent.entries()
    at = next(number for number, (_, each) in enumerate(entries) if each is node)
    start = entries[at][0]
    before = parent.start + 1 if at == 0 else entries[at - 1][1].end
    comma = _skip(text, node.end)
    blank = _blank_before(text, before, start)
    if text[comma] == ",":
        return _joined(text, text[:blank], text[comma + 1 :])
    cut = _joined(text, text[:blank], text[node.end :])
    if at == 0:
        return cut
    comma = _skip(text, before)
    return cut[:comma] + cut[comma + 1 :]


def _joined(text: str, left: str, right: str) -> str:
    """Join what remains: nothing may slip into a comment that ends with its line."""
    in_comment = "//" in left[left.rfind("\n") + 1 :]
    if in_comment and re.match(r"[ \t]*\r?\n", right) is None:
        return left + _newline(text) + right
    return left + right


def _blank_before(text: str, least: int, at: int) -> int:
    while at > least and text[at - 1] in " \t\r\n":
        at -= 1
    return at


def _nested(path: Path, value: Any) -> Any:
    for step in reversed(path):
        value = {step: value} if isinstance(step, str) else [value]
    return value


def _shown(path: Path) -> str:
    return ".".join(step if isinstance(step, str) else "item" for step in path) or "the file"


def _insert(text: str, node: Node, step: Step, value: Any) -> str:
    newline, unit = _newline(text), _unit(text)
    entries = node.entries()
    outer = _indent_of_line(text, node.start)
    first = entries[0][0] if entries else None
    in_line = first is not None and "\n" not in text[node.start : first]
    indent = outer + unit if first is None or in_line else _indent_of_line(text, first)
    inner = f"{json.dumps(step, ensure_ascii=False)}: " if isinstance(step, str) else ""
    inner += _render(value, indent, unit, newline)
    if first is None:
        return _insert_first(text, node, f"{newline}{indent}{inner}", f"{newline}{outer}")
    last = entries[-1][1].end
    comma = _skip(text, last)
    follows = text[comma] == ","
    at = comma + 1 if follows else last
    if not in_line:
        # A comment that stands behind the last value stays behind it.
        at = _end_of_line_comment(text, at)
    added = f" {inner}" if in_line else f"{newline}{indent}{inner}"
    if follows:
        return f"{text[:at]}{added},{text[at:]}"
    return f"{text[:last]},{text[last:at]}{added}{text[at:]}"


def _insert_first(text: str, node: Node, added: str, tail: str) -> str:
    closing = node.end - 1
    at = _blank_before(text, node.start + 1, closing)
    if at == node.start + 1:
        return text[:at] + added + tail + text[closing:]
    # Comments stand in it, which stay where they are.
    return text[:at] + added + text[at:] if "\n" in text[at:closing] else text[:at] + added + tail + text[at:]


def _end_of_line_comment(text: str, at: int) -> int:
    found = re.compile(r"[ \t]*(?://[^\n\r]*|/\*[^\n]*?\*/(?=[ \t]*\r?\n))").match(text, at)
    return at if found is None else found.end()


def _render(value: Any, indent: str, unit: str, newline: str) -> str:
    text = json.dumps(value, indent=unit, ensure_ascii=False)
    return text.replace("\n", newline + indent)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _indent_of_line(text: str, at: int) -> str:
    start = text.rfind("\n", 0, at) + 1
    found = re.compile(r"[ \t]*").match(text, start)
    return "" if found is None else found.group()[: at - start]


def _unit(text: str) -> str:
    found = re.search(r'\n([ \t]+)["{\[]', text)
    return found.group(1) if found else "  "
