"""Where each option's value comes from: flag, environment, config file, default; all checked at once."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from copilot_api.engine.flags import UnknownComponent, switches
from copilot_api.records import Field, record
from copilot_api.redaction import Secret
from copilot_api.settings import PLAN_NAMES, Settings, option_fields

ENVIRONMENT_PREFIX = "COPILOT_API_"
CONFIG_FILE = "config.toml"

_INTEGERS = ("port", "max_concurrency", "max_connections", "max_queue", "rate_burst", "ledger_days")
_SIZES = ("ledger_size", "body_limit", "cache", "memory_limit", "log_file_size", "capture_size")
_SECONDS = (
    "rate_limit",
    "connect_timeout",
    "first_byte_timeout",
    "stream_idle_timeout",
    "stream_content_timeout",
    "keepalive_interval",
    "drain_timeout",
    "queue_timeout",
    "cache_ttl",
    "capture_age",
)
_LISTS = ("budget", "api_key", "trusted_proxy", "public_host", "cors_origin", "native", "alias", "hook")
_ALIASES = "aliases"
"""The table of the config file that says what `alias` says."""
_SECRETS = ("github_token", "api_key", "shared")
_URLS = ("github_url", "github_api_url", "copilot_url")
CHOICES = {
    "engine": ("native", "reference"),
    "server": ("native", "uvicorn"),
    "error_style": ("compat", "dialect"),
    "log_format": ("text", "json"),
}
"""The words that an option takes, where there are only these."""
_PLAN = re.compile(r"[A-Za-z0-9-]+")
_GITHUB_HOST = re.compile(
    r"(?:https?://)?(?:www\.)?(github\.com|[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.ghe\.com)/?", re.IGNORECASE
)
_INTEGER_PREFIX = re.compile(r"\s*[+-]?\d+")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_SMALLEST_CACHE = 64 * 1024


class ConfigurationError(Exception):
    """An option cannot be used; the text names it, its origin and the fix, in one line."""


@record
class Configuration:
    """The options and, for each, where its value came from."""

    settings: Settings
    origins: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    has_file: bool = False
    """There is a config file."""


@record
class _File:
    """The config file: its values by key, and its lines, to say where a value stands."""

    path: Path
    values: dict[str, Any]
    lines: tuple[str, ...] = ()

    def line(self, key: str) -> int:
        """Return the number of the line that sets `key`, or opens the table of that name."""
        names = (key, _ALIASES) if key == "alias" else (key,)
        for name in names:
            sets = re.compile(rf"""\s*(?:\[\s*)?["']?{re.escape(name)}["']?\s*[.=\]]""")
            for at, line in enumerate(self.lines, 1):
                if sets.match(line):
                    return at
        return 1

    def unknown(self) -> Iterator[str]:
        """Give a sentence for each key that is no option."""
        known = {name for option in option_fields() for name in (option.name, option.name.replace("_", "-"))}
        if "profile" in self.values:
            yield (
                f"{self.path} line {self.line('profile')}: a profile has its own {CONFIG_FILE}; "
                "choose one by --profile NAME or $COPILOT_API_PROFILE"
            )
        for key in sorted(set(self.values) - known):
            yield f"{self.path} line {self.line(key)}: there is no option {key!r}"


@record
class Value:
    """One option: what holds, where that comes from, and why it cannot be used, if it cannot."""

    option: Field
    value: Any
    origin: str
    problem: str = ""


def is_boolean(option: Field) -> bool:
    """Tell whether an option is a switch."""
    return isinstance(option.default, bool)


def is_list(name: str) -> bool:
    """Tell whether an option may be given more than once."""
    return name in _LISTS


def load(flags: Mapping[str, Any], environ: Mapping[str, str], directory: Path) -> Configuration:
    """Return the configuration.

    `flags` holds what the command line said, by field name: booleans, strings, or lists of strings;
    `directory` is the data directory, whose ``config.toml`` is read if it is there. Raises
    :class:`ConfigurationError`.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    read = _config_file(directory / CONFIG_FILE)
    if read is not None and (unknown := next(read.unknown(), None)):
        raise ConfigurationError(unknown)
    file = read or _File(directory / CONFIG_FILE, {})
    for option in option_fields():
        found = _find(option, flags, environ, file)
        if found is None:
            origins[option.name] = "default"
            continue
        raw, origin = found
        values[option.name] = convert(option, raw, origin)
        origins[option.name] = origin
    _spread_host(values, origins)
    settings = Settings(**values)
    return Configuration(settings, origins, _check(settings, origins), read is not None)


def explain(
    flags: Mapping[str, Any], environ: Mapping[str, str], directory: Path, content: bytes | None = None
) -> tuple[tuple[Value, ...], tuple[str, ...]]:
    """Return all options, and all that is wrong with them, for who wants to see more than the first fault.

    `content` is read instead of the config file. Raises :class:`ConfigurationError` for a file that is no
    TOML.
    """
    path = directory / CONFIG_FILE
    file = (_config_file(path) if content is None else _parsed(path, content)) or _File(path, {})
    found = [_value(option, flags, environ, file) for option in option_fields()]
    problems = [*file.unknown(), *(each.problem for each in found if each.problem)]
    if not any(each.problem for each in found):
        values = {each.option.name: each.value for each in found if each.origin != "default"}
        origins = {each.option.name: each.origin for each in found}
        try:
            _spread_host(values, origins)
            found = [_spread(each, values, origins) for each in found]
            _check(Settings(**values), origins)
        except ConfigurationError as error:
            problems.append(str(error))
    return tuple(found), tuple(problems)


def _spread(value: Value, values: Mapping[str, Any], origins: Mapping[str, str]) -> Value:
    """Return a value as the others leave it: a host says what three URLs are."""
    name = value.option.name
    return Value(value.option, values.get(name, value.option.default), origins[name])


def _value(option: Field, flags: Mapping[str, Any], environ: Mapping[str, str], file: _File) -> Value:
    found = _find(option, flags, environ, file)
    if found is None:
        return Value(option, option.default, "default")
    raw, origin = found
    try:
        return Value(option, convert(option, raw, origin), origin)
    except ConfigurationError as error:
        return Value(option, option.default, origin, str(error))


def _spread_host(values: dict[str, Any], origins: dict[str, str]) -> None:
    """Let ``github_host`` say where signing in and the API are, unless they are said themselves."""
    given = values.pop("github_host", None)
    if given is None:
        return
    found = _GITHUB_HOST.fullmatch(given)
    if found is None:
        raise ConfigurationError(
            f"{origins['github_host']}: {given!r} is neither github.com nor a name such as acme.ghe.com; "
            "GitHub Enterprise Server has no Copilot of its own"
        )
    host = found[1].lower()
    if host == "github.com":
        return
    values["github_host"] = host
    for name, url in (("github_url", f"https://{host}"), ("github_api_url", f"https://api.{host}")):
        if name not in values:
            values[name], origins[name] = url, origins["github_host"]


def _find(
    option: Field, flags: Mapping[str, Any], environ: Mapping[str, str], file: _File
) -> tuple[Any, str] | None:
    name = option.name
    dashed = name.replace("_", "-")
    if name in flags and not (name == "github_token" and flags[name] == ""):
        return flags[name], f"--{dashed}"
    variables = [ENVIRONMENT_PREFIX + name.upper(), *(["HOST"] if name == "host" else [])]
    for variable in variables:
        if environ.get(variable):
            return environ[variable], f"${variable}"
    for key in (name, dashed):
        if key in file.values:
            return file.values[key], f"{CONFIG_FILE} line {file.line(key)}: {key}"
    return None


def _config_file(path: Path) -> _File | None:
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        try:
            path.stat()
        except OSError:
            return None  # in a directory that this user may not look into
        # What it says may be what keeps others out: it is never passed over.
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    return _parsed(path, content)


def _parsed(path: Path, content: bytes) -> _File:
    import tomllib

    try:
        text = content.decode("utf-8")
        values = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{path} cannot be read: no UTF-8 (at line {line})") from None
    except tomllib.TOMLDecodeError as error:
        last = f"at line {text.rstrip().count(chr(10)) + 1}"
        reason = str(error).replace("at end of document", last)
        raise ConfigurationError(f"{path} cannot be read: {reason}") from None
    file = _File(path, values, tuple(text.split("\n")))
    aliases = values.pop(_ALIASES, None)
    if aliases is not None:
        if not isinstance(aliases, dict) or not all(isinstance(model, str) for model in aliases.values()):
            raise ConfigurationError(
                f'{path} line {file.line(_ALIASES)}: [{_ALIASES}] holds lines such as fast = "gpt-5-mini"'
            )
        more = values.get("alias", [])
        values["alias"] = [
            *(more if isinstance(more, list) else [more]),
            *(f"{name}={model}" for name, model in aliases.items()),
        ]
    return file


def convert(option: Field, raw: Any, origin: str) -> Any:
    """Return a value as the settings have it. Raises :class:`ConfigurationError`."""
    name = option.name
    if is_boolean(option):
        return _boolean(raw, origin)
    if name in _LISTS:
        items = raw if isinstance(raw, (list, tuple)) else str(raw).split(",")
        texts = tuple(str(item).strip() for item in items if str(item).strip())
        return tuple(Secret(text) for text in texts) if name in _SECRETS else texts
    text = str(raw).strip()
    if name in _SECRETS:
        return Secret(text)
    if name == "rate_limit" or name in _INTEGERS:
        return _whole(text, origin)
    if name in _SIZES:
        return _bytes(text, origin)
    if name in _SECONDS:
        return _seconds(text, origin)
    if name in CHOICES and text not in CHOICES[name]:
        raise ConfigurationError(f"{origin}: {text!r} is none of {', '.join(CHOICES[name])}")
    if name in _URLS and not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", text):
        raise ConfigurationError(f"{origin}: {text!r} is not an http or https URL")
    if not text:
        raise ConfigurationError(f"{origin}: a value is needed")
    return text


def _boolean(raw: Any, origin: str) -> bool:
    if isinstance(raw, bool):
        return raw
    text = str(raw).strip().lower()
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off", ""):
        return False
    raise ConfigurationError(f"{origin}: {raw!r} is neither true nor false")


def _whole(text: str, origin: str) -> int:
    """Read the leading integer, as 0.7.0 did (compat.md 1.3): ``14141x`` is 14141."""
    found = _INTEGER_PREFIX.match(text)
    if found is None:
        raise ConfigurationError(f"{origin}: {text!r} is not a number")
    return int(found.group())


def _bytes(text: str, origin: str) -> int:
    """Read a size: ``67108864``, ``64M``, ``64MB`` and ``64MiB`` are the same."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ConfigurationError(f"{origin}: {text!r} is not a size in bytes, as 67108864 or 64M")
    return int(float(found.group(1)) * 1024 ** " kmgt".index(found.group(2).lower() or " "))


def _seconds(text: str, origin: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise ConfigurationError(f"{origin}: {text!r} is not a number of seconds, 0 or more")
    return value


def _check(settings: Settings, origins: Mapping[str, str]) -> tuple[str, ...]:
    from copilot_api.http.guard import origin_is_valid
    from copilot_api.http.identity import networks

    if not 0 <= settings.port <= 65535:
        raise ConfigurationError(f"{origins['port']}: {settings.port} is not a port; choose 0 to 65535")
    if not _PLAN.fullmatch(settings.account_type):
        raise ConfigurationError(
            f"{origins['account_type']}: the account type {settings.account_type!r} holds characters that "
            f"may not stand in a host name; it is one of {', '.join(PLAN_NAMES)}"
        )
    for name in (
        "body_limit",
        "max_concurrency",
        "max_connections",
        "max_queue",
        "rate_burst",
        "ledger_days",
    ):
        if getattr(settings, name) < 1:
            raise ConfigurationError(f"{origins[name]}: must be 1 or more")
    if settings.shared and not re.match(r"(rediss?|unix)://.", settings.shared.reveal()):
        raise ConfigurationError(f"{origins['shared']}: write redis://host:6379/0, or rediss:// for TLS")
    if settings.memory_limit and sys.platform != "linux":
        raise ConfigurationError(
            f"{origins['memory_limit']}: this system does not say how much memory a process holds"
        )
    if 0 < settings.cache < _SMALLEST_CACHE:
        raise ConfigurationError(f"{origins['cache']}: {settings.cache} bytes keep nothing; write 64M, or 0")
    for pair in settings.alias:
        name, equals, model = (part.strip() for part in pair.partition("="))
        if not (name and equals and model):
            raise ConfigurationError(f"{origins['alias']}: write {pair!r} as NAME=MODEL")
    if settings.budget:
        from copilot_api.ledger.budgets import parse

        for text in settings.budget:
            try:
                parse(text)
            except ValueError as error:
                raise ConfigurationError(f"{origins['budget']}: {error}") from None
    for origin in settings.cors_origin:
        if not origin_is_valid(origin):
            raise ConfigurationError(
                f"{origins['cors_origin']}: {origin!r} is not an origin such as https://name"
            )
    try:
        networks(settings.trusted_proxy)
    except ValueError as error:
        raise ConfigurationError(
            f"{origins['trusted_proxy']}: {error}; write an address, a network such as 10.0.0.0/8, or unix"
        ) from None
    try:
        switches(settings)
    except UnknownComponent as error:
        raise ConfigurationError(str(error)) from None
    if settings.account_type not in PLAN_NAMES:
        return (f"unknown account type {settings.account_type!r}; known are {', '.join(PLAN_NAMES)}",)
    return ()
