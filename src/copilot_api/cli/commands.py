"""Every command once: what it is called, what it takes, what its help says. Nothing here runs one."""

from __future__ import annotations

from collections.abc import Callable

from copilot_api.cli.arguments import Flag
from copilot_api.records import record


def no_flags() -> tuple[Flag, ...]:
    """Return the flags of a command that takes none."""
    return ()


PROFILE = Flag("profile", help="NAME of the profile: its account, settings, keys and ledger")


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

    @property
    def all_flags(self) -> tuple[Flag, ...]:
        """The command's flags, and the one that all have."""
        flags = self.flags()
        return flags if any(flag.name == PROFILE.name for flag in flags) else (*flags, PROFILE)


def start_flags(*, hidden: bool = False) -> tuple[Flag, ...]:
    """Return the flags of `start`, which are the options."""
    from copilot_api.configuration import CHOICES, is_boolean, is_list
    from copilot_api.settings import PLAN_NAMES, option_fields

    return tuple(
        Flag(
            option.name.replace("_", "-"),
            option.metadata["alias"],
            boolean=is_boolean(option),
            many=is_list(option.name),
            help=option.metadata["help"],
            metavar=option.metadata["metavar"],
            choices=PLAN_NAMES if option.name == "account_type" else CHOICES.get(option.name, ()),
            hidden=hidden,
        )
        for option in option_fields()
    )


def _axes() -> tuple[str, ...]:
    from copilot_api.ledger.reports import AXES

    return tuple(AXES)


KEY_VARIABLE = "COPILOT_API_KEY"
"""Where commands that ask a running gateway look for a client key."""


