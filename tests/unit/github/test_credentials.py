"""The token file: private, whole or not at all, never torn (D-S5, R-07, R-48, R-53)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from copilot_api.github.credentials import CredentialProblem, TokenFile, data_directory
from copilot_api.redaction import Secret


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_d_s5_r07_modes_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file = TokenFile(data_directory(tmp_path))
        assert file.write(Secret("ghu_one"))
    finally:
        os.umask(before)
    assert mode(file.path) == 0o600
    assert mode(file.path.parent) == 0o700
    assert [path.name for path in file.path.parent.iterdir()] == ["github_token"]


def test_d_s5_loose_mode_is_tightened(tmp_path: Path) -> None:
    file = TokenFile(tmp_path)
    file.path.write_text("ghu_one\n", encoding="utf-8")
    file.path.chmod(0o644)
    token = file.read()
    assert token is not None
    assert token.reveal() == "ghu_one"
    assert mode(file.path) == 0o600


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_r07_file_of_another_user_is_refused(tmp_path: Path) -> None:
    file = TokenFile(tmp_path)
    file.write(Secret("ghu_one"))
    os.chown(file.path, 65534, 65534)
    with pytest.raises(CredentialProblem, match="another user"):
        file.read()


@pytest.mark.parametrize("content", ["", " \n"])
def test_white_space_is_no_token(tmp_path: Path, content: str) -> None:
    file = TokenFile(tmp_path)
    file.path.write_text(content, encoding="utf-8")
    assert file.read() is None
    assert not file.exists()


def test_no_file_is_no_token_and_makes_none(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "absent")
    assert file.read() is None
    assert not file.exists()
    assert list(tmp_path.iterdir()) == []


def test_r53_a_disk_that_does_not_take_it_is_not_fatal(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be", encoding="utf-8")
    assert TokenFile(blocked / "x").write(Secret("ghu_one")) is False


def test_failed_write_leaves_the_old_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = TokenFile(tmp_path)
    file.write(Secret("ghu_old"))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert file.write(Secret("ghu_new")) is False
    assert file.path.read_text(encoding="utf-8") == "ghu_old"
    assert [path.name for path in tmp_path.iterdir()] == ["github_token"]


def test_r48_interleaved_writers_never_tear_the_file(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from copilot_api.github.credentials import TokenFile\nfrom copilot_api.redaction import Secret\n"
        "file = TokenFile(Path(sys.argv[1]))\n"
        "for _ in range(100): file.write(Secret('ghu_' + sys.argv[2] * 40))\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), letter]) for letter in ("a", "b")
    ]
    file = TokenFile(tmp_path)
    whole = {"ghu_" + "a" * 40, "ghu_" + "b" * 40}
    while any(writer.poll() is None for writer in writers):
        token = file.read()
        assert token is None or token.reveal() in whole
    assert [writer.returncode for writer in writers] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["github_token"]
