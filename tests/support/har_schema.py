"""What HAR 1.2 demands of an archive (http://www.softwareishard.com/blog/har-12-spec/): members and types."""

from __future__ import annotations

import re
from typing import Any

NUMBER = (int, float)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:\d\d)")

OBJECTS: dict[str, dict[str, Any]] = {
    "archive": {"log": "log"},
    "log": {"version": str, "creator": "creator", "entries": ["entry"]},
    "creator": {"name": str, "version": str},
    "entry": {
        "startedDateTime": MOMENT,
        "time": NUMBER,
        "request": "request",
        "response": "response",
        "cache": "cache",
        "timings": "timings",
    },
    "request": {
        "method": str,
        "url": str,
        "httpVersion": str,
        "cookies": ["pair"],
        "headers": ["pair"],
        "queryString": ["pair"],
        "headersSize": int,
        "bodySize": int,
    },
    "response": {
        "status": int,
        "statusText": str,
        "httpVersion": str,
        "cookies": ["pair"],
        "headers": ["pair"],
        "content": "content",
        "redirectURL": str,
        "headersSize": int,
        "bodySize": int,
    },
    "content": {"size": int, "mimeType": str},
    "pair": {"name": str, "value": str},
    "cache": {},
    "timings": {"send": NUMBER, "wait": NUMBER, "receive": NUMBER},
    "post": {"mimeType": str, "params": ["pair"], "text": str},
}
"""What must be there, by kind of object."""
OPTIONAL: dict[str, dict[str, Any]] = {
    "request": {"postData": "post", "comment": str},
    "content": {"text": str, "encoding": str, "comment": str, "compression": int},
    "entry": {"comment": str},
    "post": {"comment": str},
}


def problems(value: Any, kind: Any = "archive", path: str = "") -> list[str]:
    """Return what is wrong with an archive."""
    if isinstance(kind, list):
        if not isinstance(value, list):
            return [f"{path}: no list"]
        return [found for at, each in enumerate(value) for found in problems(each, kind[0], f"{path}[{at}]")]
    if isinstance(kind, re.Pattern):
        return [] if isinstance(value, str) and kind.fullmatch(value) else [f"{path}: {value!r}"]
    if not isinstance(kind, str):
        right = isinstance(value, kind) and not isinstance(value, bool)
        return [] if right else [f"{path}: {type(value).__name__}"]
    if not isinstance(value, dict):
        return [f"{path}: no object"]
    wanted, allowed = OBJECTS[kind], OPTIONAL.get(kind, {})
    found = [f"{path}: no {name}" for name in wanted.keys() - value.keys()]
    found += [f"{path}: {name}?" for name in value.keys() - wanted.keys() - allowed.keys()]
    for name, each in (wanted | allowed).items():
        if name in value:
            found += problems(value[name], each, f"{path}.{name}")
    return found
