"""Metrics as text, read back by Prometheus' own parsers."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_plain

from copilot_api.http import process_metrics
from copilot_api.http.exposition import Family, Sample, is_wanted, labels, number, of_histogram, write

FAMILIES = (
    Family("a_build", "info", "What runs.", (Sample(1, labels(version="1")),)),
    Family("a_things", "counter", 'Back\\slash and\nline "end".', (Sample(3, labels(kind='x"\\\n')),)),
    Family("a_places", "gauge", "Places.", (Sample(0.5),)),
    Family("a_seconds", "histogram", "Times.", tuple(of_histogram((0.1, 1.0), (1, 2, 3), 7.5))),
    Family("b_seconds", "summary", "Times.", (Sample(0.25, "", "_sum"), Sample(2, "", "_count"))),
    Family("a_nothing", "gauge", "Nobody knows.", ()),
)


@pytest.mark.parametrize("open_metrics", [False, True], ids=["plain", "openmetrics"])
def test_both_formats_say_the_same(open_metrics: bool) -> None:
    text = write(FAMILIES, open_metrics=open_metrics)
    found = {each.name: each for each in (read_open if open_metrics else read_plain)(text)}
    samples = {
        (each.name, *each.labels.values()): each.value for one in found.values() for each in one.samples
    }
    assert samples == {
        ("a_build_info", "1"): 1,
        ("a_things_total", 'x"\\\n'): 3,
        ("a_places",): 0.5,
        ("a_seconds_bucket", "0.1"): 1,
        ("a_seconds_bucket", "1.0"): 3,
        ("a_seconds_bucket", "+Inf"): 6,
        ("a_seconds_sum",): 7.5,
        ("a_seconds_count",): 6,
        ("b_seconds_sum",): 0.25,
        ("b_seconds_count",): 2,
    }
    assert found["a_things"].type == "counter"
    assert found["a_things"].documentation.startswith("Back\\slash and\nline ")
    assert found["a_build" if open_metrics else "a_build_info"].type == ("info" if open_metrics else "gauge")


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", True),
        ("text/plain;version=0.0.4", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_who_asks_for_openmetrics(accept: str, wanted: bool) -> None:
    assert is_wanted(accept) == wanted


def test_numbers() -> None:
    assert [number(each) for each in (1, 0.1, math.inf, -math.inf, 2**53)] == [
        *("1", "0.1", "+Inf", "-Inf", "9007199254740992"),
    ]


def test_a_process_without_proc_still_has_its_cpu_time(tmp_path: Path) -> None:
    assert [each.name for each in process_metrics.families(tmp_path)] == ["process_cpu_seconds"]
