"""Metrics as text: Prometheus' exposition format, or OpenMetrics for those who ask for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from copilot_api.records import record

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

Kind = Literal["counter", "gauge", "histogram", "summary", "info"]

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


@record
class Sample:
    """One number. `labels` are as :func:`labels` writes them, `suffix` is what follows the family's name."""

    value: float
    labels: str = ""
    suffix: str = ""


@record
class Family:
    """All numbers of one name, which is without the ``_total`` of counters and the ``_info`` of facts."""

    name: str
    kind: Kind
    help: str
    samples: Sequence[Sample]


def labels(**values: object) -> str:
    """Write labels, without braces."""
    return ",".join(f'{name}="{str(value).translate(_ESCAPES)}"' for name, value in values.items())


def of_histogram(
    bounds: tuple[float, ...], counts: Sequence[int], total: float, given: str = ""
) -> Iterator[Sample]:
    """Give the samples of a histogram whose `counts` are of each bucket alone, the last of what is beyond."""
    before, seen = f"{given}," if given else "", 0
    for bound, count in zip((*bounds, math.inf), counts, strict=True):
        seen += count
        yield Sample(seen, f'{before}le="{number(float(bound))}"', "_bucket")
    yield Sample(total, given, "_sum")
    yield Sample(seen, given, "_count")


def number(value: float) -> str:
    """Write a number as both formats have it."""
    if isinstance(value, float) and math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)


def is_wanted(accept: str) -> bool:
    """Tell whether a scraper asks for OpenMetrics, by its ``Accept`` header."""
    return any(part.partition(";")[0].strip() == "application/openmetrics-text" for part in accept.split(","))


def write(families: Iterable[Family], *, open_metrics: bool) -> str:
    """Return the whole text."""
    lines: list[str] = []
    for family in families:
        suffix = {"counter": "_total", "info": "_info"}.get(family.kind, "")
        # OpenMetrics describes the family, the older format each name that samples have.
        described = family.name if open_metrics else family.name + suffix
        kind = "gauge" if family.kind == "info" and not open_metrics else family.kind
        help_text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
        lines.append(f"# HELP {described} {help_text}")
        lines.append(f"# TYPE {described} {kind}")
        for sample in family.samples:
            given = f"{{{sample.labels}}}" if sample.labels else ""
            lines.append(f"{family.name}{sample.suffix or suffix}{given} {number(sample.value)}")
    if open_metrics:
        lines.append("# EOF")
    return "\n".join(lines) + "\n"
