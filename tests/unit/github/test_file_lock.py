"""The lock between processes (R-48): held by one, freed by the kernel, never waited for for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from copilot_api.github.file_lock import locked

HOLDER = (
    "import sys\nfrom pathlib import Path\nfrom copilot_api.github.file_lock import locked\n"
    "with locked(Path(sys.argv[1])) as held:\n    print(held, flush=True)\n    sys.stdin.read()\n"
)


def test_r48_one_holds_it_and_a_killed_holder_frees_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    with locked(path, patience=0) as held:
        assert not held
    slept: list[float] = []
    with locked(path, patience=1, clock=lambda: sum(slept), sleep=slept.append) as held:
        assert not held
    assert 1 <= sum(slept) < 1.1
    holder.kill()
    holder.communicate()
    with locked(path, patience=0) as held:
        assert held
    with locked(path, patience=0) as held:
        assert held


@pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")
def test_r07_lock_file_is_private_and_no_link_is_followed(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"):
        assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="link"), locked(tmp_path / "link"):
        pass
    assert not (tmp_path / "elsewhere").exists()
