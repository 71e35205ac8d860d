"""A list of models, as the gateway tells it."""

from __future__ import annotations

import pytest

from copilot_api.clients.base import Choice
from copilot_api.clients.choosing import choose
from copilot_api.engine.interfaces import ModelTraits
from copilot_api.gateway.catalog import Model

MODELS = (
    Model(
        "claude-opus-5", "Claude Opus 5", "Anthropic", "chat", None, 65536, 936000, 1000000, ("/v1/messages",)
    ),
    Model("claude-sonnet-4.6", "Claude Sonnet 4.6", "Anthropic", "chat", None, 32768, 168000, 200000),
    Model("claude-haiku-4.5", "Claude Haiku 4.5", "Anthropic", "chat", None, 65536, 136000, 200000),
    Model(
        "gpt-5.5",
        "GPT-5.5",
        "OpenAI",
        "chat",
        None,
        131072,
        272000,
        400000,
        ("/responses",),
        ModelTraits(tool_calls=True, vision=True, reasoning_effort=("low", "high")),
    ),
    Model("gpt-5-mini", "GPT-5 mini", "OpenAI", "chat", multiplier=0.0),
    Model("gemini-3.1-pro-preview", "Gemini 3.1 Pro", "Google", "chat", None, 65536, 136000, 200000),
    Model("o-disabled", None, "OpenAI", "chat", disabled=True),
    Model("text-embedding-3-small", None, "OpenAI", "embeddings"),
)


def find(name: str) -> Model | None:
    """The model of an id."""
    return next((model for model in MODELS if model.id == name), None)


@pytest.fixture
def choice() -> Choice:
    """What Claude Code gets."""
    return choose(MODELS, find, ("sonnet", "opus"))
