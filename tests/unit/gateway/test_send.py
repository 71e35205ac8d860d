"""Which refusals make a second call, with what, and how often: upstream.md 1.7 and 8.2."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot_api.engine.client_interfaces import UpstreamCall
from copilot_api.engine.interfaces import TokenGrant
from copilot_api.gateway.errors import UpstreamRefused
from copilot_api.gateway.send import Sender
from copilot_api.redaction import Secret
from copilot_api.settings import Settings

NAMED = "https://api.business.githubcopilot.com"


class Upstream:
    def __init__(self, status: int, body: bytes = b"{}") -> None:
        self.status = status
        self.headers: dict[str, str] = {}
        self._body = body

    async def read(self, _limit: int) -> bytes:
        return self._body


class Client:
    """Answers with what is planned, then with 200."""

    def __init__(self, *planned: Upstream) -> None:
        self.planned = list(planned)
        self.calls: list[UpstreamCall] = []

    async def request(self, call: UpstreamCall) -> Upstream:
        self.calls.append(call)
        return self.planned.pop(0) if self.planned else Upstream(200)


class Tokens:
    """Gives a token, and another after each that was rejected."""

    def __init__(self, api_url: str | None = None) -> None:
        self.grant = TokenGrant(Secret("tid=1"), api_url=api_url)
        self.rejected = 0

    async def get(self) -> TokenGrant:
        return self.grant

    def reject(self, _grant: TokenGrant) -> None:
        self.rejected += 1
        self.grant = TokenGrant(Secret(f"tid={self.rejected + 1}"), api_url=self.grant.api_url)


def sender(client: Any, tokens: Any, **settings: Any) -> Sender:
    return Sender(client, tokens, Settings(**settings))


async def test_a_wrong_host_is_left_for_the_accounts_own_once() -> None:
    client, tokens = Client(Upstream(421)), Tokens(NAMED)
    subject = sender(client, tokens, account_type="enterprise")
    assert (await subject.send("POST", "/chat/completions", b"{}")).status == 200
    assert [call.url for call in client.calls] == [
        "https://api.enterprise.githubcopilot.com/chat/completions",
        f"{NAMED}/chat/completions",
    ]
    await subject.send("POST", "/chat/completions", b"{}")
    assert client.calls[-1].url.startswith(NAMED)


@pytest.mark.parametrize(
    ("named", "settings"),
    [
        (None, {}),
        ("https://evil.example", {"account_type": "enterprise"}),
        (NAMED, {"copilot_url": "http://127.0.0.1:1"}),
        (NAMED, {"account_type": "business"}),
    ],
)
async def test_a_wrong_host_without_a_better_one_is_told(named: str | None, settings: dict[str, Any]) -> None:
    client = Client(Upstream(421), Upstream(421))
    with pytest.raises(UpstreamRefused):
        await sender(client, Tokens(named), **settings).send("POST", "/chat/completions", b"{}")
    assert len(client.calls) == 1


async def test_a_plain_403_renews_the_token_once_in_a_while() -> None:
    plain = b"access to this endpoint is forbidden"
    client, tokens = Client(Upstream(403, plain), Upstream(200), Upstream(403, plain)), Tokens()
    subject = sender(client, tokens)
    await subject.send("POST", "/chat/completions", b"{}")
    assert (tokens.rejected, len(client.calls)) == (1, 2)
    with pytest.raises(UpstreamRefused):
        await subject.send("POST", "/chat/completions", b"{}")
    assert (tokens.rejected, len(client.calls)) == (1, 3)


async def test_a_403_with_a_reason_is_told_at_once() -> None:
    body = json.dumps({"error": {"message": "no", "code": "model_not_allowed"}}).encode()
    client, tokens = Client(Upstream(403, body)), Tokens()
    with pytest.raises(UpstreamRefused):
        await sender(client, tokens).send("POST", "/chat/completions", b"{}")
    assert (tokens.rejected, len(client.calls)) == (0, 1)


async def test_headers_are_made_once_for_a_kind_of_call() -> None:
    client = Client()
    subject = sender(client, Tokens())
    for leg in ("chat", "messages", "chat", "messages"):
        own = (("anthropic-beta", "b"),)
        await subject.send("POST", "/x", b"{}", initiator="user", leg=leg, own=own)  # type: ignore[arg-type]
    first, second, third, fourth = client.calls
    assert first.headers is third.headers
    assert second.headers is fourth.headers
    assert ("anthropic-version", "2023-06-01") in second.headers
    assert ("openai-intent", "messages-proxy") in second.headers
    assert ("openai-intent", "conversation-panel") in first.headers
    assert ("anthropic-beta", "b") in second.own
