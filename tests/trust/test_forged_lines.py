"""What others write moves no cursor, makes no line and turns no text, in any log (R-19)."""

from __future__ import annotations

import itertools
import re
from urllib.parse import quote

import pytest

from tests.support.marks import GITHUB, LEGS, marked, post, question, request_bytes, send
from tests.support.process import GatewayProcess
from tests.support.scripted_upstream import Attempt, Script, ScriptedUpstream
from tests.support.upstream_steps import MODELS, data, end, event, fin, head, raw, whole
from tests.trust.conftest import flags

FORGED = "FORGED"
HOSTILE = (
    f"x\x1b[2J\r\n{FORGED}",
    f"x\n{FORGED}",
    f"x\r{FORGED}",
    f"x\u2028{FORGED}\u2029{FORGED}\x85{FORGED}\x0b{FORGED}\x0c{FORGED}",
    f"x\u202e{FORGED}\u2066\u2069\u200f\u061c",
    f"x\x00\x07\x08\x7f\x9b31m{FORGED}",
)
_RAW = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]")
_SPECIAL = re.compile("[\x80-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def check(gateway: GatewayProcess) -> None:
    for line in [*gateway.output.lines, *gateway.errors.lines]:
        assert not line.lstrip().startswith(FORGED), line
        assert not _RAW.search(line.encode()), line
        assert not _SPECIAL.search(line), line


def test_r19_nothing_of_clients_or_upstream_forges_a_log(
    combination: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    listed = [{**MODELS[0], "id": f"m{name}", "name": name, "vendor": name} for name in HOSTILE]

    def upstream_says(attempt: Attempt) -> Script | None:
        if attempt.path == "/models":
            return whole({"object": "list", "data": [*MODELS, *listed]})
        if attempt.path == "/copilot_internal/user":
            return whole({"message": HOSTILE[0]}, 500)
        return marked(attempt)

    home = tmp_path_factory.mktemp("home")
    arguments = (*flags(*combination), "--verbose", "--api-key", "key-of-the-tests")
    key = ("x-api-key", "key-of-the-tests")
    with (
        ScriptedUpstream(upstream_says) as upstream,
        GatewayProcess(home, upstream.url, *arguments, token=GITHUB) as gateway,
    ):
        for name, (model, path) in itertools.product(HOSTILE, LEGS.values()):
            error = {"message": name, "code": name, "param": name, "type": name}
            upstream.plan(path, *whole({"error": error}, 400))
            upstream.plan(path, *whole(name.encode(), 500, [("x-request-id", "1")]))
            upstream.plan(path, head(), data(event({"error": error})), end())
            upstream.plan(path, raw(f"HTTP/1.1 200 {quote(name)}\x1b[2J\r\n\x1b: 1\r\n\r\n".encode()), fin())
            for dialect in ("chat", "messages", "responses", "ollama", "completions"):
                target, value = question(dialect, model, streamed=True)
                post(gateway.port, target, value, key)
                named = {"model": f"{model}{name}", "user": name, "metadata": {"user_id": name}}
                tool = {"name": name, "input_schema": {}, "function": {"name": name}, "type": "function"}
                post(gateway.port, target, {**value, **named, "tools": [tool]}, key)
            upstream.forget()
        for name in HOSTILE:
            for target in (
                f"/{quote(name)}",
                f"/v1beta/models/{quote(name)}:generateContent",
                f"/?{quote(name)}",
            ):
                send(gateway.port, request_bytes("GET", target, ("X-Initiator", "\x1b[2J"), key))
                post(gateway.port, target, {"contents": [{"parts": [{"text": "x"}]}]}, key)
            send(gateway.port, request_bytes("GET", "/usage", key))
            send(gateway.port, request_bytes("GET", "/", ("Host", f"{quote(name)}.example"), key))
            send(gateway.port, request_bytes("GET", "/", ("Origin", "http://\x85\u00ff"), key))
        send(gateway.port, request_bytes("GET", "/\x1b[2J\x85", key))
        send(gateway.port, request_bytes("\x1b[2J", "/", key))
        send(gateway.port, request_bytes("GET", "/the-last", key))
        gateway.output.wait_for("--> GET /the-last")
    text = gateway.output.text
    assert text.count(FORGED) > 50
    assert "\\x1b[2J\\x0d\\x0a" in text
    assert "\\u202e" in text
    check(gateway)


@pytest.mark.parametrize("what", ["token", "models"])
def test_r19_a_failed_start_forges_no_line(
    combination: tuple[str, str], tmp_path_factory: pytest.TempPathFactory, what: str
) -> None:
    path = {"token": "/copilot_internal/v2/token", "models": "/models"}[what]
    with ScriptedUpstream(marked) as upstream:
        upstream.always(path, *whole({"message": HOSTILE[0] + HOSTILE[4]}, 403))
        home = tmp_path_factory.mktemp("home")
        gateway = GatewayProcess(home, upstream.url, *flags(*combination), "--verbose", token=GITHUB)
        with pytest.raises(AssertionError), gateway:
            pass
    assert FORGED in gateway.errors.text
    check(gateway)
