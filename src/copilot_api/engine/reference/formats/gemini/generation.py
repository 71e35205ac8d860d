"""``generationConfig``: options by their chat names, the form of the answer, thinking."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import InvalidRequest
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import Thinking
from copilot_api.engine.reference.formats.gemini.functions import json_schema
from copilot_api.engine.reference.formats.gemini.members import number_of, object_at, others, text_at
from copilot_api.engine.reference.jsontext import Number

_OPTIONS = (
    ("maxOutputTokens", "max_tokens"),
    ("stopSequences", "stop"),
    ("temperature", "temperature"),
    ("topP", "top_p"),
    ("topK", "top_k"),
    ("presencePenalty", "presence_penalty"),
    ("frequencyPenalty", "frequency_penalty"),
    ("seed", "seed"),
    ("responseLogprobs", "logprobs"),
    ("logprobs", "top_logprobs"),
)
_SCHEMAS = ("responseJsonSchema", "responseSchema")
_READ = (
    *(name for name, _ in _OPTIONS),
    *_SCHEMAS,
    "candidateCount",
    "responseMimeType",
    "responseModalities",
    "thinkingConfig",
)
_DEFAULT_TOP_K = Number("64")
_LEVELS = ("MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH", "MAX")


def options_of(config: dict[str, Any], path: str, rewrites: list[str]) -> dict[str, Any]:
    """Return the options. Raises :class:`InvalidRequest` for what Copilot's models cannot do."""
    _check_form(config, path)
    options = {chat: number_of(config[name]) for name, chat in _OPTIONS if name in config}
    if options.get("top_k") == _DEFAULT_TOP_K:
        # gemini-cli always sends it: nothing is lost where there is no such option.
        del options["top_k"]
        rewrites.append("removed topK, which was Google's default")
    form = _response_format(config, path, rewrites)
    if form is not None:
        options["response_format"] = form
    rewrites += [f"dropped generationConfig.{name}" for name in others(config, _READ)]
    return options


def thinking_of(value: Any, path: str) -> Thinking | None:
    """Return what ``thinkingConfig`` asks for; 0 tokens switch thinking off, -1 leaves it to the model."""
    config = object_at(value, path)
    summary = "auto" if config.get("includeThoughts") is True else None
    level = text_at(config, "thinkingLevel", path).upper()
    if level in _LEVELS:
        return Thinking(effort=level.lower(), summary=summary)
    if level not in ("", "THINKING_LEVEL_UNSPECIFIED"):
        raise InvalidRequest(f"must be one of {', '.join(_LEVELS)}", f"{path}.thinkingLevel")
    if "thinkingBudget" in config:
        budget = _whole(config["thinkingBudget"])
        if budget is None or budget < -1:
            raise InvalidRequest("must be a number of tokens, 0 or -1", f"{path}.thinkingBudget")
        if budget == 0:
            return Thinking(effort="none")
        if budget > 0:
            return Thinking(budget=budget, summary=summary)
        return Thinking(adaptive=True, summary=summary)
    return Thinking(adaptive=True, summary=summary) if summary else None


def wants_thoughts(value: Any) -> bool:
    """Tell whether the answer shall show the model's thoughts."""
    config = object_at(value, "")
    return config.get("includeThoughts") is True


def _whole(value: Any) -> int | None:
    number = number_of(value)
    if not isinstance(number, Number) or len(number.text) > 10:
        return None
    try:
        return int(number.text)
    except ValueError:
        return None


def _check_form(config: dict[str, Any], path: str) -> None:
    count = number_of(config.get("candidateCount", Number("1")))
    if count != Number("1"):
        raise InvalidRequest("only one candidate can be had", f"{path}.candidateCount")
    modalities = config.get("responseModalities", [])
    for modality in modalities if isinstance(modalities, list) else [modalities]:
        if not isinstance(modality, str) or modality.upper() not in ("TEXT", "MODALITY_UNSPECIFIED"):
            raise InvalidRequest("only text can be had", f"{path}.responseModalities")


def _response_format(config: dict[str, Any], path: str, rewrites: list[str]) -> dict[str, Any] | None:
    kind = text_at(config, "responseMimeType", path)
    schema: Any = None
    if "responseJsonSchema" in config:
        schema = config["responseJsonSchema"]
    elif "responseSchema" in config:
        schema = json_schema(config["responseSchema"])
    if kind in ("", "application/json"):
        if schema is not None:
            return {"type": "json_schema", "json_schema": {"name": "response", "schema": schema}}
        return {"type": "json_object"} if kind else None
    if kind != "text/plain":
        rewrites.append(f"dropped responseMimeType {jsontext.well_formed(kind)}")
    if schema is not None:
        rewrites.append("dropped the response schema")
    return None
