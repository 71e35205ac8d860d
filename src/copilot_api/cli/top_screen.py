"""`top` on the screen: a look at the gateway as rich draws it, cut to the height that there is."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from copilot_api.cli.top_feed import Look, requests_per_minute
from copilot_api.ledger.entry import NANO_AIU_PER_CREDIT, NANO_AIU_PER_DOLLAR
from copilot_api.redaction import one_line

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

SILENT_MS, LONG_SILENT_MS = 10_000, 60_000
"""From here on a stream counts as silent, and as one that somebody should look at."""
_BAR = 16
_MOST_BUDGETS = 4
_NUMBERS = ("FOR", "TOKENS", "TOKENS/S", "SILENT", "INPUT", "OUTPUT", "CREDITS", "FIRST", "TOOK")
_WIDE = 80
"""Columns from which on there is room for everything."""
_LOW = 20
"""Lines below which a window has room for one budget."""
_MOST_RECENT = 12
_HEADINGS = 2
"""Lines of a table before its rows."""


def draw(look: Look, place: str, width: int, height: int, *, keys: str = "") -> RenderableType:
    """Return the look, cut to what there is room for; `keys` says which keys do what."""
    from rich.console import Group

    head: list[RenderableType] = [_title(look, place)]
    if look.live is None and look.overview is None:
        return Group(*head, "", look.problem or "Waiting for the gateway.", "", keys)
    head += [*_figures(look, width), *_quota(look), *_budgets(look, 1 if height < _LOW else _MOST_BUDGETS)]
    head += _failures(look)
    streams = look.live["streams"] if look.live else []
    room = height - len(head) - _HEADINGS - bool(keys)
    recent = min(_MOST_RECENT, len(look.recent), room // 2 - _HEADINGS)
    parts = [*head, _streams(streams, width, room - (recent + _HEADINGS if recent > 0 else 0))]
    if recent > 0:
        parts.append(_requests(look.recent[:recent], width))
    if keys:
        parts.append(_text(keys, "dim"))
    return Group(*parts)


def _title(look: Look, place: str) -> Text:
    from rich.text import Text

    state = _text("not reachable", "bold red") if look.problem else _text("running", "green")
    version = f" {look.version}" if look.version else ""
    line = Text.assemble(("copilot-api", "bold"), version, "  ", one_line(place), "  ", state)
    if look.problem:
        line.append(f"  {one_line(look.problem)}", "red")
    else:
        line.append(f"  {time.strftime('%H:%M:%S')}", "dim")
    return _in_one_line(line)


def _figures(look: Look, width: int) -> list[RenderableType]:
    """Return numbers with their names, as many to a line as there is room for."""
    from rich.text import Text

    live, told = look.live or {}, look.overview or {}
    today, month = told.get("today", {}), told.get("month", {})
    count, more = requests_per_minute(look, time.time())
    waiting = live.get("waiting", 0)
    rate = sum(each["rate"] for each in live.get("streams", ()))
    cells = (
        ("in flight", f"{live.get('in_flight', 0)} of {live.get('places', '?')}", ""),
        ("waiting", str(waiting), "yellow" if waiting else ""),
        ("tokens/s", f"{rate:,.0f}", ""),
        ("requests/min", f"{count}{'+' * more}", ""),
        ("today", _money(today.get("nano_aiu")), ""),
        ("requests", f"{today.get('requests', 0):,}", ""),
        ("failed", f"{today.get('failed', 0):,}", "red" if today.get("failed") else ""),
        ("month", _money(month.get("nano_aiu")), ""),
    )
    lines = [Text()]
    for name, value, style in cells:
        cell = Text.assemble((name, "dim"), " ", (value, f"bold {style}".strip()))
        if lines[-1] and len(lines[-1]) + 3 + len(cell) > width:
            lines.append(Text())
        if lines[-1]:
            lines[-1].append("   ")
        lines[-1].append_text(cell)
    return list(lines)


def _quota(look: Look) -> list[RenderableType]:
    """Return what is used of each allowance that has a limit."""
    told = look.quota or {}
    limited = [
        each for each in told.get("snapshots", ()) if not each["unlimited"] and each["entitlement"] > 0
    ]
    if not limited:
        return []
    parts = [f"{each['name']} {each['used']:g} of {each['entitlement']:g}" for each in limited]
    reset = f", resets {told['reset']}" if told.get("reset") else ""
    return [_in_one_line(_text(f"quota: {', '.join(parts)}{reset}"))]


def _budgets(look: Look, most: int) -> list[RenderableType]:
    from rich.text import Text

    lines: list[RenderableType] = []
    for each in (look.overview or {}).get("budgets", ())[:most]:
        share = each["share"]
        style = "red" if share >= 1 else "yellow" if share >= 0.8 else "green"
        filled = min(_BAR, round(share * _BAR))
        bar = (("━" * filled, style), ("━" * (_BAR - filled), "dim"))
        line = Text.assemble("budget ", *bar, f" {share:.0%} of {one_line(each['text'])}")
        lines.append(_in_one_line(line))
    return lines


def _failures(look: Look) -> list[RenderableType]:
    failed = {name: count for name, count in (look.failures or {}).items() if count}
    if not failed:
        return []
    told = ", ".join(f"{count} {name}" for name, count in sorted(failed.items(), key=lambda each: -each[1]))
    return [_in_one_line(_text(f"failures since start: {told}", "yellow"))]


def _streams(streams: Sequence[Mapping[str, Any]], width: int, room: int) -> RenderableType:
    from rich.console import Group

    if not streams:
        return Group("", _text("No stream runs.", "dim"))
    # Who is silent the longest comes first: that is whom one looks for.
    ordered = sorted(streams, key=lambda each: (-each["silent_ms"] // 1000, -each["age_ms"]))
    shown = ordered if len(ordered) <= room else ordered[: max(room - 1, 1)]
    table = _table([*map(_stream, shown)], () if width >= _WIDE else ("CLIENT", "KEY"))
    if len(shown) == len(ordered):
        return table
    return Group(table, _text(f"and {len(ordered) - len(shown)} more", "dim"))


def _stream(each: Mapping[str, Any]) -> dict[str, Text]:
    silent = each["silent_ms"]
    style = "bold red" if silent >= LONG_SILENT_MS else "yellow" if silent >= SILENT_MS else ""
    return {
        "MODEL": _text(each["model"], style),
        "CLIENT": _text(each["client"]),
        "KEY": _text(each["key"]),
        "FOR": _text(_duration(each["age_ms"])),
        "TOKENS": _text(f"{each['tokens']:,}"),
        "TOKENS/S": _text(f"{each['rate']:,.1f}"),
        "SILENT": _text(_duration(silent) if silent >= 1000 else "", style),
    }


def _requests(recent: Sequence[Mapping[str, Any]], width: int) -> RenderableType:
    return _table([*map(_request, recent)], () if width >= _WIDE else ("CLIENT", "INPUT", "OUTPUT", "FIRST"))


def _request(each: Mapping[str, Any]) -> dict[str, Text]:
    billed, first = each["nano_aiu"], each["first_byte_ms"]
    counts = ["" if each[name] is None else f"{each[name]:,}" for name in ("input_tokens", "output_tokens")]
    return {
        "LAST": _text(time.strftime("%H:%M:%S", time.localtime(each["at"]))),
        "MODEL": _text(each["model"] or each["asked"]),
        "CLIENT": _text(each["client"]),
        "OUTCOME": _text(each["outcome"], "" if each["outcome"] == "complete" else "red"),
        "INPUT": _text(counts[0]),
        "OUTPUT": _text(counts[1]),
        "CREDITS": _text("" if billed is None else f"{billed / NANO_AIU_PER_CREDIT:,.2f}"),
        "FIRST": _text("" if first is None else _duration(first)),
        "TOOK": _text(_duration(each["duration_ms"])),
    }


def _table(rows: Sequence[Mapping[str, Text]], without: Sequence[str]) -> RenderableType:
    """Return rows of one kind under their names, with an empty line before."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    names = [name for name in rows[0] if name not in without]
    for name in names:
        justify: Literal["left", "right"] = "right" if name in _NUMBERS else "left"
        table.add_column(f"\n{name}", justify=justify, no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*(row[name] for name in names))
    return table


def _text(words: object, style: str = "") -> Text:
    from rich.text import Text

    return Text(one_line(str(words)), style)


def _in_one_line(line: Text) -> Text:
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _money(nano: int | None) -> str:
    if nano is None:
        return "-"
    return f"{nano / NANO_AIU_PER_CREDIT:,.2f} credits (${nano / NANO_AIU_PER_DOLLAR:,.2f})"


def _duration(milliseconds: float) -> str:
    seconds = milliseconds / 1000
    if seconds < 10:
        return f"{seconds:.1f}s"
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"
