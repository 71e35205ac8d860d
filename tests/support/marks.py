"""Secrets that are recognised wherever they turn up, and an upstream that echoes them (R-06, R-08)."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.scripted_upstream import Attempt, Script, ScriptedUpstream
from tests.support.upstream_steps import (
    EVENT_STREAM,
    JSON,
    completion,
    data,
    end,
    event,
    fin,
    good_answer,
    head,
    raw,
    stream,
    whole,
)

GITHUB = "ghu_MarkOfGitHubToken0123456789abcdefghij"
COPILOT = "tid=MarkOfCopilotToken;exp=4000000000;sku=mark;st=dotcom;chat=1;8kp=1:MarkOfItsMac0123"
KEY = "Mark-Of-A-Client-Key"
"""Of no special shape: only what stands before it, or its value, gives it away."""
WRONG_KEY = "cak_MarkOfAWrongKey0123456789"
PROMPT, ANSWER, PICTURE = "MarkOfAPrompt", "MarkOfAnAnswer", base64.b64encode(b"MarkOfAPicture" * 3).decode()

TOKENS = ("MarkOfGitHubToken", "MarkOfCopilotToken", "MarkOfItsMac")
"""What no client may ever read."""
ALL = (*TOKENS, KEY, "MarkOfAWrongKey", PROMPT, ANSWER, PICTURE[:24], "MarkOfAPicture")
"""What no log may ever hold."""

LEGS: Mapping[str, tuple[str, str]] = {
    "chat": ("gpt-4.1", "/chat/completions"),
    "responses": ("gpt-5.4", "/responses"),
    "messages": ("claude-opus-5", "/v1/messages"),
}
"""A model of each leg, and the leg's path."""
DIALECTS = ("chat", "messages", "responses", "gemini", "ollama", "completions")

_URL = f"data:image/png;base64,{PICTURE}"


def question(dialect: str, model: str, *, streamed: bool) -> tuple[str, dict[str, Any]]:
    """The path and the body of a request with the marks of a prompt in it."""
    text = f"say {PROMPT}"
    match dialect:
        case "chat":
            parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": _URL}}]
            body: dict[str, Any] = {"messages": [{"role": "user", "content": parts}]}
            path = "/v1/chat/completions"
        case "messages":
            source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
            blocks = [{"type": "text", "text": text}, {"type": "image", "source": source}]
            body, path = {"max_tokens": 9, "messages": [{"role": "user", "content": blocks}]}, "/v1/messages"
        case "responses":
            pieces = [{"type": "input_text", "text": text}, {"type": "input_image", "image_url": _URL}]
            body, path = {"input": [{"role": "user", "content": pieces}]}, "/v1/responses"
        case "gemini":
            inline = {"inlineData": {"mimeType": "image/png", "data": PICTURE}}
            method = "streamGenerateContent?alt=sse" if streamed else "generateContent"
            path = f"/v1beta/models/{model}:{method}"
            return path, {"contents": [{"role": "user", "parts": [{"text": text}, inline]}]}
        case "ollama":
            body = {"messages": [{"role": "user", "content": text, "images": [PICTURE]}]}
            path = "/api/chat"
        case _:
            body, path = {"prompt": text}, "/v1/completions"
    return path, {"model": model, "stream": streamed, **body}


def send(port: int, request: bytes, patience: float = 30.0, enough: bytes | None = None) -> bytes:
    """All bytes that come back for these bytes, until the server closes, or `enough` of a stream came."""
    received = bytearray()
    with socket.create_connection(("127.0.0.1", port), patience) as connection:
        connection.sendall(request)
        try:
            while piece := connection.recv(1 << 16):
                received += piece
                if enough is not None and enough in received:
                    break
        except ConnectionResetError:
            pass
    return bytes(received)


