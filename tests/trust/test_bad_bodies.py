"""Bad bodies get a 4xx in the client's dialect, cost no upstream request, and hurt no connection (R-17)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.marks import marked
from tests.support.process import GatewayProcess
from tests.support.raw_http import Cut, RawConnection, RawResponse
from tests.support.scripted_upstream import ScriptedUpstream
from tests.trust.bad_bodies import BROKEN, PACKED, PATHS, faulty, good
from tests.trust.conftest import Side, flags

TYPED = ("Content-Type", "application/json")
LEGS = ("/chat/completions", "/responses", "/v1/messages", "/embeddings")


def message_of(dialect: str, response: RawResponse) -> str:
    """The text of an error, whose form must be the dialect's."""
    assert response.header("content-type") == "application/json"
    value: Any = response.json
    if dialect == "ollama":
        assert isinstance(value["error"], str)
        return str(value["error"])
    error = value["error"]
    if dialect == "messages":
        assert value["type"] == "error"
        assert {"type", "message"} <= set(error)
    elif dialect == "gemini":
        assert error["code"] == response.status
        assert error["status"] in ("INVALID_ARGUMENT", "FAILED_PRECONDITION")
    else:
        assert {"message", "type", "param", "code"} <= set(error)
    return f"{error['message']} {error.get('param') or ''}"


def refused(side: Side, dialect: str, body: bytes, *headers: tuple[str, str]) -> str:
    """Send a bad body, and after it a good request on the same connection; return what was said."""
    with RawConnection(("127.0.0.1", side.port)) as connection:
        connection.request("POST", PATHS[dialect], TYPED, *headers, body=body)
        response = connection.response("POST")
        assert 400 <= response.status < 500, (response.status, response.body)
        text = message_of(dialect, response)
        assert text.strip()
        assert "Traceback" not in text
        assert ".py" not in text
        assert len(response.body) < 2000
        if response.closes:
            connection.ended()
        else:
            connection.request("GET", "/")
            assert connection.response().body == b"Server running"
    return text


def not_sent(side: Side) -> None:
    assert [attempt.path for attempt in side.upstream.attempts() if attempt.path in LEGS] == []


@pytest.mark.parametrize("dialect", PATHS)
def test_r17_what_is_no_json_document_is_refused(side: Side, dialect: str) -> None:
    body = good(dialect)
    for name, broken in BROKEN.items():
        try:
            refused(side, dialect, broken(body))
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
    not_sent(side)


@pytest.mark.parametrize("dialect", PATHS)
def test_r17_the_member_at_fault_is_named(side: Side, dialect: str) -> None:
    for name, (body, word) in faulty(dialect).items():
        try:
            assert word in refused(side, dialect, body)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
    not_sent(side)


@pytest.mark.parametrize("dialect", PATHS)
def test_r17_packed_bodies_are_refused_in_words(side: Side, dialect: str) -> None:
    for coding, pack in PACKED.items():
        with RawConnection(("127.0.0.1", side.port)) as connection:
            headers = (TYPED, ("Content-Encoding", coding))
            connection.request("POST", PATHS[dialect], *headers, body=pack(good(dialect)))
            response = connection.response("POST")
            assert response.status == (400 if dialect == "gemini" else 415)
            assert "Content-Encoding" in message_of(dialect, response)
            assert response.closes
            connection.ended()
    not_sent(side)
    assert b"Server running" in _taken(side, dialect)


def _taken(side: Side, dialect: str) -> bytes:
    """The good body is one, also with a BOM and with `identity`: otherwise nothing above is shown."""
    with RawConnection(("127.0.0.1", side.port)) as connection:
        for body in (good(dialect), b"\xef\xbb\xbf" + good(dialect)):
            if dialect == "ollama":
                value = json.loads(body.decode("utf-8-sig"))
                value["messages"][0].pop("images")
                body = json.dumps(value).encode()
            connection.request("POST", PATHS[dialect], TYPED, ("Content-Encoding", "identity"), body=body)
            response = connection.response("POST")
            assert response.status == 200, response.body
        connection.request("GET", "/")
        return connection.response().body


