"""``copilot-api config``: every option with its value and where that comes from; the config file changed."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from copilot_api.cli.commands import KEY_VARIABLE
from copilot_api.cli.config_file import NotEditable, keys, with_value, without
from copilot_api.cli.main import Invocation
from copilot_api.cli.tables import aligned
from copilot_api.configuration import (
    CONFIG_FILE,
    ENVIRONMENT_PREFIX,
    ConfigurationError,
    Value,
    convert,
    explain,
    is_list,
)
from copilot_api.github.credentials import data_directory
from copilot_api.github.file_lock import locked
from copilot_api.private_files import make_private, replace_private
from copilot_api.records import Field
from copilot_api.redaction import Secret, redact
from copilot_api.settings import RELOADABLE, option_fields

USAGE = (
    "write `copilot-api config`, `config get NAME`, `config set NAME VALUE`, `config unset NAME` or"
    " `config path`; copilot-api config --help has examples"
)


def run(invocation: Invocation) -> int:
    """Show the options, or change one."""
    action, *words = invocation.parsed.positionals or ["list"]
    actions: dict[str, tuple[Callable[[Invocation, list[str]], int], range]] = {
        "list": (_list, range(1)),
        "path": (_path, range(1)),
        "get": (_get, range(1, 2)),
        "set": (_set, range(2, 100)),
        "unset": (_unset, range(1, 2)),
    }
    if action not in actions or len(words) not in actions[action][1]:
        raise ConfigurationError(USAGE)
    if action in ("set", "unset") and invocation.parsed.unknown:
        raise ConfigurationError(f"{invocation.parsed.unknown[0]} means nothing here, so nothing was changed")
    return actions[action][0](invocation, words)


def _list(invocation: Invocation, _words: list[str]) -> int:
    values, problems = explain(invocation.parsed.values, os.environ, data_directory(invocation.home))
    problems += tuple(_unknown_variables(os.environ))
    if invocation.flag("changed"):
        values = tuple(each for each in values if each.origin != "default")
    console = invocation.console
    if invocation.flag("json"):
        told = {"file": str(_file(invocation)), "values": list(map(_facts, values)), "problems": problems}
        console.plain(json.dumps(told, indent=2))
    else:
        rows = [(_dashed(each.option), _shown(each), each.origin) for each in values]
        console.plain(aligned([("OPTION", "VALUE", "ORIGIN"), *rows]))
    for problem in problems:
        console.error(problem)
    return 1 if problems else 0


def _path(invocation: Invocation, _words: list[str]) -> int:
    path = _file(invocation)
    if invocation.flag("json"):
        invocation.console.plain(json.dumps({"path": str(path), "exists": path.exists()}, indent=2))
    else:
        invocation.console.plain(str(path))
    return 0


def _get(invocation: Invocation, words: list[str]) -> int:
    option = _option(words[0])
    values, _ = explain(invocation.parsed.values, os.environ, data_directory(invocation.home))
    found = next(each for each in values if each.option is option)
    if found.problem:
        raise ConfigurationError(found.problem)
    if invocation.flag("json"):
        invocation.console.plain(json.dumps(_facts(found), indent=2))
    else:
        lines = found.value if isinstance(found.value, tuple) else (_text(found.value),)
        invocation.console.plain("\n".join(redact(str(line)) for line in lines))
    return 0


def _set(invocation: Invocation, words: list[str]) -> int:
    option = _option(words[0])
    name, given = _dashed(option), words[1:]
    if len(given) > 1 and not is_list(option.name):
        raise ConfigurationError(f"{name} takes one value; put it in quotes if it has spaces")
    value = _written(option, given)
    path = change_file(invocation, lambda text: with_value(text, (option.name, name), value))
    console = invocation.console
    console.success(f"{name} = {_masked(option, value)} is written to {path}")
    _say_effect(invocation, option)
    return 0


def _unset(invocation: Invocation, words: list[str]) -> int:
    name = words[0].removeprefix("--")
    spellings = tuple(dict.fromkeys((name, name.replace("-", "_"), name.replace("_", "-"))))

    def edit(text: str) -> str:
        if not set(spellings) & set(keys(text)):
            raise ConfigurationError(f"{_file(invocation)} does not set {name}; nothing was changed")
        return without(text, spellings)

    path = change_file(invocation, edit)
    invocation.console.success(f"{name} is no longer set in {path}")
    option = next((each for each in option_fields() if each.name in spellings), None)
    if option is not None:
        _say_effect(invocation, option)
    return 0


def change_file(invocation: Invocation, edit: Callable[[str], str]) -> Path:
    """Replace the file with what `edit` makes of it, in one step, unless that has more faults than before."""
    directory = data_directory(invocation.home)
    path = _file(invocation)
    make_private(path.parent)
    with locked(path.with_name(f"{CONFIG_FILE}.lock")):
        try:
            before = path.read_bytes()
        except FileNotFoundError:
            before = b""
        faults = _faults(directory, before)
        try:
            text = edit(before.decode("utf-8"))
        except NotEditable as reason:
            raise ConfigurationError(f"{path}: {reason}; change it with an editor") from None
        after = _faults(directory, text.encode())
        new = [fault for unnumbered, fault in after.items() if unnumbered not in faults]
        if new:
            raise ConfigurationError(f"{new[0]}; nothing was changed")
        # A link, as keepers of configuration files make, stays one.
        replace_private(path.resolve(), text)
    return path


def _faults(directory: Path, content: bytes) -> dict[str, str]:
    """Return what is wrong with a file by itself, without the line numbers as a key."""
    return {_unnumbered(each): each for each in explain({}, {}, directory, content)[1]}


def _unnumbered(fault: str) -> str:
    return re.sub(r"line \d+", "line", fault)


def _say_effect(invocation: Invocation, option: Field) -> None:
    """Say when the change holds, and what stands before it."""
    values, _ = explain({}, os.environ, data_directory(invocation.home))
    found = next(each for each in values if each.option is option)
    if found.origin.startswith("$"):
        invocation.console.warn(f"{found.origin} is set in this environment, and comes before the file")
    if option.name in RELOADABLE and sys.platform != "win32":
        invocation.console.info("A running gateway reads it when it gets SIGHUP, or at its next start")
    else:
        invocation.console.info("A running gateway reads it at its next start")


def _written(option: Field, given: list[str]) -> Any:
    """Return the value as it is to stand in the file. Raises :class:`ConfigurationError`."""
    name = _dashed(option)
    value = convert(option, given if is_list(option.name) else given[0], name)
    if is_list(option.name):
        return [each.reveal() if isinstance(each, Secret) else each for each in value]
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        # A size keeps its unit.
        return given[0].strip() if re.search(r"[A-Za-z]$", given[0].strip()) else value
    return value


def _option(word: str) -> Field:
    name = word.removeprefix("--").replace("-", "_")
    found = next((each for each in option_fields() if each.name == name), None)
    if found is not None:
        return found
    from difflib import get_close_matches

    near = get_close_matches(name, [each.name for each in option_fields()], 1)
    hint = f"; did you mean {near[0].replace('_', '-')}?" if near else "; copilot-api config lists all"
    raise ConfigurationError(f"there is no option {word!r}{hint}")


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    known = {ENVIRONMENT_PREFIX + each.name.upper() for each in option_fields()} | {KEY_VARIABLE}
    return [
        f"${name} is set, and there is no option of that name"
        for name in sorted(environ)
        if name.startswith(ENVIRONMENT_PREFIX) and name not in known
    ]


def _file(invocation: Invocation) -> Path:
    return data_directory(invocation.home) / CONFIG_FILE


def _facts(found: Value) -> dict[str, Any]:
    value = found.value
    if isinstance(value, tuple):
        value = [redact(str(each)) for each in value]
    elif not isinstance(value, (bool, int, float, type(None))):
        value = redact(str(value))
    return {
        "name": _dashed(found.option),
        "value": value,
        "origin": found.origin,
        "problem": found.problem or None,
    }


def _shown(found: Value) -> str:
    if found.problem:
        return "(cannot be used)"
    value = found.value
    return redact(", ".join(map(str, value)) if isinstance(value, tuple) else _text(value)) or "-"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _masked(option: Field, value: Any) -> str:
    made = convert(option, value, "")
    return redact(", ".join(map(str, made)) if isinstance(made, tuple) else _text(made))


def _dashed(option: Field) -> str:
    return option.name.replace("_", "-")
