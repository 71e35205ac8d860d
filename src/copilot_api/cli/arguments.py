"""Reading the command line as 0.7.0 did (compat.md 1.3), with D-B8 cured."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from copilot_api.records import record

_NEGATIVE = re.compile(r"-\d+(?:\.\d+)?")
_FALSE = ("false",)
_TRUE = ("true",)


@record
class Flag:
    """One flag: its long name with dashes. `many`: each occurrence counts; `hidden`: help leaves it out."""

    name: str
    alias: str | None = None
    boolean: bool = False
    many: bool = False
    help: str = ""
    metavar: str = ""
    choices: tuple[str, ...] = ()
    """The words that it takes, where there are only these."""
    hidden: bool = False

    @property
    def field(self) -> str:
        """The name as a Python identifier."""
        return self.name.replace("-", "_")


class Parsed:
    """What a command line said, by field name; the words that are no flags; what was not understood."""

    def __init__(self) -> None:
        self.values: dict[str, bool | str | list[str]] = {}
        self.positionals: list[str] = []
        self.unknown: list[str] = []


def parse(arguments: Sequence[str], flags: Sequence[Flag]) -> Parsed:
    """Read the arguments of one command. Unknown flags are listed, never an error; the last value wins."""
    return _Parser(flags).run(list(arguments))


class _Parser:
    def __init__(self, flags: Sequence[Flag]) -> None:
        self._long: Mapping[str, Flag] = {flag.name: flag for flag in flags}
        self._short: Mapping[str, Flag] = {flag.alias: flag for flag in flags if flag.alias}
        self._parsed = Parsed()
        self._rest: list[str] = []

    def run(self, arguments: list[str]) -> Parsed:
        self._rest = arguments
        while self._rest:
            word = self._rest.pop(0)
            if word == "--":
                self._parsed.positionals += self._rest
                break
            if word.startswith("--") and not word.startswith("---"):
                self._take_long(word)
            elif word.startswith("-") and word != "-" and not _NEGATIVE.fullmatch(word):
                self._take_bundle(word)
            else:
                self._parsed.positionals.append(word)
        return self._parsed

    def _take_long(self, word: str) -> None:
        name, equals, value = word[2:].partition("=")
        flag = self._long.get(_dashed(name))
        if flag is None and name.startswith("no-"):
            negated = self._long.get(_dashed(name[3:]))
            if negated is not None and negated.boolean:
                self._parsed.values[negated.field] = False
                return
        if flag is None:
            self._parsed.unknown.append(f"--{name}")
            return
        self._set(flag, value if equals else None)

    def _take_bundle(self, word: str) -> None:
        letters, equals, value = word.lstrip("-").partition("=")
        for at, letter in enumerate(letters):
            flag = self._short.get(letter)
            if flag is None:
                self._parsed.unknown.append(f"-{letters}")
                return
            last = at == len(letters) - 1
            if not flag.boolean and not last:
                # -p8080: what follows the letter is its value.
                self._set(flag, letters[at + 1 :] + equals + value)
                return
            self._set(flag, value if last and equals else None, alone=not last)

    def _set(self, flag: Flag, value: str | None, *, alone: bool = False) -> None:
        if flag.boolean:
            if value is None and not alone and self._rest and self._rest[0] in (*_TRUE, *_FALSE):
                value = self._rest.pop(0)
            self._parsed.values[flag.field] = value not in _FALSE
            return
        if value is None:
            follows = bool(self._rest) and not self._rest[0].startswith("-")
            value = self._rest.pop(0) if follows else ""
        if flag.many:
            held = self._parsed.values.setdefault(flag.field, [])
            if isinstance(held, list):
                held.append(value)
        else:
            self._parsed.values[flag.field] = value


def _dashed(name: str) -> str:
    """Return ``rateLimit`` as ``rate-limit``."""
    return re.sub(r"[A-Z]", lambda found: "-" + found.group().lower(), name)
