"""Every command once: what it is called, what it takes, what its help says. Nothing here runs one."""

from __future__ import annotations

from collections.abc import Callable

from copilot_api.cli.arguments import Flag
from copilot_api.records import record


def no_flags() -> tuple[Flag, ...]:
    """Return the flags of a command that takes none."""
    return ()


@record
class Command:
    """A sub-command: `module` has ``run(invocation) -> exit code`` and is imported only when it runs."""

    name: str
    description: str
    module: str
    examples: tuple[tuple[str, str], ...]
    """Command lines that a reader can try, and what each is for; every command has one."""
    flags: Callable[[], tuple[Flag, ...]] = no_flags
    words: str = ""
    """What follows the name beside options, for the usage line: ``add NAME | list | revoke NAME``."""


def _start_flags() -> tuple[Flag, ...]:
    from copilot_api.configuration import is_boolean, is_list
    from copilot_api.settings import option_fields

    return tuple(
        Flag(
            option.name.replace("_", "-"),
            option.metadata["alias"],
            boolean=is_boolean(option),
            many=is_list(option.name),
            help=option.metadata["help"],
        )
        for option in option_fields()
    )


def _run_flags() -> tuple[Flag, ...]:
    return (
        Flag("model", help="MODEL that the program is to use; default is the newest of the family it likes"),
        Flag("small-model", help="MODEL for its side tasks"),
        Flag("dry-run", boolean=True, help="Print environment and command, and start nothing"),
        Flag("key", help="KEY for a gateway that runs; --key-env does not show it to other users"),
        Flag("key-env", help="NAME of the variable that holds the key; default is COPILOT_API_KEY"),
        *(flag for flag in _start_flags()),
    )


JSON = Flag("json", boolean=True, help="Print JSON")
CSV = Flag("csv", boolean=True, help="Print comma-separated values")

