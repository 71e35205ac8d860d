"""The flags of the components, and the way back when a native one fails (architecture.md 5)."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from copilot_api.engine import flags, switch
from copilot_api.engine.interfaces import InvalidRequest, StreamPlan
from copilot_api.engine.native import DIALECTS, PAIRS, NativeTranslation
from copilot_api.engine.reference.translation import ReferenceTranslation
from copilot_api.engine.reference.validation import ReferenceValidation
from copilot_api.records import replace
from copilot_api.settings import Settings

BODY = b'{"model":"gpt-4.1","messages":[{"role":"user","content":"a secret prompt"}]}'
FRAME = (
    b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
)


class Panic(BaseException):
    """Looks like what PyO3 raises for a Rust panic."""


Panic.__module__ = "pyo3_runtime"


class Broken:
    """A component that fails at its `good`-th call and afterwards."""

    def __init__(self, inner: Any, error: BaseException, good: int = 0) -> None:
        self._inner, self._error, self._good = inner, error, good

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            if self._good == 0:
                raise self._error
            self._good -= 1
            return getattr(self._inner, name)(*arguments)

        return call


def states(*native: str, engine: str = "native") -> dict[str, tuple[str, str]]:
    settings = replace(Settings(), engine=engine, native=native)
    return {state.name: (state.implementation, state.reason) for state in flags.describe(settings)}


def test_flags_say_what_runs_and_why() -> None:
    assert states()["validation"] == ("native", "default")
    assert states(engine="reference")["validation"] == ("reference", "--engine reference")
    chosen = states("validation=off", "translation=25%", "streaming=shadow", "tokenizer=off", "tokenizer=on")
    assert chosen["validation"] == ("reference", "--native validation=off")
    assert chosen["translation"] == ("share", "--native translation=25%")
    assert chosen["streaming"] == ("shadow", "--native streaming=shadow")
    assert chosen["tokenizer"] == ("native", "--native tokenizer=on")
    built = flags.build_engine(replace(Settings(), native=("translation=25%",)))
    assert built.states() == flags.describe(replace(Settings(), native=("translation=25%",)))


@pytest.mark.parametrize(
    "flag",
    [
        "x=on",
        "tokenizer",
        "tokenizer=0%",
        "tokenizer=101%",
        "tokenizer=maybe",
        "limiter=shadow",
        "limiter=5%",
        "cache=shadow",
    ],
)
def test_other_flags_are_refused(flag: str) -> None:
    with pytest.raises(flags.UnknownComponent):
        flags.switches(replace(Settings(), native=(flag,)))


def test_a_share_is_decided_once_a_request() -> None:
    made = switch.Switch("validation", "share", "test", 0.5)
    seen = set()
    for _ in range(200):
        switch.begin_request()
        first = made.is_native()
        assert all(made.is_native() is first for _ in range(3))
        seen.add(first)
    assert seen == {True, False}


@pytest.mark.parametrize("error", [Panic("a secret prompt"), RuntimeError("a secret prompt")])
def test_a_failing_component_is_rolled_back(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    made = switch.Switch("validation", "native", "default")
    component = switch.SwitchedValidation(made, Broken(None, error), ReferenceValidation(), DIALECTS)
    with caplog.at_level(logging.DEBUG):
        assert component.inspect(BODY, "chat").model == "gpt-4.1"
        assert component.inspect(BODY, "chat").model == "gpt-4.1"
    assert made.state.implementation == "reference"
    assert made.state.reason.startswith("rolled back: ")
    assert made.failures == 1
    assert "secret" not in caplog.text
    assert len(caplog.records) == 1


def test_what_belongs_to_nobody_passes() -> None:
    made = switch.Switch("validation", "native", "default")
    component = switch.SwitchedValidation(
        made, Broken(None, KeyboardInterrupt()), ReferenceValidation(), DIALECTS
    )
    with pytest.raises(KeyboardInterrupt):
        component.inspect(BODY, "chat")
    assert made.state.implementation == "native"


def test_refusals_are_no_failures() -> None:
    engine = flags.build_engine(Settings())
    with pytest.raises(InvalidRequest):
        engine.validation.inspect(b"{}", "chat")
    reports = {report.state.name: report for report in engine.reports()}
    assert reports["validation"].failures == 0
    assert reports["validation"].timings["native"][0] == 1


def stream_with(native: Any, mode: switch.Mode = "native") -> tuple[switch.Switch, Any]:
    made = switch.Switch("streaming", mode, "test")
    whole = switch.Switch("translation", "native", "test")

    class Factory:
        def stream(self, _plan: StreamPlan) -> Any:
            return native

    component = switch.SwitchedTranslation(whole, made, Factory(), ReferenceTranslation(), PAIRS)  # type: ignore[arg-type]
    return made, component.stream(StreamPlan("chat", "chat"))


def test_a_stream_goes_on_when_nothing_was_sent() -> None:
    made, stream = stream_with(Broken(None, Panic()))
    assert stream.feed(FRAME[:10]) == b""
    assert stream.feed(FRAME[10:]) == FRAME
    assert made.state.reason == "rolled back: panic"


def test_a_stream_that_began_ends_with_an_error() -> None:
    native = NativeTranslation().stream(StreamPlan("chat", "chat"))
    made, stream = stream_with(Broken(native, Panic(), good=1))
    assert stream.feed(FRAME) == FRAME
    out = stream.feed(FRAME)
    assert b'"error"' in out
    assert b"[DONE]" not in out
    assert stream.done
    assert made.failures == 1


def test_shadow_answers_by_the_reference_and_counts(caplog: pytest.LogCaptureFixture) -> None:
    class Wrong:
        done = False
        facts = None

        def feed(self, _data: bytes) -> bytes:
            return b"something else"

        def finish(self, _end: str, _message: str = "") -> bytes:
            return b""

    made, stream = stream_with(Wrong(), "shadow")
    assert stream.feed(FRAME) == FRAME
    assert stream.feed(FRAME) == FRAME
    stream.finish("cut")
    assert made.differences == 1
    assert "hi" not in caplog.text.replace("which", "")

    validation = switch.Switch("validation", "shadow", "test")

    class Other:
        def inspect(self, _body: bytes, _dialect: str) -> Any:
            raise InvalidRequest("wrong", "model")

    component = switch.SwitchedValidation(validation, Other(), ReferenceValidation(), DIALECTS)
    assert component.inspect(BODY, "chat").model == "gpt-4.1"
    assert validation.differences == 1


def test_shadow_finds_no_difference_where_there_is_none() -> None:
    engine = flags.build_engine(
        replace(Settings(), native=tuple(f"{name}=shadow" for name in flags.STATELESS))
    )
    engine.validation.inspect(BODY, "chat")
    stream = engine.translation.stream(StreamPlan("messages", "chat"))
    assert stream.feed(FRAME)
    stream.finish("cut")
    assert [report.differences for report in engine.reports()] == [0] * len(flags.COMPONENTS)
