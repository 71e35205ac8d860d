"""Every dialect, every leg, everything that clients do; streamed and not, on both engines (issue 5)."""

from __future__ import annotations

import json
import socket
import struct
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from copilot_api.simulator import SimulatorServer
from copilot_api.simulator.seals import seal
from tests.matrix.chat import Chat
from tests.matrix.completions import Completions
from tests.matrix.gemini import Gemini
from tests.matrix.messages import Messages
from tests.matrix.ollama import Ollama
from tests.matrix.responses import Responses
from tests.matrix.talk import Ask, Dialect, InBand, Said, Tool, assistant, results, user
from tests.support.http import Answer, request
from tests.support.process import GatewayProcess

DIALECTS: tuple[Dialect, ...] = (Chat(), Messages(), Responses(), Gemini(), Ollama(), Completions())
WITH_TOOLS = tuple(dialect for dialect in DIALECTS if dialect.tools)
MODELS = {"chat": "gemini-3.1-pro-preview", "responses": "gpt-5.4", "messages": "claude-opus-5"}
"""Models that have one leg only, by leg."""
PATHS = {"chat": "/chat/completions", "responses": "/responses", "messages": "/v1/messages"}
ERROR_FRAMES = {
    "chat": {"error": {"code": "model_overloaded", "message": "The model is overloaded."}},
    "responses": {"type": "error", "code": "server_error", "message": "The model is overloaded."},
    "messages": {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "The model is overloaded."},
    },
}
WEATHER = Tool(
    "get_weather", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
)
LONG_NAME = Tool(
    "get_weather.of/a place whose name is very much longer than the sixty-four characters that are allowed",
    WEATHER.parameters,
)
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "sunny": {"type": "boolean"}},
    "required": ["city", "sunny"],
    "additionalProperties": False,
}

