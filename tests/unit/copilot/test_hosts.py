"""Which host gets the bearer token (compat.md 2.2, upstream.md 2.1, R-10)."""

from __future__ import annotations

import re

import pytest

from copilot_api.copilot.headers import copilot_headers, request_id
from copilot_api.copilot.hosts import base_url
from copilot_api.redaction import Secret
from copilot_api.settings import Settings

NAMED = "https://api.business.githubcopilot.com"


@pytest.mark.parametrize(
    ("settings", "named", "url"),
    [
        (Settings(), None, "https://api.githubcopilot.com"),
        (Settings(), NAMED, NAMED),
        (Settings(), NAMED + "/", NAMED),
        (Settings(account_type="business"), None, NAMED),
        (Settings(account_type="enterprise"), NAMED, "https://api.enterprise.githubcopilot.com"),
        (Settings(copilot_url="http://127.0.0.1:9/"), NAMED, "http://127.0.0.1:9"),
        (
            Settings(github_api_url="https://api.acme.ghe.com"),
            "https://copilot-api.acme.ghe.com",
            "https://copilot-api.acme.ghe.com",
        ),
        (Settings(github_host="acme.ghe.com"), None, "https://copilot-api.acme.ghe.com"),
        (Settings(github_host="acme.ghe.com"), NAMED, "https://copilot-api.acme.ghe.com"),
        (
            Settings(github_host="acme.ghe.com", account_type="business"),
            "https://copilot-api.other.ghe.com",
            "https://copilot-api.acme.ghe.com",
        ),
        (Settings(github_api_url="https://api.acme.ghe.com"), NAMED, "https://copilot-api.acme.ghe.com"),
    ],
)
def test_base_url(settings: Settings, named: str | None, url: str) -> None:
    assert base_url(settings, named) == url


@pytest.mark.parametrize(
    "named",
    [
        "http://api.business.githubcopilot.com",
        "https://evil.example",
        "https://githubcopilot.com.evil.example",
        "https://evilgithubcopilot.com",
        "https://user@api.githubcopilot.com",
        "https://api.githubcopilot.com:8443",
        "https://copilot-api.other.ghe.com",
        "https://[",
        "",
        "https://copilot.githubcopilot.com.evil.example",
        "https://user:password@api.githubcopilot.com",
        "https://evil.example\\.githubcopilot.com",
        "https://evil.example\\@api.githubcopilot.com",
        "https://evil.example#.githubcopilot.com",
        "https://evil.example?.githubcopilot.com",
        "https://evil.example/.githubcopilot.com",
        "https://evil.example/\n.githubcopilot.com",
        "https://api.githubcopilot.com\r\nX-Evil: 1",
        "https://api.githubcopilot.com\n",
        "https://api.githubcopilot.com/../evil",
        "https://api.githubcopilot.com:0443",
        "https://api.github\u212aopilot.com",
        "https://.githubcopilot.com",
        "https://api.githubcopilot.com.",
        "//api.githubcopilot.com",
        "HTTP://api.githubcopilot.com",
        " https://api.githubcopilot.com",
        "file:///api.githubcopilot.com",
        "https://127.0.0.1",
        "https://copilot-api.acme.ghe.com",
    ],
)
def test_r10_other_hosts_never_get_the_token(named: str) -> None:
    assert base_url(Settings(), named) == "https://api.githubcopilot.com"


def test_request_ids_are_version_4_uuids() -> None:
    ids = {request_id() for _ in range(500)}
    assert len(ids) == 500
    pattern = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    assert all(pattern.fullmatch(value) for value in ids)


def test_header_set_c() -> None:
    plain = dict(copilot_headers(Secret("tid=1"), editor_version="1.104.3"))
    assert plain == {
        "Authorization": "Bearer tid=1",
        "content-type": "application/json",
        "copilot-integration-id": "vscode-chat",
        "editor-version": "vscode/1.104.3",
        "editor-plugin-version": "copilot-chat/0.26.7",
        "user-agent": "GitHubCopilotChat/0.26.7",
        "openai-intent": "conversation-panel",
        "x-github-api-version": "2025-04-01",
        "x-vscode-user-agent-library-version": "electron-fetch",
    }
    rich_set = copilot_headers(Secret("t"), editor_version="1", initiator="agent", vision=True)
    rich = dict(rich_set)
    assert rich["X-Initiator"] == "agent"
    assert rich["copilot-vision-request"] == "true"
