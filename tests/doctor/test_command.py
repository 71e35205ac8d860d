"""`copilot-api doctor` as a process: what it prints, how it ends, what it mends."""

from __future__ import annotations

import ast
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from copilot_api.doctor.causes import CAUSES
from copilot_api.doctor.findings import CHECKS, PAGE
from copilot_api.github.credentials import TokenFile, data_directory
from copilot_api.redaction import Secret
from copilot_api.simulator import SimulatorServer
from tests.support.process import GITHUB_TOKEN, GatewayProcess

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "http://127.0.0.1:9"


def command(home: Path, upstream: str, *words: str, **environment: str) -> tuple[list[str], dict[str, str]]:
    gateway = GatewayProcess(home, upstream, token=None, environment=environment)
    return [sys.executable, "-m", "copilot_api", "doctor", "--port", "0", *words], gateway.environment


def run(home: Path, upstream: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    arguments, environ = command(home, upstream, *words, **environment)
    return subprocess.run(
        arguments,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def healthy(home: Path) -> TokenFile:
    file = TokenFile(data_directory(home, {}))
    assert file.write(Secret(GITHUB_TOKEN))
    return file


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_healthy_is_exit_code_0(simulator: SimulatorServer, tmp_path: Path) -> None:
    healthy(tmp_path)
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    done = run(tmp_path, simulator.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Nothing is wrong." in done.stdout
    assert "\x1b" not in done.stdout
    assert GITHUB_TOKEN not in done.stdout
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before


def test_json_names_causes_that_do_not_change(simulator: SimulatorServer, tmp_path: Path) -> None:
    done = run(tmp_path, simulator.url, "--json", COPILOT_API_RATE_LIMIT="often")
    assert done.returncode == 1
    facts = told(done)
    assert facts["healthy"] is False
    wrong = {each["id"]: each for each in facts["findings"] if each["level"] == "problem"}
    assert set(wrong) == {"not-signed-in", "environment-bad-value"}
    assert wrong["not-signed-in"]["docs"] == f"{PAGE}#not-signed-in"
    assert facts["counts"]["problem"] == 2
    assert [each["check"] for each in facts["findings"]] == sorted(
        (each["check"] for each in facts["findings"]), key=list(CHECKS).index
    )


def test_offline_it_ends_and_says_so(tmp_path: Path) -> None:
    healthy(tmp_path)
    done = run(tmp_path, NOWHERE)
    assert done.returncode == 1
    assert "cannot be reached: Connection refused" in done.stdout
    assert "- account" in done.stdout


def test_warnings_alone_are_exit_code_0(simulator: SimulatorServer, tmp_path: Path) -> None:
    healthy(tmp_path)
    done = run(tmp_path, simulator.url, COPILOT_API_PROT="1")
    assert done.returncode == 0
    assert "no problems, 1 warning" in done.stdout


def test_modes_are_mended_if_that_is_wanted(simulator: SimulatorServer, tmp_path: Path) -> None:
    file = healthy(tmp_path)
    file.path.chmod(0o644)
    file.path.parent.chmod(0o755)
    facts = told(run(tmp_path, simulator.url, "--json"))
    mendable = {each["id"] for each in facts["findings"] if each["can_be_fixed"]}
    assert mendable == {"token-open-to-others", "data-open-to-others"}
    assert file.path.stat().st_mode & 0o777 == 0o644
    done = run(tmp_path, simulator.url, "--fix")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("Mended: ") == 2
    assert "Nothing is wrong." in done.stdout
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700


def test_on_a_terminal_progress_is_shown_and_wiped(simulator: SimulatorServer, tmp_path: Path) -> None:
    healthy(tmp_path)
    arguments, environ = command(tmp_path, simulator.url)
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            arguments, env=environ, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                break
            if not piece:
                break
            seen += piece
        assert process.wait(60) == 0
    finally:
        os.close(ours)
    text = seen.decode()
    assert re.search(r"\r\x1b\[K\d+ checks? done", text)
    progress, _, result = text.rpartition("\r\x1b[K")
    assert "checks done" not in result
    assert "Nothing is wrong." in result
    assert "Nothing is wrong." not in progress


# ------------------------------------------------------------------------------------------------ the page


def named_in_the_source() -> set[str]:
    names: set[str] = set()
    for path in (ROOT / "src/copilot_api").rglob("doctor/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in CAUSES:
                if path.name != "causes.py":
                    names.add(node.value)
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "found" and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    assert first.value in CAUSES, f"{path.name}: {first.value}"
    return names


def test_every_cause_can_be_found() -> None:
    assert set(CAUSES) == named_in_the_source()


def test_every_cause_has_its_section_in_the_part_of_its_check() -> None:
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    sections: dict[str, str] = {}
    part = ""
    for kind, title in re.findall(r"^(##|###) (.+)$", page, re.MULTILINE):
        if kind == "##":
            part = title
        else:
            assert title not in sections
            sections[title] = part
    titles = {check: title[0].upper() + title[1:] for check, title in CHECKS.items()}
    assert sections == {cause.name: titles[cause.check] for cause in CAUSES.values()}


@pytest.mark.parametrize("name", CAUSES)
def test_every_section_says_what_it_means_and_how_to_cure_it(name: str) -> None:
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    section = page.partition(f"### {name}\n")[2].partition("\n#")[0]
    assert "*Cure:*" in section
    assert ("A warning." in section) == (CAUSES[name].level == "warning")
    assert ("A note." in section) == (CAUSES[name].level == "note")


def test_names_are_anchors() -> None:
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in CAUSES)
    assert all(cause.check in CHECKS and cause.fix for cause in CAUSES.values())