by_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
by_tools = pytest.mark.parametrize("dialect", WITH_TOOLS, ids=lambda dialect: dialect.name)
by_leg = pytest.mark.parametrize("leg", MODELS)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture(scope="module", params=["native", "reference"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def gateway(
    engine: str, simulator: SimulatorServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    home = tmp_path_factory.mktemp("home")
    with GatewayProcess(home, simulator.url, "--engine", engine, "--reasoning") as process:
        yield process


@pytest.fixture(autouse=True)
def no_faults(simulator: SimulatorServer) -> Iterator[None]:
    yield
    simulator.faults.clear()


def send(gateway: GatewayProcess, dialect: Dialect, ask: Ask) -> Answer:
    made = dialect.request(ask)
    return request(gateway.url, "POST", made.path, made.body, made.headers)


def say(gateway: GatewayProcess, dialect: Dialect, ask: Ask) -> Said:
    answer = send(gateway, dialect, ask)
    assert answer.status == 200, answer.text
    return dialect.streamed(answer.body) if ask.stream else dialect.whole(answer.body)


def paths(simulator: SimulatorServer, since: int) -> list[str]:
    return [entry.path for entry in simulator.state.requests[since:]]


def last_path(simulator: SimulatorServer) -> str:
    return simulator.state.requests[-1].path


def picture() -> bytes:
    """A real, tiny picture whose base64 has both signs that the URL-safe alphabet changes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\x00" + b"\xfb\xff\xbf" * 4 for _ in range(4))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0))
        + chunk(b"tEXt", b"\xfb\xff\xfe" * 20)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@both_ways
@by_leg
@by_dialect
def test_text(
    gateway: GatewayProcess, simulator: SimulatorServer, dialect: Dialect, leg: str, stream: bool
) -> None:
    ask = Ask(MODELS[leg], (user("Say é, 漢字 and 🚀 in Lisbon."),), stream, system="Be brief.")
    said = say(gateway, dialect, ask)
    assert "Say é, 漢字 and 🚀 in Lisbon." in said.text
    assert said.finish == "stop"
    assert said.calls == ()
    assert said.input_tokens > 0
    assert said.output_tokens > 0
    assert last_path(simulator) == PATHS[leg]
    assert simulator.state.requests[-1].headers["x-initiator"] == "user"


@both_ways
@by_leg
@by_tools
def test_tools_with_a_round_trip(
    gateway: GatewayProcess, simulator: SimulatorServer, dialect: Dialect, leg: str, stream: bool
) -> None:
    turns = (user("What is the weather in Paris?"),)
    first = say(gateway, dialect, Ask(MODELS[leg], turns, stream, tools=(WEATHER,)))
    assert first.finish == "tools"
    assert [(call.name, call.arguments) for call in first.calls] == [("get_weather", {"city": "Paris"})]
    turns += (assistant(first), results([(first.calls[0], "19 degrees in Paris")]))
    second = say(gateway, dialect, Ask(MODELS[leg], turns, stream, tools=(WEATHER,)))
    assert "19 degrees in Paris" in second.text
    assert second.finish == "stop"
    assert simulator.state.requests[-1].headers["x-initiator"] == "agent"


@both_ways
@by_leg
@by_tools
def test_parallel_tools(gateway: GatewayProcess, dialect: Dialect, leg: str, stream: bool) -> None:
    turns = (user("What is the weather in Paris, Rome and Oslo?"),)
    first = say(gateway, dialect, Ask(MODELS[leg], turns, stream, tools=(WEATHER,)))
    assert [call.arguments["city"] for call in first.calls] == ["Paris", "Rome", "Oslo"]
    answers = [(call, f"weather of {call.arguments['city']}") for call in first.calls]
    turns += (assistant(first), results(answers))
    second = say(gateway, dialect, Ask(MODELS[leg], turns, stream, tools=(WEATHER,)))
    assert "weather of Paris / weather of Rome / weather of Oslo" in second.text


@both_ways
@by_leg
@by_tools
def test_a_tool_whose_name_upstream_refuses(
    gateway: GatewayProcess, simulator: SimulatorServer, dialect: Dialect, leg: str, stream: bool
) -> None:
    if dialect.name == leg:
        pytest.skip("within one format the client's names pass untouched")
    turns = (user("What is the weather in Paris?"),)
    first = say(gateway, dialect, Ask(MODELS[leg], turns, stream, tools=(LONG_NAME,)))
    assert [(call.name, call.arguments) for call in first.calls] == [(LONG_NAME.name, {"city": "Paris"})]
    turns += (assistant(first), results([(first.calls[0], "19 degrees")]))
    assert "19 degrees" in say(gateway, dialect, Ask(MODELS[leg], turns, stream, tools=(LONG_NAME,))).text
    assert LONG_NAME.name.encode() not in simulator.state.requests[-1].body


@both_ways
@by_leg
@by_tools
def test_image(
    gateway: GatewayProcess, simulator: SimulatorServer, dialect: Dialect, leg: str, stream: bool
) -> None:
    ask = Ask(MODELS[leg], (user("What is this?", picture()),), stream)
    assert "I see 1 picture" in say(gateway, dialect, ask).text
    assert simulator.state.requests[-1].headers["copilot-vision-request"] == "true"


@both_ways
@by_leg
@by_tools
def test_reasoning_with_a_round_trip(
    gateway: GatewayProcess, simulator: SimulatorServer, dialect: Dialect, leg: str, stream: bool
) -> None:
    turns = (user("What is the weather in Paris?"),)
    ask = Ask(MODELS[leg], turns, stream, tools=(WEATHER,), reasoning=True)
    first = say(gateway, dialect, ask)
    assert first.reasoning.startswith("I think about the question first")
    assert first.reasoning.endswith("and then I answer.")
    turns += (assistant(first), results([(first.calls[0], "19 degrees")]))
    before = len(simulator.state.requests)
    second = say(gateway, dialect, Ask(MODELS[leg], turns, stream, tools=(WEATHER,), reasoning=True))
    assert "19 degrees" in second.text
    assert second.reasoning.startswith("I think about the tool's result")
    # The simulator refuses reasoning that is altered: one request means that it took what came back.
    [replayed] = simulator.state.requests[before:]
    carries = dialect.name != "ollama"  # its messages have no place for a carrier
    assert (seal(leg, MODELS[leg], first.reasoning).encode() in replayed.body) == carries


@both_ways
@by_tools
def test_reasoning_of_another_model_is_left_out(
    gateway: GatewayProcess, simulator: SimulatorServer, dialect: Dialect, stream: bool
) -> None:
    turns = (user("What is the weather in Paris?"),)
    legs = ["responses", "messages", "chat", "messages", "responses"]
    before = len(simulator.state.requests)
    for number, leg in enumerate(legs):
        ask = Ask(MODELS[leg], turns, stream, tools=(WEATHER,), reasoning=True)
        said = say(gateway, dialect, ask)
        turns += (assistant(said),)
        if said.calls:
            turns += (results([(call, f"result {number}") for call in said.calls]),)
        turns += (user("And what is the weather in Rome?"),)
    # A carrier that upstream refuses would be mended by a second request.
    assert paths(simulator, before) == [PATHS[leg] for leg in legs]


@both_ways
@by_leg
@by_tools
def test_structured_output(gateway: GatewayProcess, dialect: Dialect, leg: str, stream: bool) -> None:
    ask = Ask(MODELS[leg], (user("Is it sunny in Lisbon?"),), stream, schema=SCHEMA)
    if leg == "chat":
        ask = Ask("gpt-4.1", ask.turns, stream, schema=SCHEMA)
    assert json.loads(say(gateway, dialect, ask).text) == {"city": "Lisbon", "sunny": True}


@both_ways
@by_leg
@by_tools
def test_long_conversation(gateway: GatewayProcess, dialect: Dialect, leg: str, stream: bool) -> None:
    turns = ()
    for number in range(30):
        turns += (user(f"Question {number}: " + "word " * 50), assistant(Said(f"Answer {number}.")))
    turns += (user("And the last one?"),)
    said = say(gateway, dialect, Ask(MODELS[leg], turns, stream, system="Be patient."))
    assert "And the last one?" in said.text
    assert said.input_tokens > 1000


@both_ways
@by_leg
@by_dialect
def test_stop_by_length(gateway: GatewayProcess, dialect: Dialect, leg: str, stream: bool) -> None:
    ask = Ask(MODELS[leg], (user("Tell me a long story about Lisbon."),), stream, cap=16)
    said = say(gateway, dialect, ask)
    assert said.finish == "length"
    assert len(said.text) == 64


@both_ways
@by_leg
@by_dialect
def test_upstream_error_before_the_stream(
    gateway: GatewayProcess, simulator: SimulatorServer, dialect: Dialect, leg: str, stream: bool
) -> None:
    body = json.dumps({"error": {"code": "rate_limited", "message": "Slow down, please."}}).encode()
    simulator.faults.add(PATHS[leg], "status", status=429, headers={"retry-after": "70"}, body=body)
    answer = send(gateway, dialect, Ask(MODELS[leg], (user("Hello"),), stream))
    assert answer.status == 429
    assert answer.headers["retry-after"] == "70"
    assert "Slow down, please." in dialect.error(429, answer.body)


@pytest.mark.parametrize("kind", ["error_frame", "cut", "garbage_frame"])
@by_leg
@by_dialect
def test_upstream_error_within_the_stream(
    gateway: GatewayProcess, simulator: SimulatorServer, dialect: Dialect, leg: str, kind: str
) -> None:
    frame = json.dumps(ERROR_FRAMES[leg]).encode()
    # The model of the chat leg speaks in few large pieces.
    simulator.faults.add(PATHS[leg], kind, after_frames=3 if leg == "chat" else 9, body=frame)
    answer = send(gateway, dialect, Ask(MODELS[leg], (user("Tell me of Lisbon, " * 20),), stream=True))
    assert answer.status == 200
    with pytest.raises(InBand) as raised:
        dialect.streamed(answer.body)
    if kind == "error_frame":
        assert "The model is overloaded." in str(raised.value)


@by_leg
@by_dialect
def test_abort(gateway: GatewayProcess, simulator: SimulatorServer, dialect: Dialect, leg: str) -> None:
    simulator.faults.add(PATHS[leg], "silence", after_frames=3 if leg == "chat" else 6, seconds=60)
    made = dialect.request(Ask(MODELS[leg], (user("Tell me of Lisbon, " * 20),), stream=True))
    body = json.dumps(made.body).encode()
    head = "".join(f"{name}: {value}\r\n" for name, value in made.headers.items())
    before = len(simulator.state.requests)
    parts = urlsplit(gateway.url)
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=20) as sock:
        sock.sendall(
            f"POST {made.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{head}"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        assert sock.recv(65536)
    assert simulator.state.wait_for(lambda: simulator.state.requests[before].client_gone, 20)


def test_the_simulator_has_a_model_of_each_leg_only(simulator: SimulatorServer) -> None:
    listed: dict[str, Any] = {
        model["id"]: model for model in request(simulator.url, "GET", "/_simulator/models").json["data"]
    }
    for leg, name in MODELS.items():
        endpoints = [path for path in listed[name]["supported_endpoints"] if path.startswith("/")]
        assert endpoints == [PATHS[leg]]
