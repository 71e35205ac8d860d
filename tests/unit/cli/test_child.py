"""The gateway of `run`: how its options reach it."""

from __future__ import annotations

from typing import Any

import pytest

from copilot_api.cli.arguments import parse
from copilot_api.cli.child import words
from copilot_api.cli.commands import start_flags
from copilot_api.configuration import load

GIVEN: tuple[dict[str, Any], ...] = (
    {},
    {"port": "8080", "verbose": True, "ledger": False},
    {"alias": ["a=gpt-4.1", "b=gpt-5.5"], "rate_limit": "2", "wait": True, "cache": "64M"},
)


@pytest.mark.parametrize("given", GIVEN)
def test_options_are_written_as_they_were_given(given: dict[str, Any], tmp_path: Any) -> None:
    settings = load(given, {}, tmp_path).settings
    parsed = parse(words(given, settings), start_flags())
    assert parsed.values == given
    assert not parsed.unknown


def test_secrets_are_on_no_command_line(tmp_path: Any) -> None:
    given = {"github_token": "ghu_secret", "api_key": ["key-one", "key-two"], "port": "1"}
    settings = load(given, {}, tmp_path).settings
    assert words(given, settings) == ["--port=1"]