def request_bytes(method: str, target: str, *headers: tuple[str, str], body: bytes | None = None) -> bytes:
    """A request after which the server closes."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    if not any(name.lower() == "host" for name, _ in headers):
        lines.append("Host: localhost")
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + (body or b"")


def post(port: int, path: str, value: Any, *headers: tuple[str, str]) -> bytes:
    """All bytes that come back for a JSON request."""
    body = json.dumps(value).encode()
    typed = ("Content-Type", "application/json")
    return send(port, request_bytes("POST", path, typed, *headers, body=body))


# ------------------------------------------------------------------------------------- what upstream echoes


def echo(attempt: Attempt) -> str:
    """Everything that a hostile or careless upstream may send back."""
    sent = attempt.header("authorization") or ""
    return f"you sent Authorization: {sent} ({sent.split(' ')[-1]}, {GITHUB}) with {attempt.body.decode()}"


def _error(attempt: Attempt, status: int, **more: Any) -> Script:
    error = {"message": echo(attempt), "code": COPILOT, "param": f"{PROMPT} x", "type": GITHUB}
    return whole({"error": {**error, **more}}, status)


def _frames(attempt: Attempt, leg: str, *frames: bytes) -> Script:
    begun = {
        "chat": event(f"{ANSWER} "),
        "responses": b'event: response.created\ndata: {"type":"response.created","response":{"id":"r"}}\n\n'
        b'event: response.output_item.added\ndata: {"type":"response.output_item.added","output_index":0,'
        b'"item":{"type":"message","id":"m","role":"assistant","content":[]}}\n\n'
        b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","output_index":0,'
        b'"content_index":0,"item_id":"m","delta":"MarkOfAnAnswer "}\n\n',
        "messages": b'event: message_start\ndata: {"type":"message_start","message":{"id":"m",'
        b'"type":"message","role":"assistant","content":[],"model":"c",'
        b'"usage":{"input_tokens":1,"output_tokens":1}}}\n\n'
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        b'"content_block":{"type":"text","text":""}}\n\n'
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":"MarkOfAnAnswer "}}\n\n',
    }[leg]
    return (head(), data(begun), *(data(frame) for frame in frames), end())


def _fault(attempt: Attempt, leg: str) -> bytes:
    error: dict[str, Any] = {"message": echo(attempt), "code": COPILOT, "type": COPILOT}
    frame: dict[str, Any] = {"type": "error", "error": error}
    if leg == "responses":
        frame = {"type": "response.failed", "response": {"id": "r", "status": "failed", "error": error}}
    name = f"event: {frame['type']}\n".encode() if leg != "chat" else b""
    return name + b"data: " + json.dumps(frame if leg != "chat" else {"error": error}).encode() + b"\n\n"


def _html(attempt: Attempt) -> bytes:
    return f"<html><title>{echo(attempt)}</title><body>{echo(attempt)}</body></html>".encode()


_ODD_HEADERS = (
    JSON,
    ("x-request-id", f"id {COPILOT}"),
    ("x-github-request-id", GITHUB),
    ("retry-after", "7"),
    ("x-ratelimit-remaining", COPILOT),
    ("set-cookie", f"session={COPILOT}"),
    ("server", GITHUB),
    ("www-authenticate", f'Bearer realm="{COPILOT}"'),
    ("x-copilot-secret", COPILOT),
)

Echo = Callable[[Attempt, str], Script]

ECHOES: Mapping[str, Echo] = {
    "good": lambda attempt, leg: (
        (stream(f"{ANSWER} ", "more") if attempt.json.get("stream") else whole(completion(ANSWER)))
        if leg == "chat"
        else _frames(attempt, leg)
    ),
    "400": lambda attempt, leg: _error(attempt, 400),
    "401": lambda attempt, leg: _error(attempt, 401),
    "403 text": lambda attempt, leg: whole(echo(attempt).encode(), 403, [("content-type", "text/plain")]),
    "404 no JSON": lambda attempt, leg: whole(b'{"error": ' + echo(attempt).encode(), 404),
    "422": lambda attempt, leg: _error(attempt, 422, code=f"{PROMPT} {ANSWER}"),
    "429 headers": lambda attempt, leg: whole({"message": echo(attempt)}, 429, _ODD_HEADERS),
    "500 page": lambda attempt, leg: whole(_html(attempt), 500, [("content-type", "text/html")]),
    "503": lambda attempt, leg: _error(attempt, 503),
    "302": lambda attempt, leg: whole(b"", 302, [("location", f"https://evil.example/?{COPILOT}")]),
    "200 headers": lambda attempt, leg: whole(completion("x"), 200, _ODD_HEADERS),
    "200 page": lambda attempt, leg: whole(_html(attempt), 200, [("content-type", "text/html")]),
    "200 odd JSON": lambda attempt, leg: whole({"echo": echo(attempt)}),
    "200 error": lambda attempt, leg: _error(attempt, 200),
    "first frame": lambda attempt, leg: (head(), data(_fault(attempt, leg)), end()),
    "later frame": lambda attempt, leg: _frames(attempt, leg, _fault(attempt, leg)),
    "no frame": lambda attempt, leg: _frames(attempt, leg, f"data: {echo(attempt)}\n\n".encode()),
    "bad chunk": lambda attempt, leg: (
        *_frames(attempt, leg)[:-1],
        raw(f"{ANSWER} {COPILOT}\r\n".encode()),
        fin(),
    ),
    "bad status": lambda attempt, leg: (raw(f"HTTP/1.1 {COPILOT} {ANSWER}\r\n\r\n".encode()), fin()),
    "status line": lambda attempt, leg: (
        raw(f"HTTP/1.1 500 {COPILOT} {GITHUB}\r\ncontent-length: 0\r\n\r\n".encode()),
    ),
    "bad header": lambda attempt, leg: (
        raw(f"HTTP/1.1 200 OK\r\n{COPILOT} {ANSWER}\r\n\r\n".encode()),
        fin(),
    ),
    "cut": lambda attempt, leg: (head(200, [EVENT_STREAM], framing=9999), data(event(ANSWER)), fin()),
}


def plan_echo(upstream: ScriptedUpstream, name: str) -> None:
    """Every leg answers so from now on."""
    made = ECHOES[name]

    def chooser(leg: str) -> Callable[[Attempt], Script]:
        return lambda attempt: made(attempt, leg)

    for leg, (_, path) in LEGS.items():
        upstream.choose(path, chooser(leg))


def marked(attempt: Attempt) -> Script | None:
    """A good upstream whose token is recognised."""
    if attempt.path == "/copilot_internal/v2/token":
        token = {"token": COPILOT, "refresh_in": 1500, "expires_at": 4_000_000_000, "endpoints": {}}
        return whole(token)
    if attempt.path == "/copilot_internal/user":
        return whole({"copilot_plan": "business", "echo": f"{attempt.header('authorization')} {GITHUB}"})
    return good_answer(attempt)


def found_in(text: str | bytes, marks: tuple[str, ...]) -> list[str]:
    """The marks that are in a text."""
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return [mark for mark in marks if mark in plain]
