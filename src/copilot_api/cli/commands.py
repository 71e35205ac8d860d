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


JSON = Flag("json", boolean=True, help="Print JSON")
DIRECTORY = Flag("dir", help="DIR that start --capture wrote to, if not its own")
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
            ("copilot-api start --capture on", "keep whole requests for a day: see copilot-api capture"),
            ("copilot-api start --claude-code", "choose models and get the command for Claude Code"),
        ),
        _start_flags,
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
        "capture",
        "Look at what start --capture kept: capture list, show ID, export --har FILE, clear",
        "copilot_api.cli.capture",
        (
            ("copilot-api capture list", "what was kept, the newest first"),
            ("copilot-api capture show last", "the newest: both requests, both answers, what was changed"),
            ("copilot-api capture export --har talk.har", "all of it, for the tools of a browser"),
            ("copilot-api capture clear", "remove it now"),
        ),
        lambda: (
            Flag("har", help="FILE that export writes, an HTTP Archive"),
            DIRECTORY,
            JSON,
        ),
        words="list | show ID | export --har FILE [ID ...] | clear",
    ),
    Command(
        "replay",
        "Send a captured request again and show what differs in the answer",
        "copilot_api.cli.replay",
        (
            ("copilot-api replay last", "the newest capture, answered by the simulator: nothing is billed"),
            ("copilot-api replay last --upstream live", "answered by Copilot, which bills it"),
        ),
        lambda: (
            Flag("upstream", help="simulator (default), or live: Copilot, which bills the request"),
            DIRECTORY,
            JSON,
        ),
        words="ID",
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
