"""What a token is, by its prefix; nothing of it is shown."""

from __future__ import annotations

import pytest

from copilot_api.github.kinds import KINDS, kind_of, masked
from copilot_api.redaction import Secret


@pytest.mark.parametrize(
    ("token", "name", "works"),
    [
        ("ghu_abc", "user", "yes"),
        ("gho_abc", "oauth", "yes"),
        ("github_pat_11AAA_bbb", "fine-grained", "maybe"),
        ("ghs_abc", "installation", "maybe"),
        ("ghp_abc", "classic", "no"),
        ("ghr_abc", "refresh", "no"),
        ("tid=1;exp=2:mac", "copilot", "no"),
        ("cak_abc", "client-key", "no"),
        ("sk-proj-abc", "other-vendor", "no"),
        ("0123456789abcdef0123456789abcdef01234567", "old", "maybe"),
        ("0123456789abcdef0123456789abcdef0123456", "unknown", "maybe"),
        ("", "unknown", "maybe"),
    ],
)
def test_kinds(token: str, name: str, works: str) -> None:
    kind = kind_of(Secret(token))
    assert (kind.name, kind.works) == (name, works)
    assert kind.says.endswith(tuple("abcdefghijklmnopqrstuvwxyz"))


def test_nothing_of_the_secret_is_shown() -> None:
    for kind in KINDS:
        assert masked(Secret(f"{kind.prefix}secret")) == f"{kind.prefix}…"
    assert masked(Secret("secret")) == "…"
