"""A completions request into a conversation of one message."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import InvalidRequest, RequestPlan
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import AnswerContext, Conversation, Decoded, Text, Turn
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.completions.facts import prompt_of

_OPTIONS = (
    *("max_tokens", "stop", "stream", "temperature", "top_p", "top_k", "user", "presence_penalty"),
    *("frequency_penalty", "seed", "logit_bias"),
)
_READ = ("model", "prompt", "n", "best_of", "echo", "stream_options", *_OPTIONS)


def decode_request(value: dict[str, Any], _plan: RequestPlan) -> Decoded:
    """Return the conversation and the changes that were made. Raises :class:`InvalidRequest`."""
    for name in ("n", "best_of"):
        if (frames.count(value.get(name)) or 1) > 1:
            raise InvalidRequest("one completion at a time can be made", name)
    prompt = prompt_of(value)
    echo: dict[str, Any] = {"prompt": prompt} if value.get("echo") is True else {}
    if frames.mapping(value.get("stream_options")).get("include_usage") is True:
        echo["usage"] = True
    rewrites = [
        f"dropped {jsontext.well_formed(name)}"
        for name, member in value.items()
        if name not in _READ and member is not None and member is not False and member != ""
    ]
    conversation = Conversation(
        model=value["model"],
        turns=(Turn("user", (Text(prompt),), plain=True),),
        options={name: value[name] for name in _OPTIONS if value.get(name) is not None},
    )
    return Decoded(conversation, tuple(dict.fromkeys(rewrites)), AnswerContext(echo=echo))
