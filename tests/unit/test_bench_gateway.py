"""The benchmark's judgement: medians, goals, and that a peer who wins is named."""

from __future__ import annotations

from typing import Any

import pytest
from bench.gateway import report, rows
from bench.gateway.scenarios import SCENARIOS
from bench.gateway.targets import TARGETS


def run(scenario: str, target: str, **figures: float) -> dict[str, Any]:
    return {"scenario": scenario, "target": target, "round": 0, "figures": {"errors": 0, **figures}}


def goals(title: str, *runs: dict[str, Any]) -> list[bool | None]:
    row = next(row for row in rows.ROWS if row.title == title)
    found = rows.medians(list(runs))
    return [judge(found, row.scenario, row.metric).met for judge in row.goals]


def test_figures_are_medians_and_errors_the_worst() -> None:
    rounds = [run("small", "node", p50_ms=value) for value in (9.0, 1.0, 2.0)]
    rounds[1]["figures"]["errors"] = 7
    found = rows.medians(rounds)
    assert found.get("small", "node", "p50_ms") == 2.0
    assert found.get("small", "node", "errors") == 7
    assert found.get("small", "bun", "p50_ms") is None


def test_added_is_what_no_proxy_does_not_take() -> None:
    found = rows.medians([run("latency", "node", p50_ms=3.5), run("latency", "direct", p50_ms=0.5)])
    assert found.get("latency", "node", "added_p50_ms") == 3.0
    assert found.get("latency", "bun", "added_p50_ms") is None


@pytest.mark.parametrize(
    ("ours", "expected"), [(8000.0, [True, False, False]), (16000.0, [True, True, True])]
)
def test_a_ratio_is_judged_against_each_peer(ours: float, expected: list[bool]) -> None:
    peers = [run("small", name, requests_per_second=rate) for name, rate in
             (("node", 1000.0), ("bun", 10000.0), ("nginx", 30000.0))]  # fmt: skip
    mine = run("small", "native", requests_per_second=ours)
    assert goals("small chat requests, 32 connections", mine, *peers) == expected


def test_a_goal_without_the_peer_is_not_judged() -> None:
    assert goals("220 KB chat requests, 8 connections", run("big", "native", requests_per_second=9.0)) == [
        None,
        None,
    ]


def test_messages_are_judged_against_the_chat_streams_of_nginx() -> None:
    title = "CPU per chunk, 100 paced messages streams"
    nginx = run("chunks", "nginx", cpu_us=20.0)
    assert goals(title, run("chunks-messages", "native", cpu_us=30.0), nginx) == [True]
    assert goals(title, run("chunks-messages", "native", cpu_us=31.0), nginx) == [False]


def test_less_than_any_gateway_is_less_than_the_best() -> None:
    others = [run("streams-2000", "node", peak_mb=300.0), run("streams-2000", "bun-raised", peak_mb=100.0)]
    nginx = run("streams-2000", "nginx", peak_mb=50.0)
    title = "2,000 paced streams: peak RSS"
    assert goals(title, run("streams-2000", "native", peak_mb=99.0), nginx, *others) == [True]
    assert goals(title, run("streams-2000", "native", peak_mb=101.0), nginx, *others) == [False]


def test_one_lost_chunk_is_not_all() -> None:
    title = "1,000 paced streams: delivered in time"
    assert goals(title, run("streams-1000", "native", delivered_share=0.999999)) == [False]
    assert goals(title, run("streams-1000", "native", delivered_share=1.0)) == [True]


def test_the_report_names_who_is_better_and_what_is_missing() -> None:
    record = {
        "when": "now", "commit": "abc", "quick": False, "rounds": 3, "command": "python -m bench.gateway",
        "machine": {"cores": "2", "processor": "x", "memory": "1 GiB", "system": "s", "kernel": "k"},
        "versions": {"nginx": "1"},
        "parameters": {"small": "32 connections"},
        "skipped": [{"target": "LiteLLM", "scenario": "everything", "reason": "pip said no"}],
        "notes": "## Why\n\nBecause.",
        "runs": [
            run("small", "native", requests_per_second=100.0),
            run("small", "nginx", requests_per_second=400.0),
            run("small", "node", requests_per_second=90.0),
        ],
    }  # fmt: skip
    text = report.render(record)
    assert "- small chat requests, 32 connections: nginx (4.00x)\n" in text
    assert "- LiteLLM, everything: pip said no" in text
    assert "1.11 x node, no figure of bun, 0.25 x nginx" in text
    assert "Because." in text


def test_rows_and_targets_name_what_there_is() -> None:
    assert {row.scenario for row in rows.ROWS} == set(SCENARIOS)
    assert {*rows.GATEWAYS, rows.OURS} <= set(TARGETS)
