"""TOML, YAML and ``.env``: blocks of ours between marks, and what they put aside."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot_api.clients.edits import CannotEdit, withdraw
from copilot_api.clients.edits.lines import EnvEdit, TomlEdit, YamlEdit, toml_value

TOML = TomlEdit(
    "(undo: …)",
    {"model_provider": "copilot-api", "model": "gpt-5.5", "model_context_window": 272000},
    {("model_providers", "copilot-api"): {"base_url": "http://localhost:4141/v1", "name": 'a "b" \\ c'}},
)
ENV = EnvEdit("(undo: …)", {"GEMINI_API_KEY": "dummy", "GEMINI_MODEL": "gemini-3"})
YAML = YamlEdit("(undo: …)", {"model": "openai/gpt-5", "openai-api-key": "dummy"})

CODEX = """\
# my settings
model = "o9" # the dear one
approval_policy = "never"
notify = [
  "a", # in a list
]

[model_providers.mine]
model = "not this one"
base_url = "https://example.com"

[profiles.x]
model_provider = "mine"
"""

names = st.sampled_from(["model", "model_provider", "name", "approval", "a-b"])
scalars = st.integers(0, 99) | st.booleans() | st.text(st.characters(codec="utf-8"), max_size=5)


@st.composite
def toml_documents(draw: st.DrawFn) -> str:
    """Root members and tables as a person may have written them."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))

    def lines(members: dict[str, Any]) -> list[str]:
        return [
            line
            for name, value in members.items()
            for line in (
                draw(st.sampled_from(["", "# note = 1", "  "])),
                (
                    f"{draw(st.sampled_from(['', '  ']))}{name} = {written(value)}"
                    f"{draw(st.sampled_from(['', ' # why']))}"
                ),
            )
        ]

    def written(value: Any) -> str:
        if isinstance(value, list):
            return f"[{newline}  " + f",{newline}  ".join(map(written, value)) + f"{newline}]"
        return str(value).lower() if isinstance(value, bool) else toml_value(value)

    members = st.dictionaries(names, scalars | st.lists(scalars, min_size=1, max_size=3), max_size=4)
    made = lines(draw(members))
    for table in draw(st.lists(st.sampled_from(["x", "y.z", "model_providers.mine"]), unique=True)):
        made += [f"[{table}]", *lines(draw(members))]
    return newline.join(made) + draw(st.sampled_from(["", newline]))


def test_toml_keeps_order_and_comments() -> None:
    changed, memo = TOML.apply(CODEX)
    for line in CODEX.splitlines():
        assert line in changed
    values = tomllib.loads(changed)
    assert values["model"] == "gpt-5.5"
    assert values["model_providers"]["mine"]["model"] == "not this one"
    assert values["model_providers"]["copilot-api"]["name"] == 'a "b" \\ c'
    assert withdraw(changed, memo) == (CODEX, ())


@settings(max_examples=50)
@given(toml_documents())
def test_toml_means_the_same_beside_ours(text: str) -> None:
    before = tomllib.loads(text)
    try:
        changed, memo = TOML.apply(text)
    except CannotEdit:
        # A value of ours that spans lines is none that Codex would take.
        assert any(isinstance(before.get(name), list) for name in ("model", "model_provider"))
        return
    after = tomllib.loads(changed)
    ours = after["model_providers"].pop("copilot-api")
    assert ours["base_url"] == "http://localhost:4141/v1"
    if not after["model_providers"]:
        del after["model_providers"]
    assert after == before | {
        "model_provider": "copilot-api",
        "model": "gpt-5.5",
        "model_context_window": 272000,
    }
    back = withdraw(changed, memo)[0]
    assert back in (text, f"{text}\n", f"{text}\r\n")
    assert TOML.apply(changed)[0] == TOML.apply(back)[0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("model = [\n", "cannot be read as TOML"),
        ('[model_providers.copilot-api]\nname = "mine"\n', "of its own"),
        ('model_providers = { x = { name = "x" } }\n', "write by hand: model_provider"),
        ('model = """\nlong\n"""\n', "write by hand: model_provider"),
    ],
)
def test_toml_that_cannot_be_changed_is_left(text: str, why: str) -> None:
    with pytest.raises(CannotEdit, match=why):
        TOML.apply(text)


def test_a_line_that_only_looks_like_ours_is_no_harm() -> None:
    text = 'note = """\nmodel = 1\n[table]\n"""\nmodel = "o9"\n'
    with pytest.raises(CannotEdit):
        TOML.apply(text)


env_lines = st.sampled_from(
    ["A=1", "export B='two words'", "# GEMINI_MODEL=x", "GEMINI_MODEL=old", "export GEMINI_API_KEY = k", ""]
)


@settings(max_examples=50)
@given(st.lists(env_lines, max_size=6), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_variables_are_put_aside_and_back(lines: list[str], newline: str, ended: bool) -> None:
    text = newline.join(lines) + (newline if ended and lines else "")
    changed, memo = ENV.apply(text)
    in_force = [line for line in changed.splitlines() if line and not line.startswith("#")]
    assert in_force[-2:] == ["GEMINI_API_KEY=dummy", "GEMINI_MODEL=gemini-3"]
    assert all(line in lines and "GEMINI" not in line for line in in_force[:-2])
    assert withdraw(changed, memo)[0] in (text, f"{text}\n", f"{text}\r\n")
    assert ENV.apply(changed)[0] == ENV.apply(withdraw(changed, memo)[0])[0]


def test_a_variable_over_several_lines_is_left() -> None:
    with pytest.raises(CannotEdit, match="spans lines"):
        ENV.apply('GEMINI_API_KEY="a\nb"\n')


yaml_parts = st.sampled_from(
    ["# a note\n", "model: o9\n", "dark-mode: true\n", "read:\n  - a.md\n  - b.md\n", "\n"]
)


@settings(max_examples=50)
@given(st.lists(yaml_parts, max_size=5, unique=True))
def test_yaml_members_are_put_aside_and_back(parts: list[str]) -> None:
    text = "".join(parts)
    changed, memo = YAML.apply(text)
    in_force = [line for line in changed.splitlines() if line.strip() and not line.startswith("#")]
    assert in_force[-2:] == ['model: "openai/gpt-5"', 'openai-api-key: "dummy"']
    assert "model: o9" not in in_force
    assert withdraw(changed, memo)[0] == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{model: x}\n", "not a plain YAML mapping"),
        ("- model\n", "not a plain YAML mapping"),
        ("a: 1\n---\nb: 2\n", "several YAML documents"),
        ("model: >\n  long\n", "spans lines"),
        ("model:\n\n  # why\n  - x\n", "spans lines"),
    ],
)
def test_yaml_that_cannot_be_changed_is_left(text: str, why: str) -> None:
    with pytest.raises(CannotEdit, match=why):
        YAML.apply(text)
