"""The arithmetic of the usage box (compat.md 1.5, D-B6), with the recorded accounts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from copilot_api.cli import check_usage
from copilot_api.github.quota import read

AUTH = Path(__file__).parents[2] / "fixtures/upstream/auth"


def report(usage: Any) -> str:
    quota = read(json.dumps(usage).encode())
    assert quota is not None
    return check_usage.report(quota)


def snapshot(entitlement: Any, remaining: Any, percent: Any) -> dict[str, Any]:
    return {"entitlement": entitlement, "remaining": remaining, "percent_remaining": percent}


def line(value: Any, title: str = "Premium") -> str:
    usage = {"copilot_plan": "p", "quota_reset_date": "d", "quota_snapshots": {"premium_interactions": value}}
    return next(row.strip() for row in report(usage).split("\n") if row.strip().startswith(title))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (snapshot(300, 200, 66.7), "Premium: 100/300 used (33.3% used, 66.7% remaining)"),
        (snapshot(0, 0, 100), "Premium: 0/0 used (0.0% used, 100.0% remaining)"),
        (snapshot(300, -5, -1.7), "Premium: 305/300 used (101.7% used, -1.7% remaining)"),
        (snapshot("300", "200", "66.7"), "Premium: 100/300 used (33.3% used, 66.7% remaining)"),
        (snapshot(300, 200, None), "Premium: 100/300 used (33.3% used, N/A remaining)"),
        (snapshot(None, 1, 1), "Premium: N/A"),
        (None, "Premium: N/A"),
    ],
)
def test_d_b6_quota_line(value: Any, shown: str) -> None:
    assert line(value) == shown


@pytest.mark.parametrize("path", sorted(AUTH.glob("copilot_user_*.json")), ids=lambda path: path.stem)
def test_recorded_accounts(path: Path) -> None:
    usage = json.loads(path.read_text(encoding="utf-8"))
    text = report(usage)
    assert text.startswith(f"Copilot Usage (plan: {usage['copilot_plan']})\nQuota resets: ")
    assert [row.partition(":")[0].strip() for row in text.split("\n")[4:]] == [
        "Premium",
        "Chat",
        "Completions",
    ]
    if "free" in path.stem:
        assert "Premium: N/A" in text
        assert "Chat: N/A" not in text


def test_a_person_sees_bars() -> None:
    snapshots = {
        "premium_interactions": snapshot(300, 225, 75),
        "chat": snapshot(0, 0, 100) | {"unlimited": True},
    }
    quota = read(json.dumps({"copilot_plan": "p", "quota_snapshots": snapshots}).encode())
    assert quota is not None
    lines = check_usage.report(quota, bars=True).split("\n")
    assert lines[5] == f"    {'█' * 10}{'░' * 30}"
    assert lines[7] == "    no limit"
