"""Flag forms of compat.md 1.3, with D-B8 cured."""

from __future__ import annotations

from typing import Any

import pytest

from copilot_api.cli.arguments import Flag, parse

FLAGS = (
    Flag("port", "p"),
    Flag("verbose", "v", boolean=True),
    Flag("wait", "w", boolean=True),
    Flag("rate-limit", "r"),
    Flag("github-token", "g"),
    Flag("api-key", many=True),
)


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("--port 8080", {"port": "8080"}),
        ("--port=8080", {"port": "8080"}),
        ("-p 8080", {"port": "8080"}),
        ("-p=8080", {"port": "8080"}),
        ("-vp 8080", {"verbose": True, "port": "8080"}),
        ("-p8080", {"port": "8080"}),
        ("--port", {"port": ""}),
        ("--port --verbose", {"port": "", "verbose": True}),
        ("--rate-limit -5", {"rate_limit": ""}),
        ("--no-verbose", {"verbose": False}),
        ("--verbose=false", {"verbose": False}),
        ("--verbose false", {"verbose": False}),
        ("--verbose true", {"verbose": True}),
        ("--rateLimit 5", {"rate_limit": "5"}),
        ("--githubToken t", {"github_token": "t"}),
        ("-p 1 -p 2", {"port": "2"}),
        ("-g a -g b", {"github_token": "b"}),
        ("--api-key a --api-key=b", {"api_key": ["a", "b"]}),
        ("-- --port 1", {}),
        ("-vw", {"verbose": True, "wait": True}),
    ],
)
def test_d_b8_forms(words: str, values: dict[str, Any]) -> None:
    parsed = parse(words.split(), FLAGS)
    assert parsed.values == values


def test_positionals_and_unknown_flags_are_kept_apart() -> None:
    parsed = parse(["word", "--verbose", "other", "--foo=1", "-z", "--", "-v"], FLAGS)
    assert parsed.positionals == ["word", "other", "-v"]
    assert parsed.unknown == ["--foo", "-z"]


def test_empty_token_is_an_empty_string() -> None:
    assert parse(["-g", ""], FLAGS).values == {"github_token": ""}
