"""The lines that `start` ends with: addresses that work, and nothing that does not hold."""

from __future__ import annotations

from typing import Any

import pytest

from copilot_api.cli.banner import guide, listening
from copilot_api.settings import Settings

ADDRESS = ("127.0.0.1", 4141)


@pytest.mark.parametrize(
    ("options", "address", "line"),
    [
        ({}, ADDRESS, "http://localhost:4141/ (this machine only)"),
        ({"host": "LocalHost"}, ADDRESS, "http://localhost:4141/ (this machine only)"),
        ({"host": "127.0.0.2"}, ("127.0.0.2", 5), "http://127.0.0.2:5/ (this machine only)"),
        ({"host": "::"}, ("::", 5, 0, 0), "http://localhost:5/ (all interfaces)"),
        ({"host": "10.1.2.3"}, ("10.1.2.3", 5), "http://10.1.2.3:5/"),
        ({"host": "fd00::1", "tls_certificate": "x"}, ("fd00::1", 5, 0, 0), "https://[fd00::1]:5/"),
        ({"unix_socket": "/run/x"}, "/run/x", "/run/x (this user only)"),
        (
            {"host": "0.0.0.0", "no_auth": True},
            ("0.0.0.0", 5),
            "http://localhost:5/ (all interfaces, no key needed: anyone who reaches it spends your quota)",
        ),
    ],
)
def test_the_line_of_0_7_0(options: dict[str, Any], address: Any, line: str) -> None:
    assert listening(Settings(**options), address) == f"➜ Listening on: {line}"


def rows(settings: Settings, address: Any = ADDRESS) -> dict[str, str]:
    return dict(line.split("  ", 1) for line in guide(settings, address, 24))


def test_endpoints_and_what_to_do_next() -> None:
    found = {name: text.strip() for name, text in rows(Settings(budget=("20 credits/day",))).items()}
    assert found == {
        "OpenAI": "http://localhost:4141/v1",
        "Anthropic, Gemini, Ollama": "http://localhost:4141",
        "Models": "24, with limits and prices: copilot-api models",
        "Budget": "20 credits/day",
        "Dashboard": "http://localhost:4141/dashboard, or in the terminal: copilot-api top",
        "Clients": "copilot-api run claude, or for good: copilot-api setup claude",
    }


def test_nothing_that_is_off_is_named() -> None:
    assert "Dashboard" not in rows(Settings(dashboard=False))
    assert "Clients" not in rows(Settings(simulate=True)), "the simulator has its own lines"
    assert rows(Settings(unix_socket="/run/x"), "/run/x") == {}


def test_what_a_configuration_says_makes_no_lines_of_its_own() -> None:
    lines = guide(Settings(budget=("20 credits/day\nOpenAI http://evil",)), ADDRESS, 1)
    assert not any("\n" in line for line in lines)
