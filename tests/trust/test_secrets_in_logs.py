"""No token, key, prompt or answer in any log, on any stream, at any level, whatever goes wrong (R-08)."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.marks import (
    ALL,
    DIALECTS,
    ECHOES,
    GITHUB,
    KEY,
    LEGS,
    TOKENS,
    WRONG_KEY,
    found_in,
    marked,
    plan_echo,
    post,
    question,
    request_bytes,
    send,
)
from tests.support.process import GatewayProcess
from tests.support.scripted_upstream import Attempt, Script, ScriptedUpstream
from tests.support.upstream_steps import whole
from tests.trust.conftest import COMBINATIONS, Side, flags

pytestmark = pytest.mark.secrets

LEVELS = {
    "quiet": (),
    "verbose": ("--verbose", "--log-file", "gateway.log"),
    "json": ("--verbose", "--log-format", "json", "--log-file", "gateway.log"),
}
CAME = {"json": '"event":"request.arrived","message":"POST '}
BEGAN = {"json": '"event":"request.answered","message":"POST '}
"""How requests and the beginnings of their answers are told where not by arrows."""
KEY_FORMS = (
    ("Authorization", f"Bearer {KEY}"),
    ("authorization", f"bearer {KEY}"),
    ("x-api-key", KEY),
    ("x-goog-api-key", KEY),
)


@pytest.fixture(
    scope="module",
    params=[
        *((pair, level) for pair in COMBINATIONS for level in ("quiet", "verbose")),
        (COMBINATIONS[0], "json"),
    ],
    ids=lambda param: f"{param[0][0]}-{param[0][1]}-{param[1]}",
)
def talkative(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """A gateway of each combination and log level, with a key."""
    pair, level = request.param
    arguments = (*flags(*pair), "--api-key", KEY, *LEVELS[level])
    environment = {"PYTHONFAULTHANDLER": "1"}
    with (
        ScriptedUpstream(marked) as upstream,
        GatewayProcess(
            tmp_path_factory.mktemp("home"),
            upstream.url,
            *arguments,
            environment=environment,
            token=GITHUB,
        ) as gateway,
    ):
        yield Side(gateway, upstream, *pair)


def test_r08_nothing_is_logged_of_what_passes(talkative: Side) -> None:
    gateway, upstream = talkative.gateway, talkative.upstream
    leaked: list[str] = []
    answers = 0
    legs = tuple(LEGS)
    # What a quiet gateway logs is a part of what a talkative one logs, and JSON says the same in other words:
    # a look at every third will do.
    names = tuple(ECHOES)[:: 3 if "json" in gateway.command or "--verbose" not in gateway.command else 1]
    for name in names:
        plan_echo(upstream, name)
        for dialect in DIALECTS:
            # Relayed within its format where that can be, and through the canonical events by turns.
            leg = dialect if dialect in LEGS and answers % 3 else legs[answers % len(legs)]
            for streamed in (True, False):
                path, value = question(dialect, LEGS[leg][0], streamed=streamed)
                got = post(gateway.port, path, value, KEY_FORMS[answers % len(KEY_FORMS)])
                answers += 1
                what = f"{name}, {dialect}, {leg}, stream {streamed}"
                assert got.startswith(b"HTTP/1.1 "), what
                leaked += [f"{mark} to the client: {what}" for mark in found_in(got, (*TOKENS, KEY))]
    assert not leaked, "\n".join(leaked)
    for target in (f"/v1beta/models?key={KEY}", f"/x?k%65y={KEY}&a=key", f"/x?api_key={KEY}&token={KEY}"):
        assert KEY not in send(gateway.port, request_bytes("GET", target)).decode()
    for name, value in (("Authorization", f"Bearer {WRONG_KEY}"), ("x-api-key", WRONG_KEY)):
        assert b" 401 " in send(gateway.port, request_bytes("GET", "/v1/models", (name, value)))
    bad = b'{"model": "gpt-4.1", "messages": [{"role": "user", "content": "' + f"{' '.join(ALL)}".encode()
    for body in (bad, bad + b'"}]} {}', bad + b'"}], "messages": "MarkOfAPrompt"}'):
        head = (("Content-Type", "application/json"), KEY_FORMS[0])
        assert b" 400 " in send(gateway.port, request_bytes("POST", "/v1/messages", *head, body=body))
    assert not children_of(gateway.process.pid)
    send(gateway.port, request_bytes("GET", "/the-last"))
    gateway.output.wait_for("(--> |answered.*)GET /the-last")
    # A crash, too: the traces of all threads come out on stderr.
    gateway.process.send_signal(signal.SIGABRT)
    gateway.process.wait(20)
    gateway.errors.wait_for("Fatal Python error")
    gateway._join()
    logged = gateway.output.text + gateway.errors.text
    level = "json" if "json" in gateway.command else ""
    came, began = CAME.get(level, "<-- POST"), BEGAN.get(level, "--> POST")
    assert logged.count(came) == logged.count(began) == answers + 3
    lines = [line for line in logged.split("\n") if found_in(line, ALL)]
    assert not lines, "\n".join(line[:300] for line in lines[:20])
    kept = [path for path in gateway.home.rglob("*") if path.is_file()]
    assert not [path for path in kept if found_in(path.read_bytes(), ALL)]
    assert gateway.home / "gateway.log" in kept or "--log-file" not in gateway.command


def children_of(pid: int) -> list[str]:
    """The processes that a process has started."""
    if sys.platform != "linux":
        return []
    return [
        child
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text(encoding="ascii").split()
    ]


def test_r08_the_simulator_is_told_no_secret_on_a_command_line(tmp_path: Path) -> None:
    """`--simulate` runs in the process itself: there is no child whose arguments others could read."""
    environment = {name: "" for name in os.environ if name.startswith("COPILOT_API_")}
    with GatewayProcess(tmp_path, "http://127.0.0.1:9", "--simulate", environment=environment) as gateway:
        assert not children_of(gateway.process.pid)


OPAQUE_GITHUB, OPAQUE_COPILOT = "opaque-MarkOfGitHubToken", "opaque/MarkOfCopilotToken+1"


def opaque(attempt: Attempt) -> Script | None:
    """GitHub and Copilot whose tokens look like nothing that is known, and who echo them."""
    sent = (attempt.header("authorization") or "").rpartition(" ")[2]
    if attempt.path == "/copilot_internal/v2/token":
        return whole({"token": OPAQUE_COPILOT, "refresh_in": 1500, "expires_at": 4_000_000_000})
    if attempt.path == "/copilot_internal/user":
        return whole({"plan": sent, "text": f"for {sent}"}, 200 if attempt.connection.requests % 2 else 403)
    if attempt.method == "POST":
        return whole({"error": {"message": f"{sent} is bad", "code": sent, "param": sent}}, 400)
    return marked(attempt)


def test_r08_tokens_of_no_known_shape_are_masked_by_their_value(
    combination: tuple[str, str], tmp_path: Path
) -> None:
    arguments = (*flags(*combination), "--verbose")
    with (
        ScriptedUpstream(opaque) as upstream,
        GatewayProcess(tmp_path, upstream.url, *arguments, token=OPAQUE_GITHUB) as gateway,
    ):
        for _ in range(3):
            assert not found_in(send(gateway.port, request_bytes("GET", "/usage")), TOKENS)
        for dialect in DIALECTS:
            path, value = question(dialect, "gpt-4.1", streamed=False)
            got = post(gateway.port, path, value)
            assert got.startswith(b"HTTP/1.1 400 ")
            assert not found_in(got, TOKENS), dialect
        assert upstream.attempts("/chat/completions")[0].header("authorization") == f"Bearer {OPAQUE_COPILOT}"
    assert not found_in(gateway.output.text + gateway.errors.text, TOKENS)


def test_r08_a_failed_sign_in_tells_no_token(combination: tuple[str, str], tmp_path: Path) -> None:
    with ScriptedUpstream(marked) as upstream:
        echoed = {"message": f"token {OPAQUE_GITHUB} is bad"}
        upstream.always("/copilot_internal/v2/token", *whole(echoed, 401))
        gateway = GatewayProcess(tmp_path, upstream.url, *flags(*combination), token=OPAQUE_GITHUB)
        with pytest.raises(AssertionError), gateway:
            pass
    assert "is bad" in gateway.errors.text
    assert not found_in(gateway.output.text + gateway.errors.text, TOKENS)
