"""``copilot-api completions``: what a shell needs to complete our words, from the table of commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from copilot_api.cli.arguments import Flag
from copilot_api.cli.commands import COMMANDS, Command
from copilot_api.cli.main import Invocation
from copilot_api.configuration import ConfigurationError
from copilot_api.settings import option_fields
from copilot_api.version import VERSION

_FILES = ("FILE", "PATH", "DIRECTORY")
_NAMING = ("get", "set", "unset")
"""Actions of `config` that an option's name follows."""


def run(invocation: Invocation) -> int:
    """Print the script of one shell."""
    words = invocation.parsed.positionals
    if len(words) != 1 or words[0] not in SHELLS:
        raise ConfigurationError(
            f"name your shell: copilot-api completions {'|'.join(SHELLS)}; --help says where its output goes"
        )
    invocation.console.plain(SHELLS[words[0]]())
    return 0


def actions(command: Command) -> tuple[str, ...]:
    """Return the words that can follow a command, as its usage line has them."""
    alternatives = re.split(r"[|\[\]]", command.words)
    first = (each.strip().partition(" ")[0] for each in alternatives)
    return tuple(dict.fromkeys(each for each in first if re.fullmatch(r"[a-z][a-z0-9-]*", each)))


def _flags(command: Command) -> tuple[Flag, ...]:
    helps = Flag("help", "h", boolean=True, help="Show what it does, with examples")
    return (*(flag for flag in command.all_flags if not flag.hidden), helps)


def _spellings(flag: Flag) -> tuple[str, ...]:
    return (f"--{flag.name}", f"-{flag.alias}") if flag.alias else (f"--{flag.name}",)


def _options() -> str:
    return " ".join(option.name.replace("_", "-") for option in option_fields())


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


_BASH = """\
# Completions of copilot-api {version} for bash, as `copilot-api completions bash` writes them.
_copilot_api() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} command="" action="" at
    COMPREPLY=()
    # --flag=value comes as three words.
    if [[ $cur == "=" ]]; then
        cur=""
    elif [[ $prev == "=" ]] && (( COMP_CWORD > 1 )); then
        prev=${{COMP_WORDS[COMP_CWORD-2]}}
    fi
    for (( at = 1; at < COMP_CWORD; at++ )); do
        case ${{COMP_WORDS[at]}} in
            --)
                _copilot_api_files
                return
                ;;
            -*) ;;
            *)
                if [[ -z $command ]]; then
                    command=${{COMP_WORDS[at]}}
                elif [[ -z $action ]]; then
                    action=${{COMP_WORDS[at]}}
                fi
                ;;
        esac
    done
    case $command in
        "") _copilot_api_words "{commands} --help --version" ;;
{cases}
    esac
}}
_copilot_api_words() {{
    local IFS=$' \\t\\n'
    COMPREPLY=( $(compgen -W "$1" -- "$cur") )
}}
_copilot_api_files() {{
    local IFS=$'\\n'
    COMPREPLY=( $(compgen -f -- "$cur") )
    compopt -o filenames 2>/dev/null
}}
complete -F _copilot_api copilot-api"""


def bash() -> str:
    """Return the script for bash, from version 3.2 on."""
    cases = "\n".join(_bash_case(command) for command in COMMANDS)
    names = " ".join(command.name for command in COMMANDS)
    return _BASH.format(version=VERSION, commands=names, cases=cases)


def _bash_case(command: Command) -> str:
    lines = [f"        {command.name})"]
    flags = _flags(command)
    valued = [flag for flag in flags if not flag.boolean]
    if valued:
        lines.append("            case $prev in")
        for flag in valued:
            if flag.choices:
                then = f'_copilot_api_words "{" ".join(flag.choices)}"; return'
            else:
                then = "_copilot_api_files; return" if flag.metavar in _FILES else "return"
            lines.append(f"                {'|'.join(_spellings(flag))}) {then} ;;")
        lines.append("            esac")
    spellings = " ".join(f"--{flag.name}" for flag in flags)
    words = actions(command)
    lines.append(f'            if [[ $cur == -* ]]; then _copilot_api_words "{spellings}"; return; fi')
    if words:
        lines.append(f'            [[ -z $action ]] && _copilot_api_words "{" ".join(words)}"')
    if command.name == "config":
        lines += [
            '            [[ $prev == "$action" ]] && case $action in',
            f'                {"|".join(_NAMING)}) _copilot_api_words "{_options()}" ;;',
            "            esac",
        ]
    return "\n".join([*lines, "            ;;"])


