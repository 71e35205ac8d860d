"""Log lines for programs, and the file that they may go to (R-08, R-19, R-53)."""

from __future__ import annotations

import io
import json
import logging
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from copilot_api.cli.console import Console, install_logging
from copilot_api.cli.log_file import KEPT, LogFile
from copilot_api.gateway.failures import Failures, Trace, begin
from copilot_api.moments import iso
from copilot_api.redaction import Secret
from tests.unit.gateway.test_metrics import ENTRY


def console() -> tuple[Console, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    return Console({}, out=out, err=err), out, err


def records(*streams: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for stream in streams for line in stream.getvalue().splitlines()]


def of_json() -> tuple[Console, io.StringIO, io.StringIO]:
    made = console()
    made[0].use_json()
    return made


def test_every_line_is_an_object_with_time_level_event_and_message() -> None:
    subject, out, err = of_json()
    subject.info("a\nb")
    subject.success("b")
    subject.box("c")
    subject.plain("d")
    subject.warn("e")
    subject.debug("not shown")
    found = records(out, err)
    assert [(each["level"], each["message"]) for each in found] == [
        *(("info", "a\nb"), ("info", "b"), ("info", "c"), ("info", "d"), ("warning", "e")),
    ]
    assert all(list(each)[:4] == ["time", "level", "event", "message"] for each in found)
    assert len(out.getvalue().splitlines()) == 4


def test_requests_have_their_id() -> None:
    subject, out, _ = of_json()
    subject.arrived("POST", "/v1/messages?key=ghu_abcdefghijkl", "id-1")
    subject.answered("POST", "/v1/messages", 200, 0.0123, "id-1")
    subject.finished(ENTRY)
    came, began, over = records(out)
    assert (came["event"], came["request_id"], came["target"]) == (
        *("request.arrived", "id-1", "/v1/messages?key=[redacted]"),
    )
    assert (began["event"], began["status"], began["duration_ms"]) == ("request.answered", 200, 12.3)
    assert (over["event"], over["message"]) == ("request.finished", "complete")
    assert (over["request_id"], over["model"], over["nano_aiu"]) == ("r", "gpt-4.1", 5_000)
    assert "client" not in over, "what is not known is left out"


def test_records_have_their_fields_and_the_request_they_came_of() -> None:
    subject, out, err = of_json()
    install_logging(subject)
    trace = Trace("POST", '/v1/"x"')
    begin(trace)
    try:
        Failures().note("upstream_status", "it said no", 500, trace)
        logging.getLogger("copilot_api.upstream").info("something of %s", "upstream")
    finally:
        begin(None)
    told, said = records(err, out)
    assert told == {
        "time": told["time"],
        "level": "warning",
        "event": "failure",
        "message": "it said no",
        "request_id": trace.id,
        "class": "upstream_status",
        "origin": "upstream",
        "request": 'POST /v1/"x"',
        "status": 500,
    }
    assert (said["event"], said["request_id"], said["message"]) == (
        *("upstream", trace.id, "something of upstream"),
    )


def test_r08_r19_fields_are_clean() -> None:
    subject, _, err = of_json()
    subject.hide(Secret("value-of-a-secret"))
    subject.record(
        "warn", "x", "e", {"a": "value-of-a-secret", "b": "ghu_abcdefghijkl", "c": "\x1b[2J\u202e"}
    )
    (found,) = records(err)
    assert (found["a"], found["b"], found["c"]) == ("[redacted]", "[redacted]", "\\x1b[2J\\u202e")


def test_moments_are_iso_8601() -> None:
    assert iso(1_795_723_187.0625) == "2026-11-26T19:59:47.062Z"


def test_the_file_has_what_the_terminal_has_but_tokens(tmp_path: Path) -> None:
    subject, out, _ = console()
    path = tmp_path / "gateway.log"
    subject.also_to(LogFile(path, 0, lambda error: None))
    subject.info("a step")
    subject.answered("GET", "/x", 503, 0.001)
    subject.secret("Copilot token: tid=abc")
    subject.warn("a warning")
    with subject.in_background():
        subject.info("from a thread")
    lines = path.read_text("utf-8").splitlines()
    assert [line[25:] for line in lines] == [
        *("info  a step", "info  --> GET /x 503 1ms", "warn  a warning", "info  from a thread"),
    ]
    assert "tid=abc" in out.getvalue()
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_json_goes_to_the_file_as_it_goes_to_the_terminal(tmp_path: Path) -> None:
    subject, out, err = of_json()
    path = tmp_path / "gateway.log"
    subject.also_to(LogFile(path, 0, lambda error: None))
    subject.info("a")
    subject.arrived("GET", "/x", "id")
    subject.error("b")
    assert sorted(path.read_text("utf-8").splitlines()) == sorted(
        (out.getvalue() + err.getvalue()).splitlines()
    )


def test_the_file_rotates_and_keeps_a_few(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "log", 25, lambda error: None)
    for number in range(2 * KEPT + 6):
        print(f"line {number:4}", file=file, flush=True)
    file.close()
    newest = 2 * KEPT + 5
    assert (tmp_path / "log").read_text("utf-8") == f"line {newest - 1:4}\nline {newest:4}\n"
    assert (tmp_path / "log.1").read_text("utf-8") == f"line {newest - 3:4}\nline {newest - 2:4}\n"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["log", *(f"log.{n + 1}" for n in range(KEPT))]


def test_a_file_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n", "utf-8")
    file = LogFile(tmp_path / "log", 1000, lambda error: None)
    file.write("after\n")
    file.close()
    assert (tmp_path / "log").read_text("utf-8") == "before\nafter\n"


def test_r53_a_disk_that_takes_nothing_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject, _, err = console()
    complaints: list[OSError] = []

    def complain(error: OSError) -> None:
        complaints.append(error)
        subject.warn(f"the log file cannot be written: {error.strerror}")

    subject.also_to(LogFile(tmp_path / "log", 0, complain))

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        subject.info("a")
        subject.info("b")
    assert len(complaints) == 1
    assert "cannot be written: No space left" in err.getvalue()
    subject.info("c")
    assert (tmp_path / "log").read_text("utf-8").endswith("info  c\n")