COMMANDS = (
    Command(
        "start",
        "Start the Copilot API server",
        "copilot_api.cli.start",
        (
            ("copilot-api start", "sign in if needed and serve at http://localhost:4141"),
            ("copilot-api start --simulate", "try it without an account"),
            (
                "copilot-api start -p 8080 --rate-limit 10 --wait",
                "another port, 10 s between requests",
            ),
            ("copilot-api start --claude-code", "choose models and get the command for Claude Code"),
        ),
        _start_flags,
    ),
    Command(
        "run",
        "Start a client program with a gateway, for once; nothing of it stays",
        "copilot_api.cli.run",
        (
            ("copilot-api run claude", "Claude Code, with the gateway that runs or one of its own"),
            ("copilot-api run codex -- exec 'explain this repository'", "what follows -- is the program's"),
            ("copilot-api run --simulate opencode", "try it without an account"),
            ("copilot-api run --model gpt-5.5 claude -- --continue", "another model than the usual"),
            ("copilot-api run --dry-run gemini", "see the environment and the command"),
        ),
        _run_flags,
        words="claude|codex|gemini|opencode|aider [-- ARGUMENTS]",
    ),
    Command(
        "setup",
        "Write the gateway into a client's configuration; --undo takes it out again",
        "copilot_api.cli.setup",
        (
            (
                "copilot-api setup claude",
                "see what would change in Claude Code's settings, and say yes or no",
            ),
            ("copilot-api setup codex opencode --yes", "two clients, without a question"),
            ("copilot-api setup codex --key-env MY_KEY --model gpt-5.5", "a key in a variable, a model"),
            ("copilot-api setup vscode --url http://localhost:8080", "a gateway at another port"),
            ("copilot-api setup --undo claude", "the file as it was; without a name for all clients"),
            ("copilot-api setup --list", "which clients there are, and which are set up"),
        ),
        lambda: (
            Flag("url", help="URL of the gateway, its root; default is this machine's, at its port"),
            Flag(
                "model", help="MODEL that the client is to use; default is the newest of the family it likes"
            ),
            Flag("small-model", help="MODEL for its side tasks"),
            Flag("key", help="KEY of the gateway, which is written into the client's file"),
            Flag("key-env", help="NAME of a variable that holds the key, where the client can read one"),
            Flag("yes", "y", boolean=True, help="Write without asking"),
            Flag("dry-run", boolean=True, help="Show the difference only"),
            Flag("undo", boolean=True, help="Take back what setup wrote"),
            Flag("list", boolean=True, help="List the clients"),
            JSON,
        ),
        words="claude|codex|gemini|opencode|aider|vscode|continue|zed ...",
    ),
    Command(
        "auth",
        "Sign in to GitHub without starting the server, or sign out: auth logout",
        "copilot_api.cli.auth",
        (
            ("copilot-api auth", "sign in to GitHub and store the token"),
            ("copilot-api auth logout", "erase the stored token"),
        ),
        lambda: (
            Flag("verbose", "v", boolean=True, help="Log every step"),
            Flag("show-token", boolean=True, help="Print the GitHub token"),
            Flag("keyring", boolean=True, help="Keep the token in the system's keyring"),
        ),
        words="[logout]",
    ),
    Command(
        "check-usage",
        "Show the account's Copilot quota",
        "copilot_api.cli.check_usage",
        (("copilot-api check-usage", "what is left of this month's quota"),),
    ),
    Command(
        "usage",
        "Show what was spent through this gateway",
        "copilot_api.cli.usage",
        (
            ("copilot-api usage", "this month, day by day"),
            ("copilot-api usage --by model --since 7d", "the dearest models of a week"),
            ("copilot-api usage --by key --since today", "who spends how much today"),
            ("copilot-api usage --client 'Claude Code' --csv", "one program's days, for a spreadsheet"),
        ),
        lambda: (
            Flag("by", help="Group by day, hour, model, client, key, session, outcome or dialect"),
            Flag("since", help="today, month (default), all, an age as 7d or 12h, or a date as 2026-11-30"),
            Flag("model", help="Only this model"),
            Flag("client", help="Only this program"),
            Flag("key", help="Only this client key"),
            Flag("session", help="Only this conversation"),
            JSON,
            CSV,
        ),
    ),
    Command(
        "models",
        "List the account's models, or explain a name: models resolve NAME",
        "copilot_api.cli.models",
        (
            ("copilot-api models", "what the account may use, with limits and endpoints"),
            ("copilot-api models resolve sonnet", "which model a name means, step by step"),
        ),
        lambda: (JSON, Flag("alias", many=True, help="NAME=MODEL")),
        words="[resolve NAME]",
    ),
    Command(
        "keys",
        "Make, list and revoke client keys: keys add NAME, keys list, keys revoke NAME",
        "copilot_api.cli.keys",
        (
            ("copilot-api keys add ann", "a key for everything; it is shown once"),
            ("copilot-api keys add ci --model sonnet --expires 30d", "for Claude Sonnet, and for a month"),
            ("copilot-api keys add bot --model 'gpt-*' --rate 30/min", "models by pattern, not too often"),
            ("copilot-api keys add old-laptop --concurrency 2", "two requests at once"),
            ("copilot-api keys list", "who has a key, and what for"),
            ("copilot-api keys revoke ann", "its streams end, its next request gets 401"),
        ),
        lambda: (
            Flag(
                "model",
                many=True,
                help="MODEL that the new key is good for: a name, a family or a pattern; give several",
            ),
            Flag("rate", help="N/min: requests a minute with the new key; after a pause as many at once"),
            Flag("concurrency", help="N: requests in flight with the new key"),
            Flag("expires", help="TIME until the new key expires: 45m, 12h, 30d, 8w or 1y"),
            JSON,
        ),
        words="add NAME | list | revoke NAME",
    ),
    Command(
        "debug",
        "Print paths, versions and engine state",
        "copilot_api.cli.debug",
        (("copilot-api debug --json", "the same facts for a program"),),
        lambda: (JSON,),
    ),
)
"""In the order in which help lists them."""
