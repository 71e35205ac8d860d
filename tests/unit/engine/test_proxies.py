"""Choice of a proxy from the environment: compat.md 2.8."""

from __future__ import annotations

import pytest

from copilot_api.engine.reference.proxies import choose, without_credentials

HTTPS = "https://api.github.com/user"


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({}, HTTPS, None),
        ({"https_proxy": "http://p:3"}, HTTPS, "http://p:3"),
        ({"HTTPS_PROXY": "http://p:3"}, HTTPS, "http://p:3"),
        ({"http_proxy": "http://p:3"}, HTTPS, None),
        ({"http_proxy": "http://p:3"}, "http://h/", "http://p:3"),
        ({"npm_config_https_proxy": "http://a", "https_proxy": "http://b"}, HTTPS, "http://a"),
        ({"npm_config_proxy": "http://a", "all_proxy": "http://b"}, HTTPS, "http://a"),
        ({"ALL_PROXY": "socks5://b:1"}, HTTPS, "socks5://b:1"),
        ({"https_proxy": "p:3"}, HTTPS, "https://p:3"),
        ({"https_proxy": "http://p", "no_proxy": "*"}, HTTPS, None),
        ({"https_proxy": "http://p", "no_proxy": "api.github.com"}, HTTPS, None),
        ({"https_proxy": "http://p", "no_proxy": "github.com"}, HTTPS, "http://p"),
        ({"https_proxy": "http://p", "no_proxy": ".github.com"}, HTTPS, None),
        ({"https_proxy": "http://p", "NO_PROXY": "x, *github.com"}, HTTPS, None),
        ({"https_proxy": "http://p", "no_proxy": "api.github.com:443"}, HTTPS, None),
        ({"https_proxy": "http://p", "no_proxy": "api.github.com:8443"}, HTTPS, "http://p"),
        ({"https_proxy": "http://p", "npm_config_no_proxy": "a b api.github.com"}, HTTPS, None),
    ],
)
def test_choice(environ: dict[str, str], url: str, proxy: str | None) -> None:
    assert choose(url, environ) == proxy


@pytest.mark.parametrize(
    ("proxy", "shown"),
    [
        ("http://user:pass@proxy.example:3128", "http://proxy.example:3128"),
        ("HTTP://Proxy:1/path", "http://proxy:1"),
        ("socks5h://u:p@[::1]:1080", "socks5h://[::1]:1080"),
        ("http://user:12/34@proxy:1", "http://proxy:1"),
        ("http://user:pa?ss#word@proxy:1", "http://proxy:1"),
        ("http://user:p@ss@proxy:1", "http://proxy:1"),
        ("user:12://secret@proxy", "://proxy"),
    ],
)
def test_r08_credentials_are_not_logged(proxy: str, shown: str) -> None:
    assert without_credentials(proxy) == shown
