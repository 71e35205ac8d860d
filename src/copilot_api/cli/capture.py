"""``copilot-api capture``: what ``start --capture`` kept, to look at and to give away."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import time
from pathlib import Path
from typing import Any

from copilot_api.capture.store import Kept, find, listed, place, read
from copilot_api.cli.main import Invocation
from copilot_api.cli.tables import aligned
from copilot_api.configuration import ConfigurationError, load
from copilot_api.github.credentials import data_directory
from copilot_api.redaction import MASK

_WORDS = "write capture list, capture show ID, capture export --har FILE [ID ...] or capture clear"
_LONGEST = 4000
"""Characters of a body that are shown."""
_NUMBERS = frozenset({4, 5, 6})


def run(invocation: Invocation) -> int:
    """Do what the words say."""
    words = invocation.parsed.positionals or ["list"]
    directory, age = where(invocation)
    if words == ["list"]:
        return _list(invocation, listed(directory, age))
    if words[0] == "show" and len(words) == 2:
        return _show(invocation, wanted(directory, words[1]))
    if words[0] == "export" and invocation.parsed.values.get("har"):
        chosen = [wanted(directory, word) for word in words[1:]] or listed(directory, age)[::-1]
        return _export(invocation, chosen, Path(str(invocation.parsed.values["har"])))
    if words == ["clear"]:
        kept = listed(directory)
        for each in kept:
            each.path.unlink(missing_ok=True)
        invocation.console.plain(f"{len(kept)} captures removed from {directory}")
        return 0
    raise ConfigurationError(_WORDS)


def where(invocation: Invocation) -> tuple[Path, float]:
    """Return where captures are and the seconds that they are good for."""
    home = data_directory(invocation.home)
    settings = load({}, os.environ, home).settings
    named = invocation.parsed.values.get("dir")
    return place(str(named) if named else settings.capture, home), settings.capture_age


def wanted(directory: Path, name: str) -> Kept:
    """Return the capture that a word means. Raises :class:`ConfigurationError`."""
    found = find(directory, name)
    if found is None:
        raise ConfigurationError(
            f"no capture {name} in {directory}; copilot-api capture list shows what is there,"
            " and copilot-api start --capture on keeps more"
        )
    return found


def opened(kept: Kept) -> dict[str, Any]:
    """Return a record. Raises :class:`ConfigurationError`."""
    try:
        return read(kept)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{kept.path} cannot be read: {error}") from None


def _list(invocation: Invocation, kept: list[Kept]) -> int:
    told = [_summary(each, opened(each)) for each in kept]
    if invocation.flag("json"):
        invocation.console.plain(json.dumps(told, indent=2, ensure_ascii=False))
        return 0
    if not told:
        invocation.console.plain("Nothing is captured; copilot-api start --capture on does")
        return 0
    rows = [("ID", "TIME", "REQUEST", "MODEL", "STATUS", "MS", "BYTES")]
    for each in told:
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(each["at"]))
        took = "" if each["duration_ms"] is None else f"{each['duration_ms']:.0f}"
        asked = f"{each['method']} {each['target']}"
        rows.append(
            (each["id"], moment, asked, each["model"], str(each["status"]), took, f"{each['bytes']:,}")
        )
    invocation.console.plain(aligned(rows, right=_NUMBERS))
    return 0


def _summary(kept: Kept, record: dict[str, Any]) -> dict[str, Any]:
    entry = record["entry"] or {}
    return {
        "id": record["id"],
        "time": record["time"],
        "at": kept.at,
        "method": record["request"]["method"],
        "target": record["request"]["target"],
        "model": entry.get("model", ""),
        "status": record["response"]["status"],
        "outcome": entry.get("outcome", ""),
        "duration_ms": record["duration_ms"],
        "bytes": kept.size,
    }


def _show(invocation: Invocation, kept: Kept) -> int:
    record = opened(kept)
    if invocation.flag("json"):
        invocation.console.plain(json.dumps(record, indent=2, ensure_ascii=False))
        return 0
    request, response = record["request"], record["response"]
    lines = [f"{record['id']}  {record['time']}  {kept.path}", ""]
    lines += _message(f"client: {request['method']} {request['target']}", request)
    for exchange in record["exchanges"]:
        call, answer = exchange["request"], exchange["response"]
        lines += _message(f"to Copilot: {call['method']} {call['url']}", call)
        status = answer["status"] or exchange["error"]
        lines += _message(f"from Copilot: {status}, after {_span(exchange)}", answer)
    lines += _message(f"to the client: {response['status']}, in {record['duration_ms']} ms", response)
    lines += _rewrites(record)
    invocation.console.plain("\n".join(lines).rstrip())
    return 0


def _span(exchange: dict[str, Any]) -> str:
    if exchange["head_ms"] is None or exchange["ended_ms"] is None:
        return "nothing"
    return (
        f"{exchange['head_ms'] - exchange['began_ms']:.0f} ms,"
        f" over after {exchange['ended_ms'] - exchange['began_ms']:.0f} ms"
    )


def _message(title: str, told: dict[str, Any]) -> list[str]:
    body = told["body"]
    text = body.get("text", f"({body['size']} bytes that are no text)")
    with contextlib.suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    more = len(text) - _LONGEST
    shown = f"{text[:_LONGEST]}\n… {more} characters more: --json shows all" if more > 0 else text
    cut = ["(the rest was not kept)"] if body["cut"] else []
    headers = [f"  {name}: {value}" for name, value in told["headers"]]
    return [f"── {title}", *headers, "", shown, *cut, ""]


def _rewrites(record: dict[str, Any]) -> list[str]:
    """Return what the gateway changed, in its words and as lines of the two bodies."""
    if not record["exchanges"]:
        return []
    sent = record["exchanges"][-1]["request"]["body"]
    lines = ["── what the gateway changed", record["rewrites"] or "(nothing that it tells clients of)", ""]
    before, after = (_lines(body) for body in (record["request"]["body"], sent))
    if before is not None and after is not None:
        lines += difflib.unified_diff(before, after, "client", "Copilot", lineterm="", n=1)
    return lines


def _lines(body: dict[str, Any]) -> list[str] | None:
    try:
        return json.dumps(json.loads(body.get("text", "")), indent=2, ensure_ascii=False).split("\n")
    except ValueError:
        return None


def _export(invocation: Invocation, chosen: list[Kept], path: Path) -> int:
    from copilot_api.capture.har import archive
    from copilot_api.private_files import replace_private

    if not chosen:
        raise ConfigurationError("nothing is captured; copilot-api start --capture on does")
    text = json.dumps(archive(opened(each) for each in chosen), indent=1, ensure_ascii=False)
    replace_private(path.expanduser(), text + "\n")
    invocation.console.plain(
        f"{len(chosen)} captures written to {path}. Credentials are masked ({MASK}), prompts and answers are"
        " not: look before you give it away"
    )
    return 0
