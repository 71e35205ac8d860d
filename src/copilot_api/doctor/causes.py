"""Every cause that can be named: where it is found, how bad it is, and its usual cure in one line.

What each means stands in ``docs/troubleshooting.md``, under its name; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from copilot_api.records import record

Badness = Literal["note", "warning", "problem"]


@record
class Cause:
    """One cause. Its name does not change."""

    name: str
    check: str
    level: Badness
    fix: str


_TABLE: tuple[tuple[str, str, Badness, str], ...] = (
    ("config-unreadable", "config", "problem", "correct the line that is named, or move the file away"),
    ("config-unknown-option", "config", "problem", "correct its name: docs/options.md lists all"),
    ("config-bad-value", "config", "problem", "correct the line that is named"),
    ("flag-bad-value", "config", "problem", "correct the option that is named"),
    ("config-open-to-others", "config", "problem", "chmod 600 the file (copilot-api doctor --fix does it)"),
    ("environment-bad-value", "environment", "problem", "correct the variable that is named, or unset it"),
    ("environment-unknown-option", "environment", "warning", "correct its name: docs/options.md lists all"),
    (
        "token-unused",
        "environment",
        "warning",
        "unset the one that is not meant; copilot-api auth explain shows the order",
    ),
    (
        "ca-file-unusable",
        "environment",
        "problem",
        "let it name a PEM file with the certificates to trust, or unset it",
    ),
    ("data-not-writable", "data", "problem", "give the directory to the user who runs the gateway"),
    ("data-read-only", "data", "problem", "mount it writable, or set HOME to a place that is"),
    ("data-disk-full", "data", "problem", "make room on it"),
    ("data-no-directory", "data", "problem", "move that file away"),
    ("data-open-to-others", "data", "warning", "chmod 700 the directory (copilot-api doctor --fix does it)"),
    ("not-signed-in", "credential", "problem", "copilot-api auth"),
    ("token-kind-refused", "credential", "problem", "copilot-api auth makes one of the right kind"),
    ("token-no-credential", "credential", "problem", "copilot-api auth makes one of the right kind"),
    ("token-short-lived", "credential", "warning", "for more than an hour use the token of a user"),
    (
        "token-open-to-others",
        "credential",
        "problem",
        "chmod 600 the file (copilot-api doctor --fix does it)",
    ),
    ("token-of-another-user", "credential", "problem", "remove the file and sign in with copilot-api auth"),
    ("token-unreadable", "credential", "problem", "remove what is named and sign in with copilot-api auth"),
    ("token-file-unusable", "credential", "problem", "let the file hold one token, or leave the option out"),
    ("name-unknown", "network", "problem", "check the network and the name; behind a proxy say --proxy-env"),
    ("host-unreachable", "network", "problem", "check firewall and VPN; behind a proxy say --proxy-env"),
    (
        "host-silent",
        "network",
        "problem",
        "try again later; https://www.githubstatus.com says whether it is GitHub",
    ),
    ("connection-lost", "network", "problem", "check what stands between: proxy, firewall, VPN"),
    ("proxy-not-used", "network", "problem", "start with --proxy-env"),
    (
        "proxy-unknown-name",
        "network",
        "problem",
        "correct HTTPS_PROXY, or connect to the network that the proxy is in",
    ),
    ("proxy-unreachable", "network", "problem", "correct HTTPS_PROXY, or start the proxy"),
    (
        "proxy-needs-password",
        "network",
        "problem",
        "write them into the URL: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT",
    ),
    (
        "proxy-refuses",
        "network",
        "problem",
        "ask who runs the proxy to allow the host that is named, or except it in NO_PROXY",
    ),
    (
        "tls-unknown-ca",
        "network",
        "problem",
        "let SSL_CERT_FILE name a PEM file with that certificate beside the usual ones",
    ),
    (
        "tls-wrong-host",
        "network",
        "problem",
        "check DNS and the file hosts; a hotel's or a company's page may stand between",
    ),
    (
        "tls-expired",
        "network",
        "problem",
        "set the clock of this machine; if it is right, something between shows an old certificate",
    ),
    ("tls-failed", "network", "problem", "check what stands between: proxy, firewall, VPN"),
    ("answer-unusable", "network", "problem", "open https://github.com in a browser and see what comes"),
    ("github-fails", "network", "problem", "try again later; https://www.githubstatus.com says more"),
    ("clock-wrong", "clock", "warning", "let the system set its clock (timedatectl set-ntp true)"),
    ("token-revoked", "account", "problem", "copilot-api auth"),
    (
        "no-copilot",
        "account",
        "problem",
        "https://github.com/settings/copilot shows what the account has; or sign in with another one",
    ),
    ("terms-not-accepted", "account", "problem", "open https://github.com/settings/copilot once and save"),
    ("account-blocked", "account", "problem", "read GitHub's words; only its support can lift it"),
    (
        "copilot-forbidden",
        "account",
        "problem",
        "read GitHub's words; the organisation's owner sets its policies",
    ),
    ("rate-limited", "account", "problem", "wait; the limit opens again within an hour"),
    (
        "copilot-host-foreign",
        "account",
        "warning",
        "nothing, if requests work; otherwise say the host by --copilot-url",
    ),
    ("copilot-refuses", "models", "problem", "read Copilot's words; a newer version may know what changed"),
    (
        "copilot-wrong-host",
        "models",
        "problem",
        "leave --account-type and --copilot-url out: the account's own host is found",
    ),
    ("no-models", "models", "problem", "https://github.com/settings/copilot shows which models are on"),
    (
        "models-policy",
        "models",
        "note",
        "turn them on at https://github.com/settings/copilot, or ask the organisation's owner",
    ),
    ("models-no-endpoint", "models", "warning", "a newer version may know them"),
    (
        "alias-unlisted",
        "models",
        "warning",
        "copilot-api models lists what there is; correct --alias or [aliases]",
    ),
    ("listener-needs-key", "listener", "problem", "copilot-api keys add NAME"),
    ("listener-tls-unusable", "listener", "problem", "correct --tls-certificate and --tls-key"),
    ("key-file-unusable", "listener", "problem", "let it hold one key a line"),
    ("port-taken", "port", "problem", "stop it, or choose another port with --port"),
    ("port-privileged", "port", "problem", "choose one above 1023 with --port"),
    ("host-not-here", "port", "problem", "correct --host (or $HOST); leave it out for this machine only"),
    ("gateway-silent", "gateway", "problem", "stop the process that is named, and start the gateway again"),
    ("gateway-other-version", "gateway", "warning", "stop it and start it again"),
    ("gateway-rolled-back", "gateway", "warning", "start it again; please report it with copilot-api report"),
    ("keys-unusable", "keys", "problem", "correct the line that is named"),
    ("keys-open-to-others", "keys", "problem", "chmod 600 the file (copilot-api doctor --fix does it)"),
    ("keys-none-good", "keys", "warning", "copilot-api keys add NAME, or remove keys.json to need none"),
    ("ledger-unreadable", "ledger", "problem", "move the file away; a new one is made"),
    ("ledger-newer", "ledger", "problem", "use the newer version again, or move the file away"),
    ("store-package-missing", "store", "problem", "pip install 'copilot-api-gateway[shared]'"),
    ("store-refuses", "store", "problem", "correct the URL of --shared: redis://USER:PASSWORD@HOST:PORT/0"),
    ("store-away", "store", "warning", "start the store; until then each gateway counts for itself"),
    ("client-misconfigured", "clients", "problem", "copilot-api setup NAME writes what it needs"),
    ("client-surprising", "clients", "warning", "copilot-api setup NAME writes what it needs"),
    (
        "native-missing",
        "engine",
        "warning",
        "install the package for this system again; from a clone: make build-native",
    ),
    ("native-broken", "engine", "problem", "install the package again, or start with --engine reference"),
    (
        "native-other-version",
        "engine",
        "problem",
        "install the package again; from a clone: make build-native",
    ),
    ("check-failed", "engine", "warning", "please report it with copilot-api report"),
    ("check-timed-out", "engine", "warning", "see whether the file system of the home directory answers"),
)

CAUSES: Mapping[str, Cause] = {row[0]: Cause(*row) for row in _TABLE}
"""By name."""
