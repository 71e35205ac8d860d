"""The report: ratios first, then all figures, then how they were made."""

from __future__ import annotations

from typing import Any

from .rows import OURS, ROWS, Goal, Medians, Row, medians
from .scenarios import GRACE, SCENARIOS
from .targets import TARGETS

NOTICEABLE = 1.05
"""A peer that is better by less than this is called equal: rounds differ by as much."""
TABLES: dict[str, tuple[tuple[str, str], ...]] = {
    "requests": (
        ("requests_per_second", "requests/s"),
        ("p50_ms", "p50 ms"),
        ("p99_ms", "p99 ms"),
        ("cpu_us", "CPU µs a request"),
        ("peak_mb", "peak MB"),
    ),
    "streams": (
        ("chunks_per_second", "chunks/s"),
        ("delivered_share", "delivered"),
        ("in_time_share", "within 100 ms"),
        ("first_token_p50_ms", "first token p50 ms"),
        ("first_token_p99_ms", "p99 ms"),
        ("delay_p50_ms", "a chunk's way p50 ms"),
        ("delay_p99_ms", "p99 ms"),
        ("cpu_us", "CPU µs a chunk"),
        ("peak_mb", "peak MB"),
    ),
    "start": (("start_s", "start to ready s"), ("idle_mb", "idle MB")),
}


def render(record: dict[str, Any]) -> str:
    """Return the report of a run as Markdown."""
    found = medians(record["runs"])
    names = [name for name in TARGETS if any(name in targets for targets in found.all.values())]
    parts = [_head(record), _verdicts(found), _peers(found, names), _skipped(record)]
    parts += [_table(record, found, name, names) for name in SCENARIOS if name in found.all]
    parts += [record.get("notes", ""), _method(record)]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


HEAD = """
# Gateways side by side

<!-- Written by python -m bench.gateway; do not edit. Own words go into bench/gateway/notes.md. -->

{when}, commit {commit}, {kind}. {cores} cores ({processor}), {memory}, {system}, kernel {kernel}; the
target, the pretend upstream and the load generator share the cores. {quiet}
"""
LOUD = 0.2
"""Cores that something else took while a figure was made: more is worth a word."""


def _head(record: dict[str, Any]) -> str:
    kind = "quick, for a look only" if record["quick"] else f"medians of {record['rounds']} rounds"
    return HEAD.format(
        kind=kind, quiet=_quiet(record), when=record["when"], commit=record["commit"], **record["machine"]
    )


def _quiet(record: dict[str, Any]) -> str:
    shares = [run["figures"]["others_cores"] for run in record["runs"] if "others_cores" in run["figures"]]
    loud = sum(share > LOUD for share in shares)
    if not loud:
        return "Nothing else took part of them worth a word."
    return f"**In {loud} of {len(shares)} runs something else took more than {LOUD:g} cores.**"


def _number(value: float | None, unit: str = "") -> str:
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:,.0f}{unit}"
    return f"{value:.3g}{unit}"


def _verdicts(found: Medians) -> str:
    lines = [
        "## What issue 4 asks",
        "",
        "| work | asked of ours | ours | | figures of ours (rounds) |",
        "| --- | --- | --- | --- | --- |",
    ]
    met = judged = 0
    for row in ROWS:
        if row.scenario not in found.all:
            continue
        goals = [judge(found, row.scenario, row.metric) for judge in row.goals]
        judged += sum(goal.met is not None for goal in goals)
        met += sum(goal.met is True for goal in goals)
        lines.append(_verdict(row, goals, found))
    return "\n".join([*lines, "", f"{met} of {judged} goals that could be judged are met."])


def _verdict(row: Row, goals: list[Goal], found: Medians) -> str:
    words = {True: "met", False: "**not met**", None: "not judged"}
    asked = ", ".join(goal.asked for goal in goals) or "-"
    measured = ", ".join(goal.measured for goal in goals) or "-"
    states = [words[goal.met] for goal in goals]
    state = states[0] if len(set(states)) == 1 else ", ".join(states)
    figure = _number(found.get(row.scenario, OURS, row.metric), row.unit)
    least, most = (found.get(row.scenario, OURS, f"{row.metric} {end}") for end in ("least", "most"))
    if least != most:
        figure += f" ({_number(least)} to {_number(most)})"
    return f"| {row.title} | {asked} | {measured} | {state} | {figure} |"


def _peers(found: Medians, names: list[str]) -> str:
    """Say plainly where another is better."""
    lines = []
    for row in ROWS:
        mine = found.get(row.scenario, OURS, row.metric)
        if mine is None:
            continue
        better = []
        for name in names:
            theirs = found.get(row.scenario, name, row.metric)
            if name in (OURS, "direct") or theirs is None or row.metric == "errors":
                continue
            first, second = (theirs, mine) if row.higher_is_better else (mine, theirs)
            if first > second * NOTICEABLE:
                share = f"{first / second:.2f}x" if second else "beyond measure"
                better.append((first / second if second else 1e9, f"{TARGETS[name].title} ({share})"))
        if better:
            lines.append(f"- {row.title}: {', '.join(text for _, text in sorted(better, reverse=True))}")
    if not any(OURS in targets for targets in found.all.values()):
        return ""
    words = "\n".join(lines) if lines else "Nowhere in these figures."
    return f"## Where others are better than ours\n\nBy more than 5 %, and by how much:\n\n{words}"


