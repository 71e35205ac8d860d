"""Client programs that are set up for another gateway than this one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.doctor.between import answering, listening
from tests.doctor.patient import Patient, named


@pytest.fixture
def on_a_port(patient: Patient) -> Patient:
    """A patient with a port, of which nobody else knows."""
    with listening(answering(b"")) as port:
        patient.flags["port"] = str(port)
    for name in ("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL"):
        patient.set(name, "")
    return patient


def claude(patient: Patient, **values: Any) -> Path:
    folder = patient.home / ".claude"
    folder.mkdir()
    env = {"ANTHROPIC_BASE_URL": f"http://localhost:{patient.flags['port']}", "ANTHROPIC_AUTH_TOKEN": "dummy"}
    path = folder / "settings.json"
    path.write_text(json.dumps({"env": env | {"ANTHROPIC_MODEL": "sonnet"} | values}), encoding="utf-8")
    return path


def test_what_is_set_up_rightly_is_fine(on_a_port: Patient) -> None:
    claude(on_a_port)
    assert not named(on_a_port.examine())


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"ANTHROPIC_BASE_URL": "http://localhost:1"}, "port 1"),
        ({"ANTHROPIC_MODEL": "claude-opus-0"}, "claude-opus-0, which the account does not have"),
    ],
)
def test_what_is_not_is_named_with_its_file_and_cure(
    on_a_port: Patient, values: dict[str, str], says: str
) -> None:
    path = claude(on_a_port, **values)
    wrong = named(on_a_port.examine())
    assert set(wrong) == {"client-misconfigured"}
    finding = wrong["client-misconfigured"]
    assert finding.says.startswith(f"Claude Code, {path}: ")
    assert says in finding.says
    assert finding.fix


def test_a_key_that_is_needed_and_missing(on_a_port: Patient) -> None:
    claude(on_a_port)
    on_a_port.flags["api_key"] = ["a-key-of-some-length-0123456789"]
    wrong = named(on_a_port.examine())
    assert set(wrong) == {"client-misconfigured"}
    assert "wants a key" in wrong["client-misconfigured"].says


def test_offline_models_are_not_judged(on_a_port: Patient) -> None:
    claude(on_a_port, ANTHROPIC_MODEL="claude-opus-0")
    on_a_port.answer("/models", 500, {"message": "no"})
    assert set(named(on_a_port.examine())) == {"github-fails"}
