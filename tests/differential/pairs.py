"""What is compared: every pair and dialect that the native engine says it has, and plans for them."""

from __future__ import annotations

from typing import Any, cast, get_args

import pytest
from hypothesis import strategies as st

from copilot_api.engine.interfaces import (
    AnswerPlan,
    Dialect,
    Framing,
    Leg,
    ModelTraits,
    RequestPlan,
    StreamPlan,
)
from copilot_api.engine.reference import context
from copilot_api.engine.reference.canonical import AnswerContext
from copilot_api.engine.reference.jsontext import Number

pytest.importorskip("copilot_api._native", reason="the native module is not built: run `make dev`")

from copilot_api.engine.native import stateless
from tests.differential import responses_strategies, strategies

strategies.requests["responses"] = responses_strategies.requests()

DIALECTS = cast("list[Dialect]", sorted(stateless.DIALECTS))
PAIRS = cast("list[tuple[Dialect, Leg]]", sorted(stateless.PAIRS))
STREAMED = [pair for pair in PAIRS if pair[0] != "embeddings"]
FRAMINGS: dict[str, tuple[Framing, ...]] = {"gemini": ("sse", "array"), "ollama": ("lines",)}
"""How a dialect's streams are put on the wire, where that is not server-sent events."""

MODELS = ["gpt-4.1", "claude-sonnet-4.6", 'quo"te', "mod\u00e8le:\U0001f600"]
"""Models that upstream sees; carriers in the strategies are tagged with the first two."""

_traits = st.sampled_from(
    [
        None,
        ModelTraits(),
        ModelTraits(
            max_output_tokens=4096,
            max_prompt_tokens=100_000,
            reasoning_effort=("low", "medium", "high"),
            vision=True,
            structured_outputs=True,
            tool_calls=True,
            parallel_tool_calls=True,
        ),
        ModelTraits(max_output_tokens=64000, min_thinking_budget=1024, max_thinking_budget=32000),
        ModelTraits(reasoning_effort=("none", "xhigh"), adaptive_thinking=True),
    ]
)
_dropped = st.sampled_from(
    [
        *[()] * 6,
        *(("temperature",), ("top_p", "stop"), ("reasoning.summary",), ("thinking",), ("text.verbosity",)),
        *(("max_tokens",), ("tool_choice",), ("parallel_tool_calls",), ("reasoning_effort", "n")),
        *(("output_config.effort",), ("include",), ("store",), ("metadata.user_id",)),
    ]
)


def request_plans(dialect: Dialect, leg: Leg) -> st.SearchStrategy[RequestPlan]:
    """Plans with every field that a plan has."""
    return st.builds(
        RequestPlan,
        st.just(dialect),
        st.just(leg),
        model=st.none() | st.sampled_from(["gpt-4o", "", 'quo"te', "mod\u00e8le \U0001f600", "a\nb"]),
        output_cap=st.none() | st.sampled_from([0, 1, 16384, 1 << 40]),
        cap_field=st.sampled_from(["max_tokens", "max_tokens", "max_completion_tokens"]),
        target=st.sampled_from(MODELS),
        stream=st.sampled_from([None, None, True, False]),
        traits=_traits,
        dropped=_dropped,
        without_reasoning=st.sampled_from([False, False, False, True]),
        betas=st.sampled_from([(), (), ("interleaved-thinking-2025-05-14",), ("a", "context-management-x")]),
        cache_breakpoints=st.booleans(),
    )


_CONTEXTS = [
    AnswerContext(),
    AnswerContext(),
    AnswerContext(names={"get_weather": "get.weather", "now": "\ud800\u73fe\u5728\n"}),
    AnswerContext(echo={"thoughts": True}),
    AnswerContext(custom=("apply_patch", "now"), namespaces={"get_weather": "mcp__w", "now": ""}),
    AnswerContext(
        names={"now": "n.o.w"},
        echo={"model": "client\u00e9", "temperature": Number("1.0"), "tools": [{"a": None}], "stream": True},
    ),
]
_CONTEXTS += [
    AnswerContext(echo={"functions": True, "reasoning": True}),
    AnswerContext(echo={"model": 'the "model"', "generate": True}),
    AnswerContext(echo={"prompt": "Once \ud800\n", "usage": True}),
]
contexts: st.SearchStrategy[bytes] = st.sampled_from(_CONTEXTS).map(context.write)


def answer_plans(dialect: Dialect, leg: Leg) -> st.SearchStrategy[AnswerPlan]:
    """Plans for whole answers."""
    return st.builds(
        AnswerPlan,
        st.just(dialect),
        st.just(leg),
        reasoning=st.booleans(),
        model=st.sampled_from(MODELS),
        context=contexts,
        now=st.sampled_from([0, 1_795_390_001]),
    )


def stream_plans(dialect: Dialect, leg: Leg, limits: list[int]) -> st.SearchStrategy[StreamPlan]:
    """Plans for streams; `limits` of one frame are drawn beside the usual one."""
    return st.builds(
        StreamPlan,
        st.just(dialect),
        st.just(leg),
        input_tokens=st.sampled_from([0, 5]),
        reasoning=st.booleans(),
        frame_limit=st.sampled_from([16 * 1024 * 1024] * 6 + limits),
        model=st.sampled_from(MODELS),
        context=contexts,
        framing=st.sampled_from(FRAMINGS.get(dialect, ("sse",))),
        now=st.sampled_from([0, 1_795_390_001]),
    )


def plain_stream_plans() -> list[StreamPlan]:
    """Two plans for each pair and framing: without reasoning and with it."""
    made: list[Any] = []
    for dialect, leg in STREAMED:
        for framing in FRAMINGS.get(dialect, ("sse",)):
            made.append(StreamPlan(dialect, leg, input_tokens=5, framing=framing))
            made.append(StreamPlan(dialect, leg, reasoning=True, model=MODELS[0], framing=framing))
    return made


def name_of(plan: StreamPlan) -> str:
    """Return a plan's name for the list of tests."""
    return f"{plan.dialect} over {plan.leg}, {plan.framing}{', reasoning' if plan.reasoning else ''}"


assert set(FRAMINGS) <= set(get_args(Dialect))
