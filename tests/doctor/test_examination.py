"""Checks that fail or hang themselves hold up nobody."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from copilot_api.doctor import fittings, surroundings
from copilot_api.doctor.examination import examine
from copilot_api.doctor.findings import Finding
from copilot_api.doctor.situation import Situation
from copilot_api.settings import Settings


def look(tmp_path: Path, ceiling: float) -> dict[str, Finding]:
    situation = Situation(Settings(port=0, simulate=True), {}, {}, tmp_path, tmp_path, ceiling=ceiling)
    examination = asyncio.run(examine(situation, []))
    return {each.check: each for each in examination.findings if each.level == "warning"}


def test_a_check_that_fails_is_told_and_the_others_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Situation) -> list[Finding]:
        raise RuntimeError("MarkOfASecret")

    monkeypatch.setattr(fittings, "ledger", fail)
    found = look(tmp_path, 60.0)
    assert set(found) == {"ledger"}
    assert found["ledger"].cause == "check-failed"
    assert "RuntimeError at line" in found["ledger"].says
    assert "test_examination.py" in found["ledger"].says
    assert "MarkOfASecret" not in found["ledger"].says


def test_a_check_that_hangs_is_given_up_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()

    def hang(_: Situation) -> list[Finding]:
        free.wait(100)
        return []

    monkeypatch.setattr(surroundings, "data", hang)
    try:
        found = look(tmp_path, 1.0)
    finally:
        free.set()
    # On a machine that is slow others may take too long as well.
    assert found["data"].cause == "check-timed-out"
