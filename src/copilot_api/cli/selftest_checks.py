"""What ``copilot-api selftest`` looks at: this installation, with the simulator in Copilot's place."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from copilot_api.background import BackgroundGateway
from copilot_api.engine.flags import build_engine
from copilot_api.engine.interfaces import RequestPlan
from copilot_api.records import record
from copilot_api.settings import Settings

PATIENCE = 10.0
"""Seconds until what does not come counts as failed."""
WORD = "blackbird"
"""The simulator repeats it."""
KEY = "a-key-for-the-self-test"
_ASKED = f"Say {WORD}."
_TURN = [{"role": "user", "content": _ASKED}]


class Failed(Exception):
    """A check failed; the text says what was wrong, in one line."""


@record
class Check:
    """One check: `run` returns a detail to show, or raises :class:`Failed`."""

    name: str
    run: Callable[[], str]


@record
class Dialect:
    """One request of a dialect, and what ends its stream; without an end it does not stream."""

    name: str
    path: str
    body: dict[str, Any]
    end: bytes = b""
    streams: dict[str, Any] = {"stream": True}  # noqa: RUF012 - a record's default
    stream_path: str = ""


_GOOGLE = {"contents": [{"role": "user", "parts": [{"text": _ASKED}]}]}
DIALECTS = (
    Dialect("chat", "/v1/chat/completions", {"model": "gpt-4.1", "messages": _TURN}, b"data: [DONE]"),
    Dialect("responses", "/v1/responses", {"model": "gpt-5.4", "input": _ASKED}, b"response.completed"),
    Dialect(
        "messages",
        "/v1/messages",
        {"model": "claude-sonnet-4.6", "max_tokens": 200, "messages": _TURN},
        b"message_stop",
    ),
    Dialect(
        "gemini",
        "/v1beta/models/gemini-3.1-pro-preview:generateContent",
        _GOOGLE,
        b'"finishReason"',
        {},
        "/v1beta/models/gemini-3.1-pro-preview:streamGenerateContent?alt=sse",
    ),
    Dialect("ollama", "/api/chat", {"model": "gpt-4.1", "messages": _TURN, "stream": False}, b'"done":true'),
    Dialect("completions", "/v1/completions", {"model": "gpt-4.1", "prompt": _ASKED}, b"data: [DONE]"),
    Dialect("embeddings", "/v1/embeddings", {"model": "text-embedding-3-small", "input": _ASKED}),
)


def checks(gateway: BackgroundGateway) -> Iterator[Check]:
    """Give the checks, in the order in which they are made."""
    yield Check("native engine", lambda: _engine(gateway))
    yield Check("engines agree", _engines_agree)
    for dialect in DIALECTS:
        yield Check(f"{dialect.name}, whole", lambda dialect=dialect: _whole(gateway, dialect))  # type: ignore[misc]
        if dialect.end:
            yield Check(f"{dialect.name}, streamed", lambda dialect=dialect: _stream(gateway, dialect))  # type: ignore[misc]
    yield Check("token count", lambda: _count(gateway))
    yield Check("errors", lambda: _error(gateway))
    yield Check("cancellation", lambda: _cancel(gateway))
    yield Check("keys", _keys)


def _engine(gateway: BackgroundGateway) -> str:
    status, body = _ask(gateway.url, "GET", "/health")
    components = json.loads(body)["engine"]
    slow = [
        f"{name} ({each['reason']})"
        for name, each in components.items()
        if each["implementation"] != "native"
    ]
    if status != 200 or slow:
        raise Failed(f"not native: {', '.join(slow)}")
    return f"{len(components)} components"


def _engines_agree() -> str:
    """Let both implementations of what is computed do the same."""
    body = json.dumps(DIALECTS[2].body | {"system": "Be brief. 😀", "stream": True}).encode()
    chat = json.dumps(DIALECTS[0].body).encode()
    plan = RequestPlan("messages", "chat", "claude-sonnet-4.6", target="claude-sonnet-4.6")

    def made(settings: Settings) -> tuple[Any, ...]:
        engine = build_engine(settings)
        return (
            engine.tokenizer.count_text(f"{_ASKED} 😀 größer" * 20, "o200k_base"),
            engine.tokenizer.count_chat(chat, "o200k_base", "gpt-4.1").input,
            engine.validation.inspect(body, "messages"),
            bytes(engine.translation.request(body, plan).body),
        )

    for name, native, reference in zip(
        ("count of a text", "count of a chat", "validation", "translation"),
        made(Settings()),
        made(Settings(engine="reference")),
        strict=True,
    ):
        if native != reference:
            raise Failed(f"{name}: native and reference engine differ")
    return "counts, validation, translation"


def _whole(gateway: BackgroundGateway, dialect: Dialect) -> str:
    status, body = _ask(gateway.url, "POST", dialect.path, dialect.body)
    answer = _json(body)
    if status != 200 or not isinstance(answer, dict):
        raise Failed(f"status {status}: {_shown(body)}")
    if dialect.end and WORD not in json.dumps(answer):
        raise Failed(f"the answer lacks what was asked for: {_shown(body)}")
    return f"{len(body)} bytes"


def _stream(gateway: BackgroundGateway, dialect: Dialect) -> str:
    body = dialect.body | dialect.streams
    status, answer = _ask(gateway.url, "POST", dialect.stream_path or dialect.path, body)
    pieces = [line for line in answer.split(b"\n") if line.strip()]
    if status != 200:
        raise Failed(f"status {status}: {_shown(answer)}")
    if len(pieces) < 3 or dialect.end not in b"".join(pieces[-2:]).replace(b'": ', b'":'):
        raise Failed(f"the stream has no end: {_shown(answer[-200:])}")
    return f"{len(pieces)} lines"


def _count(gateway: BackgroundGateway) -> str:
    status, body = _ask(gateway.url, "POST", "/v1/messages/count_tokens", DIALECTS[2].body)
    counted = _json(body)
    tokens = counted.get("input_tokens") if isinstance(counted, dict) else None
    if status != 200 or not isinstance(tokens, int) or not 5 <= tokens <= 50:
        raise Failed(f"status {status}: {_shown(body)}")
    return f"{tokens} tokens"


def _error(gateway: BackgroundGateway) -> str:
    status, body = _ask(gateway.url, "POST", "/v1/messages", {"model": "gpt-4.1"})
    answer = _json(body)
    if status != 400 or not isinstance(answer, dict) or answer.get("type") != "error":
        raise Failed(f"a wrong request got status {status}: {_shown(body)}")
    gateway.simulator.faults.add("/chat/completions", "status", status=503, body=b"busy")
    status, body = _ask(gateway.url, "POST", DIALECTS[0].path, DIALECTS[0].body)
    if status != 503 or b"busy" not in body:
        raise Failed(f"a failure of Copilot's got status {status}: {_shown(body)}")
    return "in the client's dialect"


def _cancel(gateway: BackgroundGateway) -> str:
    state = gateway.simulator.state

    def gone() -> int:
        return sum(each.client_gone for each in state.requests)

    before = gone()
    gateway.simulator.faults.add("/chat/completions", "silence", after_frames=2, seconds=3 * PATIENCE)
    parts = urlsplit(gateway.url)
    content = json.dumps(DIALECTS[0].body | {"stream": True}).encode()
    head = f"POST {DIALECTS[0].path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    began = time.monotonic()
    with socket.create_connection((parts.hostname or "", parts.port or 0), PATIENCE) as connection:
        connection.sendall(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
        if not connection.recv(1):
            raise Failed("the stream did not begin")
    if not state.wait_for(lambda: gone() > before, PATIENCE):
        raise Failed("Copilot would go on (and bill) after the client left")
    return f"upstream closed after {(time.monotonic() - began) * 1000:.0f} ms"


def _keys() -> str:
    with BackgroundGateway(simulate=True, api_key=[KEY]) as guarded:
        for key, wanted in ((None, 401), ("wrong", 401), (KEY, 200)):
            headers = {} if key is None else {"authorization": f"Bearer {key}"}
            status, _ = _ask(guarded.url, "GET", "/v1/models", headers=headers)
            if status != wanted:
                raise Failed(f"a request {'without a' if key is None else 'with the wrong'} key got {status}")
    return "refused without, let in with"


def _ask(
    url: str, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
    content = None if body is None else json.dumps(body)
    try:
        connection.request(method, path, content, {"content-type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"no answer ({type(error).__name__}: {error})") from error
    finally:
        connection.close()


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _shown(body: bytes) -> str:
    return " ".join(body[:300].decode("utf-8", "replace").split()) or "nothing"
