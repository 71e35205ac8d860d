"""What passes of ``anthropic-beta``: upstream.md 6.3."""

from __future__ import annotations

import pytest

from copilot_api.copilot.betas import read

CLAUDE_CODE = (
    "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
    "advanced-tool-use-2025-11-20,effort-2025-11-24,structured-outputs-2025-12-15"
)


@pytest.mark.parametrize(
    ("header", "passed", "large"),
    [
        ("", (), False),
        (
            CLAUDE_CODE,
            (
                "interleaved-thinking-2025-05-14",
                "context-management-2025-06-27",
                "advanced-tool-use-2025-11-20",
            ),
            False,
        ),
        ("tool-search-tool-2025-10-19, tool-examples-2025-10-29", ("advanced-tool-use-2025-11-20",), False),
        ("context-1m-2025-08-07", (), True),
        (" Interleaved-Thinking-2025-05-14 ", ("interleaved-thinking-2025-05-14",), False),
        (
            "interleaved-thinking-2025-05-14,interleaved-thinking-2026-01-01",
            ("interleaved-thinking-2025-05-14",),
            False,
        ),
        ("interleaved-thinking-2025-05-14\r\nx-evil: 1", (), False),
        ("extended-cache-ttl-2025-04-11,oauth-2025-04-20", (), False),
    ],
)
def test_only_known_families_pass(header: str, passed: tuple[str, ...], large: bool) -> None:
    found = read(header)
    assert (found.passed, found.large_context) == (passed, large)
