"""Precedence, origins and refusals of options (architecture.md 7)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from copilot_api.configuration import ConfigurationError, load
from copilot_api.settings import Settings, option_fields


def settings(directory: Path, environ: dict[str, str] | None = None, **flags: Any) -> Settings:
    return load(flags, environ or {}, directory).settings


def test_defaults(tmp_path: Path) -> None:
    configuration = load({}, {}, tmp_path)
    assert configuration.settings == Settings()
    assert set(configuration.origins.values()) == {"default"}


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("port = 1\nverbose = true\nrate-limit = 3\n", encoding="utf-8")
    environ = {"COPILOT_API_PORT": "2", "COPILOT_API_VERBOSE": "false"}
    configuration = load({"port": "3"}, environ, tmp_path)
    assert (configuration.settings.port, configuration.settings.verbose) == (3, False)
    assert configuration.settings.rate_limit == 3
    assert configuration.origins["port"] == "--port"
    assert configuration.origins["verbose"] == "$COPILOT_API_VERBOSE"
    assert configuration.origins["rate_limit"] == "config.toml line 3: rate-limit"


def test_host_variable_of_0_7_0(tmp_path: Path) -> None:
    assert settings(tmp_path, {"HOST": "127.0.0.2"}).host == "127.0.0.2"
    assert settings(tmp_path, {"HOST": "a", "COPILOT_API_HOST": "b"}).host == "b"


@pytest.mark.parametrize(("given", "port"), [("14141x", 14141), ("1.5", 1), (" 8080", 8080)])
def test_leading_integer_counts(tmp_path: Path, given: str, port: int) -> None:
    assert settings(tmp_path, port=given).port == port


def test_empty_github_token_counts_as_none(tmp_path: Path) -> None:
    assert settings(tmp_path, github_token="").github_token is None


def test_secrets_do_not_show(tmp_path: Path) -> None:
    made = settings(tmp_path, github_token="ghu_secret", api_key=["key-one", "key-two"])
    assert "secret" not in repr(made)
    assert "key-one" not in repr(made)
    assert [key.reveal() for key in made.api_key] == ["key-one", "key-two"]


@pytest.mark.parametrize("text", ["port = ", "nonsense = 1", "port = 'abc'", "\xff"])
def test_r54_bad_file_says_what_is_wrong(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"config\.toml"):
        load({}, {}, tmp_path)


def test_every_option_has_help() -> None:
    assert all(option.metadata["help"] for option in option_fields())


@pytest.mark.parametrize(
    ("given", "size"),
    [("67108864", 1 << 26), ("64M", 1 << 26), ("64 mb", 1 << 26), ("64MiB", 1 << 26), ("1.5g", 3 << 29)],
)
def test_sizes_have_units(tmp_path: Path, given: str, size: int) -> None:
    assert settings(tmp_path, cache=given).cache == size
    assert settings(tmp_path, {"COPILOT_API_BODY_LIMIT": given}).body_limit == size


@pytest.mark.parametrize("given", ["64X", "-1M", "M", "1e6", "64", "NaN"])
def test_a_size_that_is_none_is_refused(tmp_path: Path, given: str) -> None:
    with pytest.raises(ConfigurationError, match="64M"):
        settings(tmp_path, cache=given)


@pytest.mark.parametrize("name", ["rate_burst", "max_queue", "max_concurrency", "body_limit"])
def test_counts_are_one_or_more(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="1 or more"):
        settings(tmp_path, **{name: "0"})


def test_the_cache_is_off_unless_asked_for(tmp_path: Path) -> None:
    assert settings(tmp_path).cache == 0
    assert settings(tmp_path, cache="0").cache == 0


def test_aliases_come_from_a_table_or_from_flags(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        'alias = ["a=b"]\n[aliases]\nFast = "gpt-5-mini"\n', encoding="utf-8"
    )
    settings = load({}, {}, tmp_path).settings
    assert dict(settings.aliases) == {"a": "b", "Fast": "gpt-5-mini", "fast": "gpt-5-mini"}
    assert dict(load({"alias": ["x = y"]}, {}, tmp_path).settings.aliases) == {"x": "y"}


@pytest.mark.parametrize("text", ["aliases = 7", "[aliases]\nfast = 7", 'alias = ["fast"]', 'alias = ["=x"]'])
def test_aliases_that_cannot_be_read_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="alias"):
        load({}, {}, tmp_path)
