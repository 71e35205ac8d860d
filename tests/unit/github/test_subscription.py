"""Who pays, read from what GitHub answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot_api.github.subscription import read_subscription

AUTH = Path(__file__).resolve().parents[2] / "fixtures/upstream/auth"


@pytest.mark.parametrize(
    ("name", "plan", "payer", "unit"),
    [
        ("business_credits", "business", "the organisation acme, by your seat", "AI credits"),
        ("pro", "individual", "you, by your own subscription", "premium requests"),
        ("free", "free", "nobody", "premium requests"),
        ("exhausted", "individual", "you", "premium requests"),
    ],
)
def test_who_pays(name: str, plan: str, payer: str, unit: str) -> None:
    found = read_subscription((AUTH / f"copilot_user_{name}.json").read_bytes())
    assert found is not None
    assert found.plan == plan
    assert found.payer.startswith(payer)
    assert found.unit.startswith(unit)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"[" * 100_000])
def test_what_is_no_object_says_nothing(body: bytes) -> None:
    assert read_subscription(body) is None


@pytest.mark.parametrize(
    "body", [b"{}", b'{"login": 1, "copilot_plan": null, "organization_login_list": {}}']
)
def test_missing_members_are_empty(body: bytes) -> None:
    found = read_subscription(body)
    assert found is not None
    assert (found.login, found.plan, found.organisations) == ("", "", ())
