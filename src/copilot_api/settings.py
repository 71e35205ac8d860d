"""Every option once: flag, environment variable, default, help text.

Precedence: flag, environment, config file, default. The value of an option and where it came from are
found by `copilot_api.configuration`; this module only says which options there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from copilot_api.records import Field, field, fields, record
from copilot_api.redaction import Secret

EngineName = Literal["native", "reference"]
ErrorStyle = Literal["compat", "dialect"]
LogFormat = Literal["text", "json"]
ServerName = Literal["native", "uvicorn"]

EDITOR_VERSION = "1.104.3"
"""VS Code version told to GitHub; the fallback of 0.7.0 (compat.md 2.5), a setting, never looked up."""

PLAN_NAMES = ("individual", "business", "enterprise")


def option(
    default: Any,
    help_text: str,
    *,
    alias: str | None = None,
    metavar: str = "",
    hidden: bool = False,
) -> Any:
    """Declare one option of `start`; the flag is the field's name with dashes."""
    metadata = {"help": help_text, "alias": alias, "metavar": metavar, "hidden": hidden}
    return field(default=default, metadata=metadata)


@record
class Settings:
    """The options of one process, immutable. Seconds are floats, sizes are bytes."""

    # The flags of 0.7.0 (compat.md 1.2)
    port: int = option(4141, "Port to listen on", alias="p", metavar="PORT")
    verbose: bool = option(False, "Log every step (never tokens or prompts)", alias="v")
    account_type: str = option(
        "individual", "Copilot plan: individual, business or enterprise", alias="a", metavar="PLAN"
    )
    manual: bool = option(False, "Ask at the terminal before each chat request")
    rate_limit: float | None = option(
        None, "Seconds between two chat requests; earlier ones get 429", alias="r", metavar="SECONDS"
    )
    wait: bool = option(False, "With --rate-limit: delay instead of refusing", alias="w")
    github_token: Secret | None = option(
        None, "GitHub token to use instead of the stored one", alias="g", metavar="TOKEN"
    )
    github_token_file: str | None = option(
        None,
        "File with the GitHub token to use, such as a mounted secret; it is read at start",
        metavar="FILE",
    )
    use_gh: bool = option(
        False, "Where no other token is there, use that of GitHub's own program (gh auth token)"
    )
    sign_in: bool = option(
        True, "Sign in by a code at GitHub when there is no token; --no-sign-in ends with exit code 4 instead"
    )
    profile: str | None = option(
        None,
        "Use the account, settings, keys and ledger of this name, apart from the others",
        metavar="NAME",
    )
    keyring: bool = option(
        False, "Keep the GitHub token in the system's keyring, not in a file (pip install keyring)"
    )
    claude_code: bool = option(
        False, "Choose two models and get the command that starts Claude Code", alias="c"
    )
    show_token: bool = option(False, "Print GitHub and Copilot tokens (for debugging only)")
    proxy_env: bool = option(False, "Reach GitHub through the proxies named in the environment")

    # Who can reach the gateway
    host: str | None = option(
        None, "Address to listen on; default is loopback (127.0.0.1 and ::1)", metavar="ADDRESS"
    )
    api_key: tuple[Secret, ...] = option(
        (), "Key that every client must send; may be given more than once", metavar="KEY"
    )
    api_key_file: str | None = option(None, "File with one client key a line", metavar="FILE")
    trusted_proxy: tuple[str, ...] = option(
        (),
        "Address or network of a front whose X-Forwarded-For is believed (or unix), to count wrong keys by "
        "client; may be given more than once",
        metavar="ADDRESS",
    )
    no_auth: bool = option(False, "Let whoever reaches the gateway use it without a key (unsafe)")
    public_host: tuple[str, ...] = option(
        (), "Further name clients may use in the Host header", metavar="NAME"
    )
    cors_origin: tuple[str, ...] = option(
        (), "Origin of a web page that may call the gateway, as https://name", metavar="ORIGIN"
    )
    token_endpoint: bool = option(True, "Answer GET /token with the Copilot token, to this user only")

    # Upstream
    github_host: str | None = option(
        None, "GitHub with data residency, as acme.ghe.com: for signing in, API and Copilot", metavar="HOST"
    )
    github_url: str = option("https://github.com", "GitHub, for signing in", metavar="URL")
    github_api_url: str = option("https://api.github.com", "GitHub's REST API", metavar="URL")
    copilot_url: str | None = option(
        None, "Copilot's API; default is the host GitHub names for the account", metavar="URL"
    )
    editor_version: str = option(EDITOR_VERSION, "Editor version told to GitHub", metavar="VERSION")

    # Times and sizes
    connect_timeout: float = option(10.0, "Seconds to connect to GitHub or Copilot", metavar="SECONDS")
    first_byte_timeout: float = option(300.0, "Seconds until an answer must begin", metavar="SECONDS")
    stream_idle_timeout: float = option(
        120.0, "Seconds of silence that end a stream, 0 is never", metavar="SECONDS"
    )
    stream_content_timeout: float = option(
        300.0,
        "Seconds without a piece of the answer that end a stream, comments alone do not count, 0 is never",
        metavar="SECONDS",
    )
    keepalive_interval: float = option(
        15.0, "Seconds of silence after which a client gets a keep-alive, 0 is never", metavar="SECONDS"
    )
    drain_timeout: float = option(30.0, "Seconds that running streams get at shutdown", metavar="SECONDS")
    body_limit: int = option(32 * 1024 * 1024, "Largest request body in bytes", metavar="BYTES")
    max_concurrency: int = option(64, "Requests in flight to Copilot; more get 503", metavar="N")
    queue_timeout: float = option(
        0.0,
        "Seconds a request beyond --max-concurrency waits for a place before it gets 503",
        metavar="SECONDS",
    )
    max_queue: int = option(512, "With --queue-timeout: requests that may wait; more get 503", metavar="N")
    memory_limit: int = option(
        0, "Memory of the process, as 512M, above which new requests get 503; 0 is off", metavar="BYTES"
    )
    rate_burst: int = option(
        1, "With --rate-limit: requests that may come at once after a pause (token bucket)", metavar="N"
    )
    cache: int = option(
        0,
        "Memory for answers that are kept: embeddings, and temperature 0 without a stream; as 64M; 0 is off",
        metavar="BYTES",
    )
    cache_ttl: float = option(3600.0, "Seconds a kept answer is given out, 0 is for ever", metavar="SECONDS")

    # What is spent
    ledger: bool = option(
        True, "Write down what each request cost, never its content: see copilot-api usage and /dashboard"
    )
    ledger_days: int = option(90, "Days that the ledger keeps", metavar="DAYS")
    ledger_size: int = option(
        256 * 1024 * 1024, "Largest ledger in bytes; the oldest go first", metavar="BYTES"
    )
    budget: tuple[str, ...] = option(
        (),
        "Limit of spending, as '20 credits/day', 'key=alice: $5/month' or 'model=gpt-5: 100 requests/day "
        "soft'; a soft one only warns; may be given more than once",
        metavar="LIMIT",
    )
    shared: Secret | None = option(
        None,
        "Redis or Valkey that several gateways share limits, budgets, keys, kept answers and the ledger by: "
        "redis://host:6379/0, rediss:// for TLS",
        metavar="URL",
    )
    dashboard: bool = option(True, "Serve /dashboard, under the same rules as everything else")

    # What can be watched
    log_format: LogFormat = option("text", "text, for people; json: an object a line", metavar="FORMAT")
    log_file: str | None = option(
        None, "Write the log to this file too, for this user only; five older ones are kept", metavar="FILE"
    )
    log_file_size: int = option(
        10 * 1024 * 1024, "With --log-file: bytes at which it is put aside, 0 is never", metavar="BYTES"
    )

    otel: bool = option(
        False,
        "Send traces and metrics, never content, by OTLP to where OTEL_EXPORTER_OTLP_ENDPOINT says "
        "(pip install 'copilot-api-gateway[otel]')",
    )

    capture: str | None = option(
        None,
        "Keep whole requests and answers, prompts too, masked but for content: on, or a directory; see "
        "copilot-api capture",
        metavar="DIR",
    )
    capture_size: int = option(
        64 * 1024 * 1024, "With --capture: bytes on disk; the oldest go first", metavar="BYTES"
    )
    capture_age: float = option(
        86_400.0, "With --capture: seconds after which what was kept is removed", metavar="SECONDS"
    )

    # Server
    server: ServerName | None = option(
        None, "Which server listens: native or uvicorn; default is the engine's", metavar="NAME"
    )
    unix_socket: str | None = option(
        None, "Listen on this Unix socket, for this user only, in place of a port", metavar="PATH"
    )
    tls_certificate: str | None = option(
        None, "PEM file with the certificate chain: serve HTTPS (native server)", metavar="FILE"
    )
    tls_key: str | None = option(None, "PEM file with the certificate's private key", metavar="FILE")
    max_connections: int = option(1024, "Client connections; more are refused with 503", metavar="N")

    # Engine
    engine: EngineName = option("native", "Which engine runs: native or reference", metavar="NAME")
    native: tuple[str, ...] = option(
        (),
        "One component: tokenizer=on, =off, =25% (share of requests) or =shadow (both run, differences are "
        "logged); may be given more than once",
        metavar="COMPONENT=STATE",
    )
    error_style: ErrorStyle = option(
        "compat",
        "compat: upstream's error text as 0.7.0 sent it; dialect: plain message and typed errors",
        metavar="STYLE",
    )
    alias: tuple[str, ...] = option(
        (),
        "Another name for a model; may be given more than once; in the config file also a table [aliases]",
        metavar="NAME=MODEL",
    )
    strict: bool = option(
        False,
        "Refuse a request with 400 when some of it would not reach the model, instead of leaving that out",
    )
    cache_breakpoints: bool = option(
        True, "Mark where Claude's prompt cache may begin, for clients that cannot say it themselves"
    )
    reasoning: bool = option(False, "Send the model's reasoning to Anthropic clients as thinking blocks")
    hook: tuple[str, ...] = option(
        (),
        "Python object with on_plan and on_summary (docs/embedding.md); may be given more than once",
        metavar="MODULE:OBJECT",
    )
    simulate: bool = option(False, "Use the built-in simulator instead of GitHub: no account needed")

    @property
    def aliases(self) -> Mapping[str, str]:
        """The user's names for models, in lower case and as they were written."""
        named = {}
        for pair in self.alias:
            name, _, model = (part.strip() for part in pair.partition("="))
            named[name] = named[name.lower()] = model
        return named


def option_fields() -> tuple[Field, ...]:
    """Return the declared options in the order of the help page."""
    return fields(Settings)


RELOADABLE = frozenset(
    {
        "alias",
        "api_key",
        "api_key_file",
        "cache_breakpoints",
        "connect_timeout",
        "cors_origin",
        "error_style",
        "first_byte_timeout",
        "keepalive_interval",
        "public_host",
        "rate_burst",
        "rate_limit",
        "reasoning",
        "stream_idle_timeout",
        "strict",
        "verbose",
        "wait",
    }
)
"""Settings that a running gateway can change; the others are built into what is open already."""
