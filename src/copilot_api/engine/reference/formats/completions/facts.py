"""The facts of a completions request."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import InvalidRequest, RequestFacts
from copilot_api.engine.reference import jsontext


def facts(value: Any, size: int) -> RequestFacts:
    """Return the facts. Raises :class:`InvalidRequest`."""
    if not isinstance(value, dict):
        raise InvalidRequest("the body must be a JSON object")
    model = value.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequest("must be a model name", "model")
    prompt_of(value)
    cap = value.get("max_tokens", ...)
    return RequestFacts(
        dialect="completions",
        size=size,
        model=jsontext.well_formed(model),
        stream=value.get("stream") is True,
        initiator="user",
        initiator_reason="a completion is the user's",
        messages=1,
        output_cap="absent" if cap is ... else "null" if cap is None else "set",
    )


def prompt_of(value: dict[str, Any]) -> str:
    """Return the prompt. Raises :class:`InvalidRequest` for several, and for lists of token ids."""
    prompt = value.get("prompt")
    if isinstance(prompt, list):
        if len(prompt) != 1 and all(isinstance(each, str) for each in prompt):
            raise InvalidRequest("one prompt at a time can be completed", "prompt")
        if len(prompt) != 1 or not isinstance(prompt[0], str):
            raise InvalidRequest("must be text: lists of token ids are not taken", "prompt")
        return prompt[0]
    if not isinstance(prompt, str):
        raise InvalidRequest("must be a string", "prompt")
    return prompt
