"""Rows that are test selections: how many distinct cases there are, and whether all pass."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from .records import ROOT
from .row import Measured

VARIANTS = ("native", "reference", "uvicorn", "stream", "whole", "plain", "http1", "h2", "tls")
"""Words in a test's id that say in which variation a case is run."""
NOTHING_COLLECTED = 5


@dataclass(frozen=True, slots=True)
class Ran:
    """What pytest or cargo said."""

    cases: set[str]
    passed: int
    failed: list[str]

    def measured(self, what: str, gate: int) -> Measured:
        """Judge it."""
        if not self.passed and not self.failed:
            return Measured("no such tests here", None)
        text = f"{len(self.cases)} {what}, {self.passed} cases passed, {len(self.failed)} failed"
        if self.failed:
            text += f" ({', '.join(self.failed[:3])}{' …' if len(self.failed) > 3 else ''})"
        return Measured(text, not self.failed and len(self.cases) >= gate)


def pytest(*selection: str) -> Ran:
    """Run a selection of the Python tests."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", f"--junitxml={report}", *selection]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode == NOTHING_COLLECTED or not report.exists():
            return Ran(set(), 0, [] if done.returncode == NOTHING_COLLECTED else ["pytest did not run"])
        cases: set[str] = set()
        failed: list[str] = []
        passed = 0
        for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it just now
            name = case.get("name", "")
            if case.find("failure") is not None or case.find("error") is not None:
                failed.append(name)
            elif case.find("skipped") is None:
                passed += 1
            else:
                continue
            cases.add(plain(name))
        return Ran(cases, passed, failed)


def plain(name: str) -> str:
    """Return a test's name without the variations in which it is run."""
    function, _, parameters = name.partition("[")
    kept = [word for word in parameters.rstrip("]").split("-") if word not in VARIANTS]
    return f"{function}[{'-'.join(kept)}]"


def cargo(package: str, word: str) -> tuple[int, list[str]]:
    """Run the Rust tests whose names contain a word. Return how many passed, and which failed."""
    command = ["cargo", "test", "--locked", "-p", package, word]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    passed = sum(int(count) for count in re.findall(r"test result: \S+ (\d+) passed", done.stdout))
    failed = re.findall(r"^test (\S+) \.\.\. FAILED", done.stdout, re.MULTILINE)
    if done.returncode and not failed:
        failed = ["cargo did not run"]
    return passed, failed


def upstream_faults() -> Measured:
    """Play every failure of upstream by name."""
    return pytest("-m", "upstream_faults", "tests/server").measured("failures by name", 60)


def process_faults() -> Measured:
    """Play every failure of the process and of the machine around it."""
    return pytest("-m", "process_faults", "tests").measured("faults by name", 20)


def secrets() -> Measured:
    """Look for tokens in everything that a client, a log or the disk shows."""
    ran = pytest("-m", "secrets", "tests")
    return ran.measured("scans", 1)


def framing() -> Measured:
    """Send every ambiguous request, raw, each with another behind it; let Rust do the same where it reads."""
    try:
        payloads = importlib.import_module("tests.e2e.test_framing").PAYLOADS
    except ImportError:
        return Measured("no table of payloads here", None)
    ran = pytest("-k", "r12", "tests/e2e", "tests/server")
    passed, failed = cargo("copilot-net", "r12")
    failures = [*ran.failed, *failed]
    refused = 0 if failures else len(payloads)
    text = (
        f"{refused} of {len(payloads)}, also over TLS ({ran.passed} Python and {passed} Rust tests passed"
        f"{'; failed: ' + ', '.join(failures[:3]) if failures else ''})"
    )
    return Measured(text, refused >= 50 and ran.passed > 0)