def _run_flags() -> tuple[Flag, ...]:
    return (
        Flag("model", help="MODEL that the program is to use; default is the newest of the family it likes"),
        Flag("small-model", help="MODEL for its side tasks"),
        Flag("dry-run", boolean=True, help="Print environment and command, and start nothing"),
        Flag("key", help="KEY for a gateway that runs; --key-env does not show it to other users"),
        Flag("key-env", help="NAME of the variable that holds the key; default is COPILOT_API_KEY"),
        *start_flags(hidden=True),
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
        start_flags,
    ),
    Command(
        "run",
        "Start a client program with a gateway, for once; what follows -- is the program's",
        "copilot_api.cli.run",
        (
            ("copilot-api run claude", "Claude Code, with the gateway that runs or one of its own"),
            ("copilot-api run codex -- exec 'explain this repository'", "one answer, and its exit code"),
            ("copilot-api run --simulate opencode", "try it without an account"),
            ("copilot-api run --model gpt-5.5 claude -- --continue", "another model than the usual"),
            ("copilot-api run --dry-run gemini", "see the environment and the command"),
        ),
        _run_flags,
        words="claude|codex|gemini|opencode|aider",
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
        "Sign in to GitHub without starting the server, say who is signed in, or sign out",
        "copilot_api.cli.auth",
        (
            ("copilot-api auth", "sign in to GitHub and store the token"),
            ("copilot-api auth status", "who is signed in, with which token, and who pays"),
            ("copilot-api auth explain", "every place that may hold a token, and which one is used"),
            ("copilot-api auth logout", "erase the stored token"),
            ("copilot-api auth --profile work", "a second account, apart from the first"),
            ("copilot-api auth --github-host acme.ghe.com", "an enterprise with data residency"),
        ),
        lambda: (
            Flag("verbose", "v", boolean=True, help="Log every step"),
            Flag("show-token", boolean=True, help="Print the GitHub token"),
            Flag("keyring", boolean=True, help="Keep the token in the system's keyring"),
            Flag("github-host", help="HOST of an enterprise with data residency, as acme.ghe.com"),
            Flag("github-token-file", help="FILE with the token, for status and explain"),
            Flag("use-gh", boolean=True, help="Look at the token of gh too, for status and explain"),
            JSON,
        ),
        words="[status | explain | logout]",
    ),
    Command(
        "check-usage",
        "Show the account's Copilot quota",
        "copilot_api.cli.check_usage",
        (
            ("copilot-api check-usage", "what is left of this month's quota"),
            ("copilot-api check-usage --json", "the same for a program"),
        ),
        lambda: (JSON,),
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
            Flag(
                "by",
                help="Group by day, hour, model, client, key, session, outcome or dialect",
                choices=_axes(),
            ),
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
        "top",
        "Watch a running gateway: streams, spending, failures",
        "copilot_api.cli.top",
        (
            ("copilot-api top", "until q is pressed"),
            ("copilot-api top --once", "one look, as text"),
            ("copilot-api top --json", "one look, for a program"),
            ("copilot-api top --url https://gateway.example --key KEY", "a gateway elsewhere"),
        ),
        lambda: (
            Flag("url", help="Where it is; default is where `start` would serve", metavar="URL"),
            Flag("key", help="A client key without limits; better in $COPILOT_API_KEY", metavar="KEY"),
            Flag("once", boolean=True, help="Show one look and end, as when the output is no terminal"),
            JSON,
        ),
    ),
    Command(
        "cache",
        "Show what broke prompt caches, and what that cost",
        "copilot_api.cli.cache",
        (
            ("copilot-api cache", "this month's causes, the dearest first"),
            ("copilot-api cache --since today --client 'Claude Code'", "one program's today"),
            (
                "copilot-api cache --session efbc8ab2-637e-4f23-909b-0869128c4eac",
                "one conversation, turn by turn",
            ),
        ),
        lambda: (
            Flag("session", help="One conversation, turn by turn"),
            Flag("since", help="today, month (default), all, an age as 7d or 12h, or a date as 2026-11-30"),
            Flag("model", help="Only this model"),
            Flag("client", help="Only this program"),
            Flag("key", help="Only this client key"),
            JSON,
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
            Flag("shared", help="URL of the store that several gateways share, as for start"),
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
        "doctor",
        "Find what keeps a start with these options from working, and say how to mend it",
        "copilot_api.cli.doctor",
        (
            ("copilot-api doctor", "look at everything that start would need"),
            ("copilot-api doctor --fix", "and tighten the modes of files that others can read"),
            ("copilot-api doctor --proxy-env --port 8080", "as a start with these options would be"),
            ("copilot-api doctor --json", "for a program: each finding has a name that does not change"),
        ),
        lambda: (
            JSON,
            Flag("fix", boolean=True, help="Mend what can be mended without a risk: modes of files"),
            *start_flags(hidden=True),
        ),
    ),
    Command(
        "migrate",
        "Look for 0.7.0 and its forks, say what will differ, and carry settings over",
        "copilot_api.cli.migrate",
        (
            ("copilot-api migrate", "what was found and what differs; asks before it writes"),
            ("copilot-api migrate --dry-run", "look only"),
            ("copilot-api migrate --yes", "carry over without a question"),
        ),
        lambda: (
            Flag("dry-run", boolean=True, help="Show what would be carried over, and ask nothing"),
            Flag("yes", "y", boolean=True, help="Carry over without asking"),
            JSON,
        ),
    ),
    Command(
        "selftest",
        "Try everything out against the built-in simulator: no account, no network",
        "copilot_api.cli.selftest",
        (
            ("copilot-api selftest", "whether this installation works, in a few seconds"),
            ("copilot-api selftest --live", "and one small real request, after a question: it is billed"),
            ("copilot-api selftest --json", "for a program; exit code 1 when a check failed"),
        ),
        lambda: (
            JSON,
            Flag("live", boolean=True, help="Send one small request to Copilot too; asks first"),
            Flag("yes", "y", boolean=True, help="With --live: send it without asking"),
        ),
    ),
    Command(
        "report",
        "Write what helps with an issue into a file that can be shown: no secrets, no names",
        "copilot_api.cli.report",
        (
            ("copilot-api report", "a file in this directory; it says what is in it"),
            ("copilot-api report --print", "look at it first"),
            ("copilot-api report --log gateway.log", "with the last lines of a log"),
        ),
        lambda: (
            Flag("print", boolean=True, help="Print it; write nothing"),
            Flag("output", "o", help="FILE to write"),
            Flag("log", help="FILE with the log, whose last 200 lines go in; without it that of --log-file"),
            *start_flags(hidden=True),
        ),
    ),
    Command(
        "debug",
        "Print paths, versions and engine state",
        "copilot_api.cli.debug",
        (("copilot-api debug --json", "the same facts for a program"),),
        lambda: (JSON,),
    ),
    Command(
        "config",
        "Show every option with its value and origin, and change the config file",
        "copilot_api.cli.config",
        (
            ("copilot-api config", "what holds, and where each value comes from"),
            ("copilot-api config --changed", "without the defaults"),
            ("copilot-api config --port 8080", "the same with a flag of start"),
            ("copilot-api config get port", "one value"),
            ("copilot-api config set rate-limit 10", "write it to the config file; comments stay"),
            ("copilot-api config set budget '20 credits/day' 'key=ann: $5/month'", "a list"),
            ("copilot-api config unset rate-limit", "back to the default"),
            ("copilot-api config path", "where the config file is"),
        ),
        lambda: (
            Flag("changed", boolean=True, help="Only what is not as it comes"),
            JSON,
            *start_flags(hidden=True),
        ),
        words="[get NAME | set NAME VALUE | unset NAME | path]",
    ),
    Command(
        "service",
        "Keep the gateway running: a systemd user unit, or a launchd agent on macOS",
        "copilot_api.cli.service",
        (
            ("copilot-api service install", "start it now, and whenever you log in"),
            ("copilot-api service install -- --port 8080", "with options of start"),
            ("copilot-api service install --print", "only show what would be written"),
            ("copilot-api service status", "whether it runs; exit code 3 if not"),
            ("copilot-api service uninstall", "stop and remove it"),
        ),
        lambda: (
            Flag("print", boolean=True, help="Show the unit and write nothing"),
            Flag("no-start", boolean=True, help="Install it, and start it at the next log-in only"),
            Flag("force", boolean=True, help="Replace a unit that this program did not write"),
            JSON,
        ),
        words="install [-- START OPTIONS] | uninstall | status",
    ),
    Command(
        "completions",
        "Print what a shell needs to complete copilot-api's words",
        "copilot_api.cli.completions",
        (
            (
                "copilot-api completions bash > ~/.local/share/bash-completion/completions/copilot-api",
                "for bash",
            ),
            ("copilot-api completions zsh > ~/.zfunc/_copilot-api", "for zsh, with ~/.zfunc in its fpath"),
            ("copilot-api completions fish > ~/.config/fish/completions/copilot-api.fish", "for fish"),
        ),
        words="bash | zsh | fish",
    ),
)
"""In the order in which help lists them."""
