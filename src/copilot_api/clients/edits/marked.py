"""Lines of ours in files with ``#`` comments, between marks; lines in their way are kept as comments."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

BEGIN = "# >>> copilot-api setup >>>"
END = "# <<< copilot-api setup <<<"
KEPT = "# copilot-api setup put this aside: "

_BLOCK = re.compile(
    rf"^{re.escape(BEGIN)}[^\n]*\n.*?^{re.escape(END)}[^\n]*(?:\n|\Z)", re.DOTALL | re.MULTILINE
)


def put(
    text: str, head: Sequence[str], tail: Sequence[str], in_the_way: Callable[[str], bool], hint: str
) -> str:
    """Return the text with a block at its beginning and one at its end; either may be empty."""
    newline = "\r\n" if "\r\n" in text else "\n"
    mark, body = ("\ufeff", text[1:]) if text.startswith("\ufeff") else ("", text)
    lines = body.splitlines(keepends=True)
    body = "".join(KEPT + line if in_the_way(line) else line for line in lines)
    if head:
        body = _block(head, newline, hint) + body
    if tail:
        if body and not body.endswith("\n"):
            body += newline
        body += _block(tail, newline, hint)
    return mark + body


def take_out(text: str) -> str:
    """Return the text without our blocks, with what was put aside back in its place."""
    text = _BLOCK.sub("", text)
    return re.sub(rf"^{re.escape(KEPT)}", "", text, flags=re.MULTILINE)


def _block(lines: Sequence[str], newline: str, hint: str) -> str:
    return "".join(f"{line}{newline}" for line in (f"{BEGIN} {hint}", *lines, END))
