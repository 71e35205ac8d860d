"""``copilot-api replay``: send a captured request again and show how the answer differs."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot_api.capture.comparing import Answer, Difference, differences
from copilot_api.cli.capture import opened, wanted, where
from copilot_api.cli.loop import run as run_loop
from copilot_api.cli.main import Invocation
from copilot_api.configuration import ConfigurationError, load
from copilot_api.github.credentials import data_directory, token_store
from copilot_api.records import replace
from copilot_api.redaction import MASK, Secret
from copilot_api.settings import Settings

if TYPE_CHECKING:
    from copilot_api.http.application import Application
    from copilot_api.http.asgi import Message

UPSTREAMS = ("simulator", "live")
SIMULATED_TOKEN = "ghu_replay00000000000000000000000000"  # noqa: S105 - the simulator takes any
DIFFERENT = 1
_LEFT_OUT = frozenset({"host", "content-length", "transfer-encoding", "connection", "traceparent"})


def run(invocation: Invocation) -> int:
    """Replay one capture; the exit code is 1 when a client could trip over a difference."""
    words = invocation.parsed.positionals
    upstream = str(invocation.parsed.values.get("upstream") or UPSTREAMS[0])
    if len(words) != 1:
        raise ConfigurationError(
            "write replay ID; copilot-api capture list shows the ids, last is the newest"
        )
    if upstream not in UPSTREAMS:
        raise ConfigurationError(f"--upstream {upstream}: it is one of {', '.join(UPSTREAMS)}")
    record = opened(wanted(where(invocation)[0], words[0]))
    body = record["request"]["body"]
    if body["cut"] or "text" not in body:
        raise ConfigurationError(f"of the request of {record['id']} too little was kept to send it again")
    if MASK in body["text"]:
        invocation.console.warn(f"The request has {MASK} where it had a credential; that is what is sent")
    settings, token = _settings(invocation, live=upstream == "live")
    directory = data_directory(invocation.home) if upstream == "live" else None
    if upstream == "live":
        invocation.console.warn("The request is sent to Copilot, which bills it to your account")
    # Of the gateway that answers it only what is wrong is told: what comes out may be read by a program.
    logging.getLogger("copilot_api").setLevel(logging.WARNING)
    answer = run_loop(_ask(record, settings, token, directory))
    response = record["response"]
    before = Answer(response["status"], _type(response["headers"]), response["body"].get("text", ""))
    found = differences(before, answer)
    if response["body"]["cut"]:
        # The rest would be missing in one of the two.
        found = [each for each in found if each.what in ("status", "content type")]
    grave = any(each.grave for each in found)
    if invocation.flag("json"):
        told = [
            {"what": each.what, "captured": each.before, "replayed": each.after, "grave": each.grave}
            for each in found
        ]
        facts = {"id": record["id"], "upstream": upstream, "status": answer.status, "differences": told}
        invocation.console.plain(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        invocation.console.plain(_text(record, upstream, answer, found))
    return DIFFERENT if grave else 0


def _settings(invocation: Invocation, *, live: bool) -> tuple[Settings, Secret]:
    """Return the user's own settings without what is for serving others."""
    home = data_directory(invocation.home)
    settings = load({}, os.environ, home).settings
    settings = replace(
        settings,
        api_key=(),
        api_key_file=None,
        budget=settings.budget if live else (),
        capture=None,
        dashboard=False,
        host=None,
        ledger=settings.ledger and live,  # it is spent like any other
        manual=False,
        no_auth=True,  # nobody can reach it: it listens nowhere
        otel=False,
        rate_limit=None,
        simulate=not live,
        trusted_proxy=(),
    )
    if not live:
        return settings, Secret(SIMULATED_TOKEN)
    token = settings.github_token or token_store(home, in_keyring=settings.keyring).read()
    if token is None:
        raise ConfigurationError("nobody is signed in; copilot-api auth does it")
    return settings, token


async def _ask(record: dict[str, Any], settings: Settings, token: Secret, directory: Path | None) -> Answer:
    from copilot_api.app import open_gateway

    async with AsyncExitStack() as stack:
        if settings.simulate:
            from copilot_api.simulator import SimulatorServer

            server = SimulatorServer()
            await server.astart()
            stack.push_async_callback(server.astop)
            url = server.url
            settings = replace(settings, github_url=url, github_api_url=url, copilot_url=url)
        gateway = await stack.enter_async_context(open_gateway(settings, token, directory=directory))
        return await call(gateway.app, record["request"])


async def call(app: Application, request: dict[str, Any]) -> Answer:
    """Call an ASGI app with a captured request, without a server between."""
    path, _, query = request["target"].partition("?")
    body = request["body"]["text"].encode()
    headers = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in request["headers"]
        if name.lower() not in _LEFT_OUT and value != MASK
    ]
    headers += [(b"host", b"localhost"), (b"content-length", b"%d" % len(body))]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request["method"],
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode("latin-1"),
        "headers": headers,
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
        "extensions": {},
    }
    asked = False
    gone = asyncio.Event()

    async def receive() -> Message:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": body, "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    status, kind, answer = 0, "", bytearray()

    async def send(message: Message) -> None:
        nonlocal status, kind
        if message["type"] == "http.response.start":
            status = message["status"]
            kind = _type([(name.decode(), value.decode("latin-1")) for name, value in message["headers"]])
        else:
            answer.extend(message.get("body", b""))

    await app(scope, receive, send)
    return Answer(status, kind, answer.decode("utf-8", "replace"))


def _type(headers: list[tuple[str, str]]) -> str:
    given = next((value for name, value in headers if name.lower() == "content-type"), "")
    return given.partition(";")[0].strip().lower()


def _text(record: dict[str, Any], upstream: str, answer: Answer, found: list[Difference]) -> str:
    request, by = record["request"], "Copilot" if upstream == "live" else "the simulator"
    asked = f"{record['id']}: {request['method']} {request['target']} again"
    lines = [f"{asked}, answered by {by} with {answer.status}"]
    if not found:
        lines.append("the answer is the same")
    for each in found:
        mark = "≠" if each.grave else "~"
        lines.append(f"{mark} {each.what}: {each.before} → {each.after}")
    if found and not any(each.grave for each in found):
        lines.append("status, kind and form are the same; only what is said differs")
    return "\n".join(lines)
