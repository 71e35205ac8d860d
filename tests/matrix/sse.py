"""Server-sent events, read strictly: one form of line end, no field that the dialect does not use."""

from __future__ import annotations

import json
from typing import Any


def frames(body: bytes, *, named: bool = False) -> list[dict[str, Any] | str]:
    """Return the data of each event, as JSON where it is JSON.

    `named`: each has an event name, which its ``type`` repeats.
    """
    text = body.decode().replace("\r\n", "\n")
    assert text.endswith("\n\n"), f"the stream does not end with a blank line: {text[-60:]!r}"
    found: list[dict[str, Any] | str] = []
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        if not lines:
            continue
        names = [line[7:] for line in lines if line.startswith("event: ")]
        data = [line[6:] for line in lines if line.startswith("data: ")]
        assert len(data) == 1, block
        assert len(lines) == len(names) + 1, block
        value: dict[str, Any] | str = json.loads(data[0]) if data[0].startswith("{") else data[0]
        if named:
            assert isinstance(value, dict), block
            assert names == [value["type"]], block
        else:
            assert not names, block
        found.append(value)
    return found
