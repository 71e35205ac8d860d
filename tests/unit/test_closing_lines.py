"""What tools/run_tests.py and tools/fuzz.py keep of their runners' output: enough to find a failure by."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"

PYTEST = """\
........................................................................ [ 99%]
=================================== FAILURES ===================================
_______________________________ test_frames[chat] ______________________________
[gw0] linux -- Python 3.11.7 /venv/bin/python

pair = Pair(gateway=1)

    def test_frames(pair: Pair) -> None:
>       assert many <= few + 1
E       assert 5 <= (3 + 1)

tests/server/test_gateway_loop.py:74: AssertionError
=========================== short test summary info ============================
SKIPPED [2] tests/server/conftest.py:20: only there
ERROR tests/e2e/test_asgi.py::test_serves - RuntimeError: td
FAILED tests/server/test_gateway_loop.py::test_frames[chat] - assert 5 <= (3 + 1)
============ 1 failed, 3565 passed, 37 skipped in 105.46s (0:01:45) ============
"""
PYTEST_KEPT = [
    "_______________________________ test_frames[chat] ______________________________",
    ">       assert many <= few + 1",
    "E       assert 5 <= (3 + 1)",
    "tests/server/test_gateway_loop.py:74: AssertionError",
    "ERROR tests/e2e/test_asgi.py::test_serves - RuntimeError: td",
    "FAILED tests/server/test_gateway_loop.py::test_frames[chat] - assert 5 <= (3 + 1)",
    "============ 1 failed, 3565 passed, 37 skipped in 105.46s (0:01:45) ============",
]

CARGO = """\
     Running unittests src/lib.rs (target/debug/deps/core-1)

running 3 tests
test sse::lines ... ok
test sse::cuts ... FAILED
test sse::later ... ignored

failures:

---- sse::cuts stdout ----

thread 'sse::cuts' (12) panicked at crates/core/src/sse.rs:9:5:
assertion `left == right` failed
  left: 1
 right: 2
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace


failures:
    sse::cuts

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

error: 1 target failed:
    `-p copilot-core --lib`
"""
CARGO_KEPT = [
    "thread 'sse::cuts' (12) panicked at crates/core/src/sse.rs:9:5:",
    "assertion `left == right` failed",
    "  left: 1",
    " right: 2",
    "test sse::cuts ... FAILED",
    "error: 1 target failed:",
    "    `-p copilot-core --lib`",
    "test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
]

FUZZED = """\
INFO: Seed: 172413832
#26\tINITED cov: 460 ft: 944 corp: 25/1079b exec/s: 0 rss: 32Mb
#11469\tNEW    cov: 3223 ft: 9674 corp: 666/73Kb lim: 205 exec/s: 2867 rss: 37Mb L: 74/205 MS: 1 CopyPart-
"""
PASSED = """\
#21387\tDONE   cov: 3223 ft: 9674 corp: 666/73Kb lim: 205 exec/s: 4277 rss: 37Mb
Done 21387 runs in 5 second(s)
stat::number_of_executed_units: 21387
stat::average_exec_per_sec:     4277
"""
FAILED = """\

thread '<unnamed>' (6723) panicked at src/request_screen.rs:80:26:
[200, 400]
stack backtrace:
   0: __rustc::rust_begin_unwind
==6723== ERROR: libFuzzer: deadly signal
SUMMARY: libFuzzer: deadly signal
0xd,0x3,
\\015\\003
artifact_prefix='artifacts/x-'; Test unit written to artifacts/x-crash-01ea
Base64: DQM=
stat::number_of_executed_units: 11470
stat::average_exec_per_sec:     2867
"""


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(TOOLS)
    return importlib.import_module("run_tests")


@pytest.fixture
def fuzz(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(TOOLS)
    return importlib.import_module("fuzz")


@pytest.mark.parametrize(
    ("suite", "output", "kept"), [("python", PYTEST, PYTEST_KEPT), ("rust", CARGO, CARGO_KEPT)]
)
def test_causes_names_and_results_are_kept(
    runner: ModuleType, suite: str, output: str, kept: list[str]
) -> None:
    assert runner.closing_lines(runner.RUNNERS[suite], output.splitlines(keepends=True)) == kept


def test_of_many_failures_the_first_are_kept_and_the_result(runner: ModuleType) -> None:
    failed = [f"FAILED tests/test_a.py::test_{number} - no\n" for number in range(1000)]
    *kept, count, result = runner.closing_lines(
        runner.RUNNERS["python"], [*failed, "=== 1 failed in 1.0s ==="]
    )
    assert kept == [line.rstrip() for line in failed[: runner.MOST]]
    assert count == f"({1000 - runner.MOST} lines more)"
    assert result == "=== 1 failed in 1.0s ==="


def test_a_runner_without_a_result_leaves_its_last_words(runner: ModuleType) -> None:
    output = [*map(str, range(100)), "error: could not compile `copilot-core`"]
    kept = runner.closing_lines(runner.RUNNERS["rust"], output)
    assert kept == ["error: could not compile `copilot-core`", *output[-runner.LAST :], "no result"]


def test_a_panic_that_failed_no_test_is_not_kept(runner: ModuleType) -> None:
    output = ["thread 'a' panicked at b.rs:1:1:", "wanted", "", "test result: ok. 1 passed; 0 failed"]
    assert runner.closing_lines(runner.RUNNERS["rust"], output) == output[-1:]


def test_a_fuzz_target_is_told_in_a_line(fuzz: ModuleType) -> None:
    passed, failed = (FUZZED + rest for rest in (PASSED, FAILED))
    assert fuzz.outline(passed.splitlines()) == "21387 runs in 5 s, 4277 a second, 3223 edges reached"
    assert (
        fuzz.outline(failed.splitlines()) == "11470 runs until it failed, 2867 a second, 3223 edges reached"
    )
    assert fuzz.outline(["no such target"]) == "no runs until it failed, ? a second, ? edges reached"


def test_the_failure_of_a_fuzz_target_shows_panic_and_input(fuzz: ModuleType) -> None:
    said = (FUZZED + FAILED).splitlines()
    assert fuzz.cause(said) == [
        "thread '<unnamed>' (6723) panicked at src/request_screen.rs:80:26:",
        "[200, 400]",
        "==6723== ERROR: libFuzzer: deadly signal",
        "SUMMARY: libFuzzer: deadly signal",
        "artifact_prefix='artifacts/x-'; Test unit written to artifacts/x-crash-01ea",
        "Base64: DQM=",
    ]
    shown = fuzz.tail(said)
    assert shown[0].startswith("thread ")
    assert "Base64: DQM=" in shown
    assert not any(line.startswith(("#", "0x")) for line in shown)


def test_a_long_input_is_shown_whole(fuzz: ModuleType) -> None:
    said = ["SUMMARY: libFuzzer: timeout", "x" * 10_000, *["y"] * 1000, f"Base64: {'A' * 10_000}"]
    assert len(fuzz.tail(said)) <= fuzz.LAST + 1
    assert fuzz.tail(said)[-1] == fuzz.cause(said)[-1] == said[-1]
    assert max(len(line) for line in fuzz.tail(said)[:-1]) <= fuzz.LONGEST + 1
