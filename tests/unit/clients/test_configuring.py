"""Setting a client up and undoing it: the same bytes afterwards, whatever stood in its files."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot_api.clients import CLIENTS, client_named
from copilot_api.clients.base import Choice, Client, Place, SetupProblem, Target
from copilot_api.clients.choosing import choose
from copilot_api.clients.configuring import carry_out, plan, plan_undo, undo
from copilot_api.clients.edits.jsonc import parse
from copilot_api.clients.journal import Journal
from copilot_api.redaction import Secret
from tests.unit.clients.conftest import MODELS, find
from tests.unit.clients.test_jsonc import LIST, OBJECT, documents
from tests.unit.clients.test_lines import toml_documents, yaml_parts

URL = "http://localhost:4141"
NAMES = [client.name for client in CLIENTS]


class Desk:
    """A home with a client's files in it."""

    def __init__(self, root: Path, name: str) -> None:
        client = client_named(name)
        assert client is not None
        self.client: Client = client
        self.root = root
        self.place = Place(root, {}, root, "linux")
        self.journal = Journal(root / ".local/share/copilot-api")
        self.choice: Choice = choose(MODELS, find, client.prefers)

    @property
    def paths(self) -> tuple[Path, ...]:
        return self.client.configurations(self.place)

    def write(self, content: bytes, at: int = 0) -> Path:
        path = self.paths[at]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def set_up(self, target: Target | None = None) -> None:
        changes = self.client.changes(self.place, target or Target(URL), self.choice)
        steps = plan(changes, self.journal.read().get(self.client.name))
        carry_out(self.client.name, URL, steps, self.journal)

    def undo(self) -> tuple[Path, ...]:
        return undo(self.client.name, plan_undo(self.journal.read()[self.client.name]), self.journal)

    def files(self) -> dict[str, bytes]:
        data = self.root / ".local"
        paths = [path for path in self.root.rglob("*") if path.is_file() and data not in path.parents]
        return {str(path): path.read_bytes() for path in paths}

    def backups(self) -> list[Path]:
        return list((self.root / ".local/share/copilot-api").glob("setup-backups/*"))


@contextmanager
def desk(name: str) -> Iterator[Desk]:
    """For properties: a new one for each example."""
    with tempfile.TemporaryDirectory() as folder:
        yield Desk(Path(folder), name)


@pytest.mark.parametrize("name", NAMES)
def test_where_nothing_was_nothing_stays(tmp_path: Path, name: str) -> None:
    ours = Desk(tmp_path, name)
    ours.set_up()
    assert ours.files()
    assert all(stat.S_IMODE(Path(path).stat().st_mode) == 0o600 for path in ours.files())
    ours.undo()
    assert [path.name for path in tmp_path.iterdir()] == [".local"]
    assert ours.journal.read() == {}
    assert ours.backups() == []


@pytest.mark.parametrize("name", NAMES)
def test_a_second_time_changes_nothing(tmp_path: Path, name: str) -> None:
    ours = Desk(tmp_path, name)
    ours.set_up()
    first, record = ours.files(), ours.journal.read()[name].files
    changes = ours.client.changes(ours.place, Target(URL), ours.choice)
    assert not any(step.changes for step in plan(changes, ours.journal.read()[name]))
    ours.set_up()
    assert ours.files() == first
    assert ours.journal.read()[name].files == record


OBJECTS = ("claude", "opencode", "zed")


@settings(max_examples=25)
@given(st.sampled_from(OBJECTS), documents(OBJECT))
def test_json_is_the_same_to_the_byte(name: str, text: str) -> None:
    check_round_trip(name, text)


@settings(max_examples=25)
@given(documents(LIST))
def test_lists_are_the_same_to_the_byte(text: str) -> None:
    check_round_trip("vscode", text)


@settings(max_examples=25)
@given(toml_documents())
def test_toml_is_the_same_to_the_byte(text: str) -> None:
    check_round_trip("codex", text)


@settings(max_examples=25)
@given(st.lists(yaml_parts, max_size=5, unique=True), st.sampled_from(["aider", "continue"]))
def test_yaml_is_the_same_to_the_byte(parts: list[str], name: str) -> None:
    check_round_trip(name, "".join(parts))