@pytest.mark.parametrize("how", ["length", "chunked"])
@pytest.mark.parametrize("dialect", PATHS)
def test_r17_half_a_body_then_the_end(side: Side, dialect: str, how: str) -> None:
    body = good(dialect)
    head = [f"POST {PATHS[dialect]} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    head.append(f"Content-Length: {len(body)}" if how == "length" else "Transfer-Encoding: chunked")
    half = body[: len(body) // 2]
    sent = half if how == "length" else b"%x\r\n%s\r\n" % (len(half), half)
    with RawConnection(("127.0.0.1", side.port)) as connection:
        connection.send("\r\n".join([*head, "", ""]).encode() + sent)
        connection.finish_sending()
        try:
            response = connection.response("POST")
        except Cut as cut:
            assert cut.got == b""
        else:
            assert response.status == 400
            assert connection.ended() == "fin"
    with RawConnection(("127.0.0.1", side.port)) as connection:
        connection.request("GET", "/")
        assert connection.response().status == 200
    not_sent(side)


def test_r17_lone_surrogates_and_odd_numbers_pass_unchanged(side: Side) -> None:
    """They are legal JSON: ADR 0006."""
    text = b'{"model":"gpt-4.1","messages":[{"role":"user","content":"a \\ud83d b"}],'
    body = text + b'"seed":1e400,"top_p":0.10,"n":123456789012345678901234567890}'
    with RawConnection(("127.0.0.1", side.port)) as connection:
        connection.request("POST", PATHS["chat"], TYPED, body=body)
        assert connection.response("POST").status == 200
    (attempt,) = [each for each in side.upstream.attempts() if each.path == LEGS[0]]
    for kept in (b"\\ud83d", b"1e400", b"0.10", b"123456789012345678901234567890"):
        assert kept in attempt.body


# ------------------------------------------------------------------------------------------- what it costs

SIZE = 4 * 1024 * 1024
COSTLY = {
    "lists": b'{"model":[' + b"[]," * (SIZE // 3) + b"1]}",
    "members": b"{" + b'"a":1,' * (SIZE // 6) + b'"model":1}',
    "other members": b"{" + b",".join(b'"%x":1' % at for at in range(SIZE // 10)) + b',"model":1}',
    "escapes": b'{"model":1,"a":"' + b"\\u0041" * (SIZE // 6) + b'"}',
    "digits": b'{"model":1,"a":' + b"9" * SIZE + b"}",
    "spaces": b'{"model":1' + b" " * SIZE + b"}",
    "depth": b'{"model":1,"a":' + b"[" * SIZE,
    "open string": b'{"model":1,"a":"' + b"\\" * SIZE,
    "turns": b'{"model":1,"messages":[' + b'{"role":"user","content":"x"},' * (SIZE // 31) + b"1]}",
    "names": b'{"model":1,"' + b"a" * SIZE + b'":1}',
}
MANY = ("lists", "members", "other members", "turns")
LIGHT = b'{"model":1,"a":"' + b"x" * SIZE + b'"}'
"""What is hardly more work than to take it in."""


@pytest.fixture(scope="module")
def fresh(combination: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """A gateway of each combination whose memory only these tests have used."""
    with (
        ScriptedUpstream(marked) as upstream,
        GatewayProcess(tmp_path_factory.mktemp("home"), upstream.url, *flags(*combination)) as gateway,
    ):
        yield Side(gateway, upstream, *combination)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_r17_the_worst_bodies_cost_little(fresh: Side) -> None:
    """Ratios: to the processor time of a light body of that size, and to the size. They are printed.

    The reference engine makes a tree of Python objects: an empty list of three bytes is one of sixty.
    """
    slowest = {"native": 100, "reference": 300}[fresh.engine]
    largest = {"native": 16, "reference": 120}[fresh.engine]

    def cost(body: bytes) -> float:
        before = cpu_seconds(fresh.gateway.process.pid)
        refused(fresh, "chat", body)
        return cpu_seconds(fresh.gateway.process.pid) - before

    cost(LIGHT)
    # The kernel counts in hundredths of a second.
    light = max(min(cost(LIGHT) for _ in range(3)), 0.01)
    told = []
    for name, body in COSTLY.items():
        rest = resident(fresh.gateway.process.pid)
        reset_peak(fresh.gateway.process.pid)
        time = cost(body) / light
        memory = (resident(fresh.gateway.process.pid, "VmHWM") - rest) / len(body)
        told.append(f"{name}: {time:.1f} times the transfer, {memory:.1f} times the size")
        assert time <= slowest, told[-1]
        assert memory <= (largest if name in MANY else 16), told[-1]
    print(f"\n{fresh.engine}, transfer {light:.3f} s:", *told, sep="\n  ")
    not_sent(fresh)


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def resident(pid: int, name: str = "VmRSS") -> int:
    """Bytes that a process holds, or held at most."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return 1024 * int(next(line for line in status.split("\n") if line.startswith(name)).split()[1])


def reset_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
