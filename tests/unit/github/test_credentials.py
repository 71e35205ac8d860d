"""The token file: private, whole or not at all, never torn (D-S5, R-07, R-48, R-53)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from copilot_api.github.credentials import CredentialProblem, TokenFile, data_directory
from copilot_api.redaction import Secret


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def names(directory: Path) -> list[str]:
    """What is there beside the lock."""
    return sorted(path.name for path in directory.iterdir() if path.name != "github_token.lock")


def test_d_s5_r07_modes_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file = TokenFile(data_directory(tmp_path))
        assert file.write(Secret("ghu_one"))
    finally:
        os.umask(before)
    assert mode(file.path) == 0o600
    assert mode(file.path.parent) == 0o700
    assert all(mode(each) == 0o600 for each in file.path.parent.iterdir())
    assert {mode(each) for each in tmp_path.glob("**/") if each != tmp_path} == {0o700}
    assert names(file.path.parent) == ["github_token"]


def test_d_s5_loose_mode_is_tightened(tmp_path: Path) -> None:
    file = TokenFile(tmp_path)
    file.path.write_text("ghu_one\n", encoding="utf-8")
    file.path.chmod(0o644)
    token = file.read()
    assert token is not None
    assert token.reveal() == "ghu_one"
    assert mode(file.path) == 0o600


def test_r07_loose_directory_is_tightened_with_a_notice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = TokenFile(tmp_path / "data")
    file.write(Secret("ghu_one"))
    for use in (file.read, lambda: file.write(Secret("ghu_two"))):
        file.path.parent.chmod(0o755)
        caplog.clear()
        use()
        assert mode(file.path.parent) == 0o700
        assert ["0700" in record.getMessage() for record in caplog.records] == [True]


def test_r07_logout_erases_the_token_and_what_was_left_of_one(tmp_path: Path) -> None:
    file = TokenFile(tmp_path)
    assert file.erase() is False
    file.write(Secret("ghu_one"))
    (tmp_path / ".github_token.left").write_text("ghu_half", encoding="utf-8")
    assert file.erase() is True
    assert names(tmp_path) == []
    assert file.read() is None
    assert file.erase() is False


def test_r56_what_a_killed_writer_left_goes_with_the_next_write(tmp_path: Path) -> None:
    left = tmp_path / ".github_token.left"
    left.write_text("ghu_half", encoding="utf-8")
    file = TokenFile(tmp_path)
    assert file.read() is None
    file.write(Secret("ghu_one"))
    assert left.exists(), "somebody may be writing it"
    os.utime(left, (0, 0))
    file.write(Secret("ghu_one"))
    assert names(tmp_path) == ["github_token"]


def test_r48_a_file_that_is_being_written_in_place_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0.7.0 may share the home; it empties the file before it writes."""
    file = TokenFile(tmp_path)
    file.path.write_text("", encoding="utf-8")
    monkeypatch.setattr(time, "sleep", lambda _: file.path.write_text("ghu_late", encoding="utf-8"))
    token = file.read()
    assert token is not None
    assert token.reveal() == "ghu_late"


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
    assert names(tmp_path) == ["github_token"]


def test_r48_a_thousand_interleaved_writes_are_whole_and_in_order(tmp_path: Path) -> None:
    program = (
        "import os, sys\nfrom pathlib import Path\n"
        "from copilot_api.github.credentials import TokenFile\nfrom copilot_api.redaction import Secret\n"
        "os.fsync = lambda _: None\n"  # durability is not what is tested, and disks are slow
        "file = TokenFile(Path(sys.argv[1]))\n"
        "for number in range(250): assert file.write(Secret(f'ghu_{sys.argv[2] * 4000}_{number}'))\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), letter], stderr=subprocess.PIPE)
        for letter in "abcd"
    ]
    file = TokenFile(tmp_path)
    newest = dict.fromkeys("abcd", -1)

    def look() -> None:
        token = file.read()
        if token is None:
            return
        kind, letters, number = token.reveal().split("_")
        assert (kind, letters) == ("ghu", letters[0] * 4000)
        assert int(number) >= newest[letters[0]]
        newest[letters[0]] = int(number)

    while any(writer.poll() is None for writer in writers):
        look()
    assert [(writer.communicate()[1], writer.returncode) for writer in writers] == [(b"", 0)] * 4
    look()
    assert 249 in newest.values()
    assert file.write(Secret("ghu_last"))
    token = file.read()
    assert token is not None
    assert token.reveal() == "ghu_last"
    assert names(tmp_path) == ["github_token"]