_ZSH = """\
#compdef copilot-api
# Completions of copilot-api {version} for zsh, as `copilot-api completions zsh` writes them.
_copilot-api() {{
    local -a commands
    commands=(
{commands}
    )
    if (( CURRENT == 2 )); then
        _describe -t commands 'copilot-api command' commands
        return
    fi
    local command=$words[2]
    shift words
    (( CURRENT-- ))
    case $command in
{cases}
    esac
}}
if [[ $funcstack[1] == _copilot-api ]]; then
    _copilot-api "$@"
else
    compdef _copilot-api copilot-api
fi"""


def zsh() -> str:
    """Return the script for zsh, to be sourced or to be found in `fpath`."""
    names = "\n".join(
        f"        {_quoted(f'{command.name}:{_zsh_text(command.description)}')}" for command in COMMANDS
    )
    cases = "\n".join(
        f"        {command.name})\n            _arguments -s -S"
        + "".join(f" \\\n                {_quoted(spec)}" for spec in _zsh_specs(command))
        + "\n            ;;"
        for command in COMMANDS
    )
    return _ZSH.format(version=VERSION, commands=names, cases=cases)


def _zsh_specs(command: Command) -> Iterator[str]:
    for flag in _flags(command):
        spellings = _spellings(flag)
        before = "*" if flag.many else f"({' '.join(spellings)})"
        for spelling in spellings:
            told = f"{before}{spelling}"
            if not flag.boolean:
                told += "=" if spelling.startswith("--") else "+"
            told += f"[{_zsh_text(flag.help)}]"
            if not flag.boolean:
                values = f"({' '.join(flag.choices)})" if flag.choices else " "
                values = "_files" if flag.metavar in _FILES else values
                told += f":{flag.metavar or flag.name.upper()}:{values}"
            yield told
    words = actions(command)
    if words:
        yield f"1:action:({' '.join(words)})"
    if command.name == "config":
        yield f"2:option:({_options()})"


def _zsh_text(text: str) -> str:
    return re.sub(r"([\[\]:\\])", r"\\\1", text)


def fish() -> str:
    """Return the script for fish."""
    lines = [
        f"# Completions of copilot-api {VERSION} for fish, as `copilot-api completions fish` writes them.",
        "complete -c copilot-api -f",
        "complete -c copilot-api -n __fish_use_subcommand -l version -d 'Show the version'",
    ]
    for command in COMMANDS:
        told = _fish_text(command.description)
        lines.append(f"complete -c copilot-api -n __fish_use_subcommand -a {command.name} -d {told}")
        seen = f"__fish_seen_subcommand_from {command.name}"
        lines += [f"complete -c copilot-api -n '{seen}' {_fish_flag(flag)}" for flag in _flags(command)]
        words = " ".join(actions(command))
        if words:
            first = f"{seen}; and not __fish_seen_subcommand_from {words}"
            lines.append(f"complete -c copilot-api -n '{first}' -a '{words}'")
        if command.name == "config":
            last = f"{seen}; and contains -- (commandline -opc)[-1] {' '.join(_NAMING)}"
            lines.append(f"complete -c copilot-api -n '{last}' -a '{_options()}'")
    return "\n".join(lines)


def _fish_flag(flag: Flag) -> str:
    parts = [f"-l {flag.name}"]
    if flag.alias:
        parts.append(f"-s {flag.alias}")
    if flag.choices:
        parts.append(f"-x -a '{' '.join(flag.choices)}'")
    elif not flag.boolean:
        parts.append("-r -F" if flag.metavar in _FILES else "-x")
    return " ".join([*parts, f"-d {_fish_text(flag.help)}"])


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS: dict[str, Callable[[], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
