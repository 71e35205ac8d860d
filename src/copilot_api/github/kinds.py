"""What a GitHub token is, by its prefix, and what that kind can do (upstream.md 1.5)."""

from __future__ import annotations

from typing import Literal

from copilot_api.records import record
from copilot_api.redaction import Secret

Works = Literal["yes", "maybe", "no"]
"""Whether GitHub gives a Copilot token for this kind."""


@record
class Kind:
    """One kind of token."""

    name: str
    """Its stable name, for programs."""
    prefix: str
    title: str
    works: Works
    says: str
    """What it can do, in one sentence."""


_OLD = Kind(
    "old",
    "",
    "token of before 2021",
    "maybe",
    "A token of the old form does not say what it is; GitHub may refuse it",
)
_UNKNOWN = Kind(
    "unknown",
    "",
    "text of no known form",
    "maybe",
    "This does not look like a token of GitHub's; GitHub will say what it thinks of it",
)
KINDS = (
    Kind(
        "user",
        "ghu_",
        "user token of a GitHub App",
        "yes",
        "It is what `copilot-api auth` makes: it uses your own seat until you withdraw it",
    ),
    Kind(
        "oauth",
        "gho_",
        "user token of an OAuth app",
        "yes",
        "It uses your own seat if its app may use Copilot, as the editors' do; GitHub refuses that to others",
    ),
    Kind(
        "fine-grained",
        "github_pat_",
        "fine-grained personal access token",
        "maybe",
        'It needs the permission "Copilot Requests", and GitHub honours that for some accounts only',
    ),
    Kind(
        "installation",
        "ghs_",
        "installation token, as of GitHub Actions",
        "maybe",
        'It needs the permission "Copilot Requests", bills the organisation, and ends after an hour',
    ),
    Kind(
        "classic",
        "ghp_",
        "classic personal access token",
        "no",
        "GitHub never accepts classic personal access tokens for Copilot",
    ),
    Kind(
        "refresh",
        "ghr_",
        "refresh token",
        "no",
        "A refresh token only makes other tokens; it signs nobody in",
    ),
    Kind(
        "copilot",
        "tid=",
        "Copilot token",
        "no",
        "This is Copilot's token of half an hour; GitHub's own token is needed, which makes such ones",
    ),
    Kind(
        "client-key",
        "cak_",
        "client key of a gateway",
        "no",
        "This is a key that clients send to a gateway; GitHub does not know it",
    ),
    Kind(
        "other-vendor",
        "sk-",
        "key of another vendor",
        "no",
        "This is a key of OpenAI, Anthropic or the like; GitHub does not know it",
    ),
)
_HEX = frozenset("0123456789abcdef")


def kind_of(token: Secret) -> Kind:
    """Return the kind of a token."""
    text = token.reveal()
    for kind in KINDS:
        if text.startswith(kind.prefix):
            return kind
    return _OLD if len(text) == 40 and _HEX.issuperset(text) else _UNKNOWN


def masked(token: Secret) -> str:
    """Return what may be shown of a token: its prefix, nothing of the secret."""
    return f"{kind_of(token).prefix}…"
