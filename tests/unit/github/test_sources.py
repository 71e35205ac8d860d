"""Which of several tokens is used (ADR 0024)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from copilot_api.configuration import ConfigurationError, load
from copilot_api.github.credentials import CredentialProblem, TokenFile, data_directory, read_token_file
from copilot_api.github.sources import all_sources, chosen, find_token, store_of
from copilot_api.redaction import Secret
from copilot_api.settings import Settings

GH = """#!/bin/sh
[ "$*" = "auth token --hostname $HOST_ASKED" ] || exit 2
[ -z "$GH_TOKEN$GITHUB_TOKEN" ] || exit 3
echo gho_of_gh
"""


class Scene:
    """A data directory, an environment and options."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environ: dict[str, str] = {}
        self.flags: dict[str, str | bool] = {}

    def found(self) -> str | None:
        configuration = load(self.flags, self.environ, self.directory)
        settings = configuration.settings
        store = store_of(settings, self.directory)
        sources = all_sources(settings, configuration.origins, store, self.environ)
        used = chosen(sources)
        try:
            token = find_token(settings, configuration.origins, store, self.environ)
        except CredentialProblem as problem:
            # What people are told is what happens.
            assert used is not None
            assert used.problem == str(problem)
            raise
        assert (used and used.token) == token
        return token.reveal() if token else None


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_each_source_is_used_where_no_nearer_one_has_a_token(scene: Scene, tmp_path: Path) -> None:
    assert scene.found() is None
    scene.environ["GH_TOKEN"] = "gho_variable"
    assert scene.found() == "gho_variable"
    TokenFile(tmp_path).write(Secret("ghu_stored"))
    assert scene.found() == "ghu_stored"
    (tmp_path / "config.toml").write_text('github_token = "ghu_config"\n', encoding="utf-8")
    assert scene.found() == "ghu_config"
    scene.environ["COPILOT_API_GITHUB_TOKEN"] = "ghu_environment"
    assert scene.found() == "ghu_environment"
    secret = tmp_path / "mounted"
    secret.write_text("ghs_file\n", encoding="utf-8")
    scene.environ["COPILOT_API_GITHUB_TOKEN_FILE"] = str(secret)
    assert scene.found() == "ghu_environment"
    scene.flags["github_token_file"] = str(secret)
    assert scene.found() == "ghs_file", "a flag is nearer than the environment"
    scene.flags["github_token"] = "ghu_flag"
    assert scene.found() == "ghu_flag"


@pytest.mark.parametrize("token", ["ghp_classic", "ghr_refresh", "tid=1;a=b", "anything"])
def test_a_variable_of_other_programs_is_left_alone_if_it_cannot_be_used(scene: Scene, token: str) -> None:
    scene.environ["GH_TOKEN"] = token
    assert scene.found() is None


@pytest.mark.parametrize("content", [None, "", "two words", b"\xff\xfe"])
def test_a_named_file_that_cannot_be_used_is_not_passed_over(
    scene: Scene, tmp_path: Path, content: str | bytes | None
) -> None:
    TokenFile(tmp_path).write(Secret("ghu_another_account"))
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    scene.flags["github_token_file"] = str(file)
    with pytest.raises(CredentialProblem, match="--github-token-file"):
        scene.found()


def test_a_mounted_secret_may_have_any_mode(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("ghu_mounted\n", encoding="utf-8")
    file.chmod(0o644)
    assert read_token_file(str(file)).reveal() == "ghu_mounted"
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for gh")
def test_gh_is_asked_only_if_that_was_said(scene: Scene, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "gh").write_text(GH, encoding="utf-8")
    (folder / "gh").chmod(0o755)
    scene.environ = {"PATH": f"{folder}:/usr/bin:/bin", "HOST_ASKED": "github.com", "GITHUB_TOKEN": "x"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", scene.environ["PATH"])
        assert scene.found() is None
        scene.flags["use_gh"] = True
        assert scene.found() == "gho_of_gh"
        scene.environ["GH_TOKEN"] = "ghp_not_usable"
        assert scene.found() == "gho_of_gh"
        scene.environ["HOST_ASKED"] = "acme.ghe.com"
        assert scene.found() is None, "gh has no account at github.com"
        scene.flags["github_host"] = "acme.ghe.com"
        assert scene.found() == "gho_of_gh"


def test_looking_at_the_sources_changes_nothing(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "github_token").write_text("ghu_x", encoding="utf-8")
    (tmp_path / "github_token").chmod(0o644)
    store = TokenFile(tmp_path)
    assert [each.token for each in all_sources(Settings(), {}, store, {}) if each.token] == [Secret("ghu_x")]
    assert store.path.stat().st_mode & 0o777 == 0o644


# ----------------------------------------------------------------------------------------- hosts, profiles


def test_a_token_is_of_one_host(scene: Scene, tmp_path: Path) -> None:
    TokenFile(tmp_path).write(Secret("ghu_of_github_com"))
    scene.flags["github_host"] = "acme.ghe.com"
    assert scene.found() is None
    TokenFile(tmp_path, "acme.ghe.com").write(Secret("ghu_of_acme"))
    assert scene.found() == "ghu_of_acme"
    scene.flags["github_host"] = "other.ghe.com"
    assert scene.found() is None
    scene.flags["github_host"] = "github.com"
    assert scene.found() == "ghu_of_github_com"


@pytest.mark.parametrize(
    "given", ["acme.ghe.com", "https://acme.ghe.com/", "ACME.ghe.com", "http://acme.ghe.com"]
)
def test_one_option_for_signing_in_and_api(tmp_path: Path, given: str) -> None:
    configuration = load({"github_host": given}, {}, tmp_path)
    settings = configuration.settings
    assert settings.github_host == "acme.ghe.com"
    assert settings.github_url == "https://acme.ghe.com"
    assert settings.github_api_url == "https://api.acme.ghe.com"
    assert configuration.origins["github_api_url"] == "--github-host"


def test_github_com_is_the_default_said_aloud(tmp_path: Path) -> None:
    assert load({"github_host": "https://github.com"}, {}, tmp_path).settings == Settings()


@pytest.mark.parametrize(
    "given",
    ["ghe.com", "evil.example", "acme.ghe.com.evil.example", "a.b.ghe.com", "acme.ghe.com:1", "-.ghe.com"],
)
def test_other_hosts_are_refused(tmp_path: Path, given: str) -> None:
    with pytest.raises(ConfigurationError, match="--github-host"):
        load({"github_host": given}, {}, tmp_path)


def test_profiles_have_directories_of_their_own(tmp_path: Path) -> None:
    usual = data_directory(tmp_path, {})
    assert usual == tmp_path / ".local/share/copilot-api"
    assert data_directory(tmp_path, {"COPILOT_API_PROFILE": "default"}) == usual
    assert data_directory(tmp_path, {"COPILOT_API_PROFILE": "work"}) == usual / "profiles/work"


@pytest.mark.parametrize("name", ["..", "a/b", "a b", ".hidden", "-x", "x" * 33, "a\nb"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CredentialProblem, match="profile"):
        data_directory(tmp_path, {"COPILOT_API_PROFILE": name})


def test_a_profile_is_not_chosen_by_the_file_in_it(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('port = 1\nprofile = "work"\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"line 2.*--profile"):
        load({}, {}, tmp_path)
