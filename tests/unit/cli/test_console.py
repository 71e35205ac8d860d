"""Levels, streams and masks of the terminal output (compat.md 1.4, 3.2; R-08, R-19)."""

from __future__ import annotations

import io
import logging

import pytest

from copilot_api.cli.console import Console, install_logging


def console(**environ: str) -> tuple[Console, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    verbose = bool(environ.pop("VERBOSE", ""))
    return Console(environ, verbose=verbose, out=out, err=err), out, err


def test_forms_when_piped() -> None:
    subject, out, err = console()
    subject.info("a")
    subject.success("b")
    subject.log("c")
    subject.debug("hidden")
    subject.warn("d")
    subject.error("e")
    assert out.getvalue() == "ℹ a\n✔ b\nc\n"
    assert err.getvalue() == "\n WARN  d\n\n\n ERROR  e\n\n"


@pytest.mark.parametrize(
    ("environ", "shown"),
    [
        ({"CONSOLA_LEVEL": "1"}, ""),
        ({"TEST": "1"}, ""),
        ({"NODE_ENV": "test"}, ""),
        ({"DEBUG": "1"}, "ℹ a\n⚙ b\n"),
        ({"VERBOSE": "1"}, "ℹ a\n⚙ b\n"),
        ({"CI": "1"}, "[info] a\n"),
    ],
)
def test_levels(environ: dict[str, str], shown: str) -> None:
    subject, out, _ = console(**environ)
    subject.info("a")
    subject.debug("b")
    assert out.getvalue() == shown


def test_request_lines_whatever_the_level() -> None:
    subject, out, _ = console(CONSOLA_LEVEL="0", NO_COLOR="1")
    subject.arrived("POST", "/v1/messages?beta=true")
    subject.answered("POST", "/v1/messages?beta=true", 200, 0.0123)
    subject.answered("GET", "/x", 404, 2.4)
    assert out.getvalue() == (
        "<-- POST /v1/messages?beta=true\n--> POST /v1/messages?beta=true 200 12ms\n--> GET /x 404 2s\n"
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "out", "coloured"),
    [
        ({}, Terminal(), True),
        ({"NO_COLOR": ""}, Terminal(), False),
        ({}, io.StringIO(), False),
        ({"FORCE_COLOR": "1"}, io.StringIO(), True),
        ({"FORCE_COLOR": "0"}, io.StringIO(), False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, Terminal(), False),
    ],
)
def test_status_is_coloured_on_a_terminal(environ: dict[str, str], out: io.StringIO, coloured: bool) -> None:
    Console(environ, out=out, err=io.StringIO()).answered("GET", "/", 503, 0.001)
    assert ("\x1b[31m503\x1b[0m" in out.getvalue()) is coloured


def test_r08_d_s3_tokens_are_masked_everywhere() -> None:
    subject, out, err = console(VERBOSE="1")
    install_logging(subject)
    secrets = ["ghu_abcdefghijkl", "gho_abcdefghijkl", "tid=abc;exp=1;8kp=1:mac", "github_pat_abcdefgh"]
    for secret in secrets:
        subject.info(f"token {secret} in a line")
        subject.arrived("GET", f"/x?key={secret}")
        logging.getLogger("copilot_api.test").error("failed with %s", secret)
        subject.box(f"box {secret}")
    text = out.getvalue() + err.getvalue()
    assert not [secret for secret in secrets if secret in text]
    subject.secret("Copilot token: tid=abc")
    assert "tid=abc" in out.getvalue()


def test_r19_control_characters_are_escaped() -> None:
    subject, out, _ = console(NO_COLOR="1")
    subject.info("model \x1b[2J\r forged")
    subject.arrived("GET", "/\n[info] forged")
    assert "\x1b" not in out.getvalue()
    assert "\r" not in out.getvalue()
    assert "\n[info] forged" not in out.getvalue()


def test_identical_lines_are_folded() -> None:
    subject, out, _ = console()
    for _ in range(9):
        subject.info("again")
    subject.info("other")
    assert out.getvalue() == "ℹ again\n" * 5 + "ℹ again (repeated 4 times)\nℹ other\n"