def check_round_trip(name: str, text: str) -> None:
    """Set up, once and again with another key; the undo gives what was there."""
    with desk(name) as ours:
        ours.write(text.encode())
        before = ours.files()
        try:
            ours.set_up()
        except SetupProblem:
            assert ours.files() == before
            return
        if name != "zed":
            ours.set_up(Target("http://localhost:9", Secret("another-key")))
        ours.undo()
        assert ours.files() == before
        assert ours.backups() == []


def test_what_was_changed_since_stays(tmp_path: Path) -> None:
    ours = Desk(tmp_path, "codex")
    path = ours.write(b'model = "o3"\n[mcp_servers.x]\ncommand = "y"\n')
    ours.set_up()
    path.write_bytes(path.read_bytes() + b'[projects."/x"]\ntrust_level = "trusted"\n')
    (kept,) = ours.undo()
    assert path.read_text() == (
        'model = "o3"\n[mcp_servers.x]\ncommand = "y"\n[projects."/x"]\ntrust_level = "trusted"\n'
    )
    assert kept.read_bytes() == b'model = "o3"\n[mcp_servers.x]\ncommand = "y"\n'
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_what_was_changed_since_stays_when_it_is_set_up_again(tmp_path: Path) -> None:
    ours = Desk(tmp_path, "claude")
    path = ours.write(b'{"env": {"ANTHROPIC_MODEL": "mine"}}')
    ours.set_up()
    path.write_text(path.read_text().replace('"env"', '"theme": "dark", "env"'))
    ours.set_up(Target("http://localhost:9"))
    values = parse(path.read_text()).value
    assert values["theme"] == "dark"
    assert values["env"]["ANTHROPIC_BASE_URL"] == "http://localhost:9"
    ours.undo()
    assert parse(path.read_text()).value == {"theme": "dark", "env": {"ANTHROPIC_MODEL": "mine"}}


def test_a_configuration_that_has_moved_is_undone_at_both_places(tmp_path: Path) -> None:
    ours = Desk(tmp_path, "opencode")
    first = ours.write(b'{"theme": "x"}\n')
    ours.set_up()
    second = first.with_suffix(".jsonc")
    second.write_bytes(b"{} // mine\n")
    assert ours.paths == (second,)
    ours.set_up()
    ours.undo()
    assert (first.read_bytes(), second.read_bytes()) == (b'{"theme": "x"}\n', b"{} // mine\n")
    assert ours.backups() == []


def test_files_that_are_gone_stay_gone(tmp_path: Path) -> None:
    ours = Desk(tmp_path, "codex")
    path = ours.write(b"# mine\n")
    ours.set_up()
    path.unlink()
    (kept,) = ours.undo()
    assert kept.read_bytes() == b"# mine\n"
    assert not path.exists()


@pytest.mark.skipif(os.name == "nt", reason="links and modes of POSIX")
def test_links_and_modes_are_kept(tmp_path: Path) -> None:
    ours = Desk(tmp_path, "codex")
    real = tmp_path / "dotfiles/codex.toml"
    real.parent.mkdir()
    real.write_text("# mine\n")
    real.chmod(0o640)
    path = ours.paths[0]
    path.parent.mkdir()
    path.symlink_to(real)
    ours.set_up()
    assert path.is_symlink()
    assert "model_provider" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    ours.undo()
    assert path.is_symlink()
    assert real.read_text() == "# mine\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert [each.name for each in real.parent.iterdir()] == ["codex.toml"]


def test_another_program_that_writes_meanwhile_wins(tmp_path: Path) -> None:
    ours = Desk(tmp_path, "codex")
    path = ours.write(b"# mine\n")
    steps = plan(ours.client.changes(ours.place, Target(URL), ours.choice), None)
    path.write_bytes(b"# theirs\n")
    with pytest.raises(SetupProblem, match="changed by another program meanwhile"):
        carry_out("codex", URL, steps, ours.journal)
    assert path.read_bytes() == b"# theirs\n"
    # The record was written first; it does no harm.
    ours.undo()
    assert path.read_bytes() == b"# theirs\n"