def _skipped(record: dict[str, Any]) -> str:
    if not record["skipped"]:
        return ""
    lines = [f"- {entry['target']}, {entry['scenario']}: {entry['reason']}" for entry in record["skipped"]]
    return "## Not measured\n\n" + "\n".join(dict.fromkeys(lines))


def _kind(figures: set[str]) -> str:
    if "start_s" in figures:
        return "start"
    return "requests" if "requests_per_second" in figures else "streams"


def _table(record: dict[str, Any], found: Medians, scenario: str, names: list[str]) -> str:
    targets = found.all[scenario]
    kind = _kind({metric for figures in targets.values() for metric in figures})
    present = [name for name in names if name in targets]
    columns = [
        (metric, title)
        for metric, title in TABLES[kind]
        if any(found.get(scenario, name, metric) is not None for name in present)
    ]
    titles = [title for _, title in columns]
    lines = [f"## {SCENARIOS[scenario].title}", "", f"{record['parameters'].get(scenario, '')}.", ""]
    lines += ["| target | " + " | ".join(titles) + " | errors |", "| --- |" + " ---: |" * (len(columns) + 1)]
    for name in present:
        cells = [_number(found.get(scenario, name, metric)) for metric, _ in columns]
        errors = found.get(scenario, name, "errors") or 0
        lines.append(f"| {TARGETS[name].title} | " + " | ".join(cells) + f" | {errors:,.0f} |")
    return "\n".join(lines + _errors(record, scenario) + _loads(found, scenario, present))


def _errors(record: dict[str, Any], scenario: str) -> list[str]:
    """Say once for each target what went wrong."""
    said: dict[str, str] = {}
    for run in record["runs"]:
        if run["scenario"] == scenario and run["figures"].get("reasons"):
            said.setdefault(run["target"], "; ".join(dict.fromkeys(run["figures"]["reasons"])))
    lines = [f"- {TARGETS[name].title}: {_plain(text)}" for name, text in said.items()]
    return ["", "What went wrong:", "", *lines] if lines else []


def _plain(text: str) -> str:
    clean = " ".join(text.split()).replace("|", "/").replace("`", "'")
    return clean if len(clean) < 300 else clean[:300] + "…"


def _loads(found: Medians, scenario: str, present: list[str]) -> list[str]:
    """Say how busy the harness and the rest of the machine were: a bottleneck outside the target shows."""
    greatest = {}
    for metric in ("upstream_cores", "generator_cores", "others_cores"):
        values = [(found.get(scenario, name, metric) or 0.0, name) for name in present]
        greatest[metric] = max(values, default=(0.0, ""))
    if not any(value for value, _ in greatest.values()):
        return []
    upstream, generator, others = greatest.values()
    text = (
        f"Most cores taken by the pretend upstream {upstream[0]:.2f} ({upstream[1]}), by the load generator "
        f"{generator[0]:.2f} ({generator[1]}), by all else on the machine {others[0]:.2f} ({others[1]})."
    )
    return ["", text]


METHOD = """
`make bench-gateway` is the same with a release build of the native module made first. Each scenario and
round starts a fresh pretend upstream and a fresh target; targets alternate within a round. Both tools are
`bench/load`: one thread each, in Rust, on bare sockets. Every answer must be whole, carry the number of its
own request, and its text must be undamaged; what is refused, cut, damaged, another's, or not over {grace:g}
s after its schedule is an error. CPU is that of the process tree (the scheduler's count, which user and
system time in /proc/PID/stat are cut from), RSS the sum of VmRSS over the tree, the peak of samples ten
times a second. *Delivered* is the share of all chunks that came no later than a second after the last was
due; *within 100 ms* the share that came within that time of when it was due, counted from when its request
was sent. *Added* is a figure less that of no proxy. A chunk's way is from the upstream's write to the
generator's read. A start is over when the first request succeeds: a small one to /v1/messages where there
is that. Runtimes that compile as they go are warmed up longer before requests are counted: {warming}. Not
measured: TLS, HTTP/2, Windows, macOS.
"""


def _method(record: dict[str, Any]) -> str:
    versions = [f"- {name}: {version}" for name, version in record["versions"].items()]
    slow = (target for target in TARGETS.values() if target.warming > 1)
    warming = ", ".join(f"{target.title} {target.warming:g} times" for target in slow)
    text = METHOD.strip().format(grace=GRACE, warming=warming)
    return "\n".join(["## How", "", f"    {record['command']}", "", text, "", "Versions:", "", *versions])
