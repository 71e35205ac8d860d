"""Properties of what reads hostile text in Python (R-58): redaction, headers, configuration, token answers.

What is written in Rust too is fuzzed in `fuzz/`, and compared with the reference in `tests/differential`.
"""

from __future__ import annotations

import asyncio
import json
import math
import string
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot_api.configuration import Configuration, ConfigurationError, load
from copilot_api.copilot.headers import copilot_headers
from copilot_api.engine.interfaces import EngineError
from copilot_api.github import token_exchange
from copilot_api.redaction import MASK, Secret, printable, redact
from copilot_api.settings import Settings

EXAMPLES = settings(max_examples=150, deadline=None)
WORD = string.ascii_letters + string.digits

# ------------------------------------------------------------------------------------------------ redaction

MARK = "S3cr3tMark"
SHAPES = (
    *(f"gh{kind}_{MARK}0123456789" for kind in "opusr"),
    f"github_pat_11AAAA_{MARK}",
    f"tid={MARK};exp=1;sku=x:mac",
    f"sk-{MARK}-abcdef",
    f"Bearer {MARK}.abcdef",
    f"bearer {MARK}/+=",
    f"Authorization: token {MARK}",
)
AROUND = st.text(alphabet=" \t\n\"'`,;:=&?/()[]{}<>|\\%äß\U0001f600", max_size=4)


@EXAMPLES
@given(st.text(max_size=40), AROUND, st.sampled_from(SHAPES), AROUND, st.text(max_size=40))
def test_r58_no_secret_of_any_shape_survives_in_any_surrounding(
    before: str, left: str, secret: str, right: str, after: str
) -> None:
    # What ends in a letter or digit belongs to a longer word, which is no token.
    shown = redact(f"{before} {left}{secret}{right}{after}")
    assert MARK not in shown
    assert MASK in shown


@EXAMPLES
@given(st.text())
def test_r58_redaction_adds_nothing_but_masks_and_is_done_once(text: str) -> None:
    shown = redact(text)
    assert redact(shown) == shown
    kept = shown.split(MASK)
    position = 0
    for part in kept:
        position = text.index(part, position) + len(part)


@pytest.mark.parametrize(
    "piece", ["gho_", "tid=", "bearer ", "sk-", "github_pat_", "ghp_a", "authorization: token "]
)
def test_r58_redaction_takes_linear_work(piece: str) -> None:
    # A pattern that looked at everything again from each place would need hours for this.
    redact(piece * 200_000)


@EXAMPLES
@given(st.text())
def test_r58_nothing_printable_moves_the_cursor(text: str) -> None:
    shown = printable(text)
    assert not [sign for sign in shown if (ord(sign) < 32 or 127 <= ord(sign) < 160) and sign not in "\n\t"]
    assert not {"\u2028", "\u2029"} & set(shown)


# -------------------------------------------------------------------------------------------- header filter

ALLOWED = {
    "authorization",
    "anthropic-version",
    "content-type",
    "copilot-integration-id",
    "copilot-vision-request",
    "editor-plugin-version",
    "editor-version",
    "openai-intent",
    "user-agent",
    "x-github-api-version",
    "x-initiator",
    "x-vscode-user-agent-library-version",
}
LEGS = st.sampled_from(["chat", "messages", "responses", "embeddings"])


@EXAMPLES
@given(LEGS, st.sampled_from([None, "user", "agent"]), st.booleans(), st.text(alphabet=WORD, min_size=1))
def test_r58_only_allow_listed_header_names_go_upstream(
    leg: Any, initiator: Any, vision: bool, token: str
) -> None:
    sent = copilot_headers(Secret(token), editor_version="1.0", initiator=initiator, vision=vision, leg=leg)
    names = [name.lower() for name, _ in sent]
    assert set(names) <= ALLOWED
    assert len(names) == len(set(names))
    assert [value for name, value in sent if token in value and name == "Authorization"] == [
        f"Bearer {token}"
    ]


# -------------------------------------------------------------------------------------------- configuration

TOML_VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=True),
    st.text(max_size=20),
    st.lists(st.text(max_size=5), max_size=3),
)
NAMES = st.sampled_from(
    [*(name.replace("_", "-") for name in Settings.__annotations__), "no-such", "aliases"]
)


def loaded(directory: Path, flags: dict[str, Any], environ: dict[str, str]) -> Configuration | None:
    try:
        return load(flags, environ, directory)
    except ConfigurationError as error:
        text = str(error)
        assert text
        assert "\n" not in text
        return None


@EXAMPLES
@given(data=st.binary(max_size=80))
def test_r58_any_file_is_a_configuration_or_one_line(tmp_path_factory: Any, data: bytes) -> None:
    directory = tmp_path_factory.getbasetemp() / "r58-file"
    directory.mkdir(exist_ok=True)
    (directory / "config.toml").write_bytes(data)
    loaded(directory, {}, {})


@EXAMPLES
@given(options=st.dictionaries(NAMES, TOML_VALUES, max_size=4))
def test_r58_any_value_of_any_option_is_taken_or_refused_in_one_line(
    tmp_path_factory: Any, options: dict[str, Any]
) -> None:
    directory = tmp_path_factory.getbasetemp() / "r58-values"
    directory.mkdir(exist_ok=True)
    lines = [f"{name} = {toml(value)}\n" for name, value in options.items()]
    (directory / "config.toml").write_text("".join(lines), encoding="utf-8")
    configuration = loaded(directory, {}, {})
    if configuration is not None:
        port = configuration.settings.port
        assert 0 <= port <= 65535


@EXAMPLES
@given(values=st.dictionaries(NAMES, st.text(st.characters(codec="ascii"), max_size=20), max_size=4))
def test_r58_any_environment_is_taken_or_refused_in_one_line(
    tmp_path_factory: Any, values: dict[str, str]
) -> None:
    directory = tmp_path_factory.getbasetemp() / "r58-none"
    directory.mkdir(exist_ok=True)
    environ = {"COPILOT_API_" + name.replace("-", "_").upper(): value for name, value in values.items()}
    loaded(directory, {}, environ)


def toml(value: Any) -> str:
    if isinstance(value, float):
        return "nan" if math.isnan(value) else repr(value).replace("e", "E")
    return json.dumps(value).replace("\x7f", "\\u007f")


# -------------------------------------------------------------------------------------------- token answers

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
ANSWERS = JSON | st.fixed_dictionaries(
    {},
    optional={
        "token": st.just(f"tid={MARK}") | JSON,
        "refresh_in": JSON,
        "expires_at": JSON,
        "endpoints": JSON | st.fixed_dictionaries({"api": JSON}),
    },
)


@EXAMPLES
@given(answer=ANSWERS)
def test_r58_any_token_answer_is_a_grant_with_usable_numbers_or_an_engine_error(answer: Any) -> None:
    async def call_json(*_: Any) -> Any:
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_exchange, "call_json", call_json)
        try:
            grant = asyncio.run(
                token_exchange.exchange_token(SimpleNamespace(), Settings(), Secret("x"))  # type: ignore[arg-type]
            )
        except EngineError as error:
            assert MARK not in str(error)
            return
    assert grant.token
    assert MARK not in repr(grant)
    for number in (grant.refresh_in, grant.expires_at):
        assert number is None or (isinstance(number, float) and math.isfinite(number))
    assert grant.api_url is None or isinstance(grant.api_url, str)
