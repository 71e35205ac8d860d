"""Headers go upstream from one list of ours, to the client from another; no JSON value makes one (R-11)."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.support import messages as anthropic
from tests.support import responses as responses_api
from tests.support.marks import DIALECTS, LEGS, post, question, request_bytes, send
from tests.support.scripted_upstream import Attempt, Script
from tests.support.upstream_steps import EVENT_STREAM, JSON, completion, data, end, event, head
from tests.support.upstream_steps import whole as whole_answer
from tests.trust.conftest import Side

MARK = "Mark-Of-The-Client"

OURS = {
    *("authorization", "content-type", "content-length", "host", "accept-encoding", "user-agent", "accept"),
    *("copilot-integration-id", "editor-version", "editor-plugin-version", "openai-intent", "connection"),
    *("x-github-api-version", "x-vscode-user-agent-library-version", "x-request-id", "x-initiator"),
    *("copilot-vision-request", "anthropic-version", "anthropic-beta"),
}
"""Every name that may go upstream; `connection` only says keep-alive."""

FORBIDDEN: tuple[tuple[str, str], ...] = (
    ("Cookie", f"session={MARK}"),
    ("Authorization", f"Bearer {MARK}"),
    ("X-Api-Key", MARK),
    ("X-Goog-Api-Key", MARK),
    ("Proxy-Authorization", f"Basic {MARK}"),
    ("X-Forwarded-For", MARK),
    ("X-Forwarded-Host", MARK),
    ("X-Forwarded-Proto", MARK),
    ("Forwarded", f"for={MARK}"),
    ("Via", f"1.1 {MARK}"),
    ("X-Real-IP", MARK),
    ("True-Client-IP", MARK),
    ("Keep-Alive", MARK),
    ("Proxy-Connection", MARK),
    ("TE", "trailers"),
    ("X-Hop", MARK),
    ("User-Agent", MARK),
    ("Referer", f"http://localhost/{MARK}"),
    ("Accept-Language", MARK),
    ("Openai-Organization", MARK),
    ("Openai-Beta", MARK),
    ("Anthropic-Version", MARK),
    ("Anthropic-Beta", f"{MARK}, context-1m-2025-08-07, interleaved-thinking-2025-05-14x"),
    ("Anthropic-Dangerous-Direct-Browser-Access", "true"),
    ("X-Initiator", MARK),
    ("X-Openai-Subagent", MARK),
    ("X-Request-Id", MARK),
    ("X-Session-Id", MARK),
    ("Session_id", MARK),
    ("Conversation_id", MARK),
    ("X-Claude-Code-Session-Id", MARK),
    ("X-Stainless-Lang", MARK),
    ("Copilot-Integration-Id", MARK),
    ("Editor-Version", MARK),
    ("Copilot-Vision-Request", MARK),
    ("Openai-Intent", MARK),
    ("X-Github-Api-Version", MARK),
    ("X-Http-Method-Override", "DELETE"),
    ("Traceparent", MARK),
    ("Priority", MARK),
)


def check_sent(attempt: Attempt, what: object) -> None:
    names = [name.lower() for name in attempt.header_names]
    assert len(names) == len(set(names)), what
    assert set(names) <= OURS, (what, set(names) - OURS)
    assert not [name for name, value in attempt.headers if "Evil" in value or MARK in value], what
    assert (attempt.header("connection") or "keep-alive").lower() == "keep-alive", what
    assert not attempt.header("transfer-encoding"), what
    assert int(attempt.header("content-length") or 0) == len(attempt.body), what


@pytest.mark.parametrize("leg", LEGS)
def test_r11_no_header_of_a_client_goes_upstream(side: Side, leg: str) -> None:
    model, path = LEGS[leg]
    for dialect in DIALECTS:
        for streamed in (False, True):
            side.upstream.forget()
            target, value = question(dialect, model, streamed=streamed)
            body = json.dumps(value).encode()
            raw = request_bytes(
                "POST", target, ("Content-Type", "application/json; charset=utf-8"), *FORBIDDEN, body=body
            )
            raw = raw.replace(b"Connection: close", b"Connection: close, X-Hop, TE")
            assert send(side.port, raw).startswith(b"HTTP/1.1 ")
            for attempt in side.upstream.attempts(path):
                check_sent(attempt, (dialect, streamed))
            assert side.upstream.attempts(path) or dialect == "ollama", dialect


INJECTED = (
    "x\r\nX-Evil: Evil",
    "x\nX-Evil: Evil",
    "x\rX-Evil: Evil",
    "x\x00Evil",
    "x\x1b[2JEvil",
    "x\u2028X-Evil: Evil",
    "x\u560d\u560aX-Evil: Evil",
    " \tEvil ",
    "Evil" * 5000,
    "\ud800Evil",
)
"""U+560D and U+560A become CR and LF where only the low byte of a character is kept."""


@pytest.mark.parametrize("leg", LEGS)
def test_r11_no_value_of_a_body_becomes_a_header(side: Side, leg: str) -> None:
    model = LEGS[leg][0]
    for injected in INJECTED:
        for dialect in ("chat", "messages", "responses", "ollama"):
            target, value = question(dialect, model, streamed=False)
            ids: dict[str, Any] = {
                "user": injected,
                "metadata": {"user_id": injected, injected: injected},
                "safety_identifier": injected,
                "prompt_cache_key": injected,
                "previous_response_id": None,
                "service_tier": injected,
                "betas": [injected],
                "anthropic_beta": [injected],
                "session_id": injected,
                "client_metadata": {"x": injected},
            }
            for more in (ids, {"model": injected}, {"model": f"{model}{injected}"}):
                side.upstream.forget()
                got = post(side.port, target, {**value, **more})
                assert got[:12] in (b"HTTP/1.1 200", b"HTTP/1.1 400", b"HTTP/1.1 404", b"HTTP/1.1 502")
                assert b"x-evil" not in got.partition(b"\r\n\r\n")[0].lower()
                for attempt in side.upstream.attempts():
                    if attempt.method == "POST":
                        check_sent(attempt, (dialect, injected, sorted(more)))


@pytest.mark.parametrize("name", ["x%0d%0aX-Evil:%201", "x%00Evil", "%e5%98%8d%e5%98%8aX-Evil:1", "x%ff"])
def test_r11_no_name_in_a_url_becomes_a_header(side: Side, name: str) -> None:
    body = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
    got = post(side.port, f"/v1beta/models/{name}:generateContent?alt={name}&key={name}", body)
    assert got.startswith((b"HTTP/1.1 4", b"HTTP/1.1 200"))
    assert b"x-evil" not in got.partition(b"\r\n\r\n")[0].lower()
    for attempt in side.upstream.attempts():
        if attempt.method == "POST":
            check_sent(attempt, name)


PASSED = {
    "x-request-id": "req-1",
    "x-github-request-id": "AB:12",
    "x-ratelimit-limit": "100",
    "x-ratelimit-remaining": "7",
    "x-ratelimit-reset": "1700000000",
    "retry-after": "3",
}
KEPT = (
    *(("set-cookie", f"a={MARK}"), ("set-cookie2", MARK), ("server", MARK), ("via", MARK)),
    *(("x-powered-by", MARK), ("x-copilot-service", MARK), ("x-quota-snapshot-chat", MARK)),
    *(("strict-transport-security", MARK), ("access-control-allow-origin", "*"), ("alt-svc", MARK)),
    *(("access-control-allow-credentials", "true"), ("www-authenticate", MARK), ("location", MARK)),
    *(("keep-alive", MARK), ("proxy-authenticate", MARK), ("x-hop", MARK), ("trailer", "x-trailer")),
    *(("authorization", MARK), ("x-internal-host", MARK), ("etag", MARK), ("content-language", MARK)),
    *(("openai-organization", MARK), ("content-security-policy", MARK), ("age", "5"), ("link", MARK)),
    *(("x-github-backend", MARK), ("azureml-model-session", MARK), ("cf-ray", MARK), ("nel", MARK)),
)
OWN = {
    *("content-type", "content-length", "transfer-encoding", "date", "connection", "cache-control"),
    *("x-accel-buffering", "x-copilot-api-rewrites", "vary"),
}


def streams(leg: str) -> bytes:
    """A good stream of a leg."""
    if leg == "chat":
        frame = {"id": "c", "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]}
        return event(frame) + b"data: [DONE]\n\n"
    if leg == "messages":
        message = {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": "c",
            "usage": {},
        }
        return anthropic.stream(
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        )
    return responses_api.sse(
        {"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}},
        {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}},
    )


def wholes(leg: str) -> dict[str, Any]:
    """A good whole answer of a leg."""
    if leg == "chat":
        return completion("x")
    text = {"type": "text", "text": "x"}
    if leg == "messages":
        return {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "content": [text],
            "model": "c",
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
    item = {"type": "message", "id": "i", "role": "assistant", "content": [{**text, "type": "output_text"}]}
    return {"id": "r", "object": "response", "status": "completed", "output": [item]}


def answering(leg: str, status: int, more: tuple[tuple[str, str], ...]) -> Any:
    """What upstream answers, stream or whole as it is asked."""

    def choose(attempt: Attempt) -> Script:
        if status == 200 and attempt.json.get("stream"):
            return (head(200, (EVENT_STREAM, *more)), data(streams(leg)), end())
        value = wholes(leg) if status == 200 else {"error": {"message": "no"}}
        return whole_answer(value, status, (JSON, *more))

    return choose


@pytest.mark.parametrize("status", [200, 400, 429, 503])
@pytest.mark.parametrize("leg", LEGS)
def test_r11_of_upstreams_headers_only_named_ones_reach_the_client(side: Side, leg: str, status: int) -> None:
    model, path = LEGS[leg]
    hop = (("connection", "keep-alive, x-hop"),)
    side.upstream.choose(path, answering(leg, status, (*PASSED.items(), *KEPT, *hop)))
    for dialect in DIALECTS:
        for streamed in (False, True):
            target, value = question(dialect, model, streamed=streamed)
            if dialect == "ollama":
                value["messages"][0].pop("images")
            got = post(side.port, target, value)
            shown, _, _ = got.partition(b"\r\n\r\n")
            first, *lines = shown.decode("latin-1").split("\r\n")
            assert first.startswith("HTTP/1.1 200") == (status == 200), (dialect, streamed, first)
            names = [line.partition(":")[0].lower() for line in lines]
            values = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines}
            assert len(names) == len(set(names)), names
            assert set(names) <= OWN | set(PASSED), (dialect, streamed, set(names) - OWN - set(PASSED))
            assert {name: values.get(name) for name in PASSED} == PASSED, (dialect, streamed)
            assert MARK not in shown.decode("latin-1")


@pytest.mark.parametrize("status", [200, 429])
def test_r11_values_that_servers_read_differently_stay_here(side: Side, status: int) -> None:
    odd = (
        ("x-request-id", "\u00c3\u00bc \u00e2\u0082\u00ac"),
        ("retry-after", "\u00ff"),
        ("x-ratelimit-limit", "9" * 2000),
        ("x-ratelimit-remaining", "a\tb"),
    )
    side.upstream.choose("/chat/completions", answering("chat", status, odd))
    for streamed in (False, True):
        target, value = question("chat", "gpt-4.1", streamed=streamed)
        shown = post(side.port, target, value).partition(b"\r\n\r\n")[0].lower()
        assert shown.startswith(b"http/1.1 %d " % status)
        assert not [name for name, _ in odd[1:] if name.encode() in shown]
        # The gateway's own id takes the place of one that does not pass.
        assert [line for line in shown.split(b"\r\n") if re.fullmatch(rb"x-request-id: [0-9a-f-]{36}", line)]


def test_r11_the_scripts_here_are_good_answers(side: Side) -> None:
    """What the tests above call an answer is one: otherwise they would look at errors only."""
    for leg, (model, path) in LEGS.items():
        side.upstream.choose(path, answering(leg, 200, ()))
        for streamed in (False, True):
            target, value = question("chat", model, streamed=streamed)
            got = post(side.port, target, value)
            assert got.startswith(b"HTTP/1.1 200 "), (leg, got)
            assert b'"error"' not in got