def test_a_write_that_was_cut_off_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Desk(tmp_path, "gemini")
    ours.write(b"{}", 0)
    ours.write(b"A=1\n", 1)
    before = ours.files()
    monkeypatch.setattr("copilot_api.clients.configuring.write_whole", _full_disk_at_second())
    with pytest.raises(OSError, match="No space"):
        ours.set_up()
    monkeypatch.undo()
    assert ours.files() != before
    ours.undo()
    assert ours.files() == before


def _full_disk_at_second() -> Any:
    from copilot_api.clients.journal import write_whole

    written: list[Path] = []

    def write(path: Path, content: bytes) -> None:
        written.append(path)
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        write_whole(path, content)

    return write


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("claude", b'{"env": 3}', "left alone"),
        ("claude", b"{", "the client reads plain JSON"),
        ("claude", b"{} // mine", "the client reads plain JSON"),
        ("zed", b"{", "cannot be read as JSON: line 1"),
        ("claude", b"\xff\xfe{", "no text in UTF-8"),
        ("codex", b"model = ", "cannot be read as TOML"),
        ("codex", b"[model_providers.copilot-api]\n", "of its own"),
        ("vscode", b"{}", "left alone"),
        ("continue", b"models: [{name: x}]\n", "not a list of lines"),
        ("aider", b"- x\n", "not a plain YAML mapping"),
    ],
)
def test_what_cannot_be_changed_without_harm_is_left(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    ours = Desk(tmp_path, name)
    path = ours.write(content)
    with pytest.raises(SetupProblem, match=why):
        ours.set_up()
    assert path.read_bytes() == content
    assert ours.journal.read() == {}


def test_a_copy_that_was_changed_is_not_put_back(tmp_path: Path) -> None:
    ours = Desk(tmp_path, "codex")
    ours.write(b"# mine\n")
    ours.set_up()
    (backup,) = ours.backups()
    backup.write_bytes(b"# something else\n")
    with pytest.raises(SetupProblem, match="is gone or was changed"):
        ours.undo()


def test_models_of_continue_come_before_those_that_are_there(tmp_path: Path) -> None:
    ours = Desk(tmp_path, "continue")
    text = "name: mine\nmodels: # all\n  # first\n  - name: x\n    model: y\nrules:\n  - z\n"
    path = ours.write(text.encode())
    ours.set_up(Target(URL, key_env="MY_KEY"))
    lines = path.read_text().splitlines()
    assert lines.index('    model: "claude-sonnet-4.6"') < lines.index("    model: y")
    assert '    apiKey: "${{ secrets.MY_KEY }}"' in lines
    assert [line for line in lines if line in text.splitlines()] == text.splitlines()


def test_keys(tmp_path: Path) -> None:
    """Where a key can stay in its variable it does, and nowhere is it in two places."""
    place = Place(tmp_path, {}, tmp_path, "linux")
    texts = {}
    for name, variable in (
        ("claude", "MINE"),
        ("codex", "MINE"),
        ("opencode", "MINE"),
        ("gemini", "GEMINI_API_KEY"),
    ):
        client = client_named(name)
        assert client is not None
        changes = client.changes(place, Target(URL, key_env=variable), choose(MODELS, find, client.prefers))
        texts[name] = "".join(change.edit.apply("")[0] for change in changes)
    claude = json.loads(texts["claude"])
    assert claude["apiKeyHelper"] == 'printf %s "$MINE"'
    assert "ANTHROPIC_AUTH_TOKEN" not in claude["env"]
    assert 'env_key = "MINE"' in texts["codex"]
    assert '"apiKey": "{env:MINE}"' in texts["opencode"]
    assert "GEMINI_API_KEY" not in texts["gemini"]
    for name in ("gemini", "aider", "vscode", "zed"):
        client = client_named(name)
        assert client is not None
        with pytest.raises(SetupProblem, match="--key"):
            client.changes(place, Target(URL, key_env="MINE"), choose(MODELS, find, client.prefers))
