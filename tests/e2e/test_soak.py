"""The soak, so short that it belongs to every run: nothing damaged, nothing unexpected, nothing kept (R-57).

How memory grows is not judged here: a line through some seconds says nothing. `make soak` does that.
"""

from __future__ import annotations

import sys

import pytest
from tools.soak import running, watching
from tools.soak.running import Options


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("engine", "server"), [("native", "native"), ("reference", "uvicorn")])
def test_r57_short_soak(engine: str, server: str) -> None:
    # How fast a cancel is depends on what else the machine does; a minute is a hang.
    result = running.run(Options(0.07, 30, engine, server, latest_cancel=60))
    assert result.failures() == [], "\n".join(result.lines())
    tally = result.tally
    assert tally.whole > 200
    assert tally.calls > 0
    assert set(tally.faults) > {"cut", "reset", "error", "garbage", "stop", "expired", "bored"}


def test_r57_slope_of_samples() -> None:
    mib = watching.MIB
    flat = [(float(at), 100 * mib + (at % 7) * 4096) for at in range(1200)]
    leak = [(float(at), size + at * mib // 600) for at, size in flat]
    steady, growing = watching.fit(flat), watching.fit(leak)
    assert steady is not None
    assert abs(steady.value) < 0.1
    assert growing is not None
    assert 5.9 < growing.value < 6.1
    assert growing.error < 0.1
    assert watching.fit(flat[:10]) is None
