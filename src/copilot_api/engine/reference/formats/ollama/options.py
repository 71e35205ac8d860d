"""What an Ollama request asks for beside its messages: options, format, thinking."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import InvalidRequest
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import Thinking
from copilot_api.engine.reference.formats.chat import frames

_KEPT = ("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty")
_LOCAL = (
    *("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "num_keep", "low_vram", "use_mmap"),
    *("use_mlock", "numa", "f16_kv", "vocab_only", "logits_all", "num_gqa"),
)
_READ = (
    *("model", "messages", "prompt", "system", "images", "tools", "options", "stream", "format", "think"),
    "keep_alive",
)
_NAMELESS = "answer"


def cap_of(value: dict[str, Any]) -> jsontext.Number | None:
    """Return the output cap; a negative one is none, as in Ollama."""
    given = frames.mapping(value.get("options")).get("num_predict")
    cap = frames.count(given)
    return given if cap is not None and cap > 0 else None


def thinking_of(value: dict[str, Any]) -> Thinking | None:
    """Return what ``think`` asks for."""
    think = value.get("think")
    if isinstance(think, str):
        return Thinking(effort=think) if think else None
    if think is None:
        return None
    return Thinking(adaptive=True) if think is True else Thinking(effort="none")


def options_of(value: dict[str, Any], rewrites: list[str]) -> dict[str, Any]:
    """Return the options by their chat names."""
    given = frames.mapping(value.get("options"))
    options: dict[str, Any] = {}
    cap = cap_of(value)
    if cap is not None:
        options["max_tokens"] = cap
    stop = given.get("stop")
    if stop is not None and stop != []:
        options["stop"] = stop
    options["stream"] = value.get("stream") is not False
    options |= {name: given[name] for name in _KEPT if given.get(name) is not None}
    layout = _format(value.get("format"))
    if layout is not None:
        options["response_format"] = layout
    for name, member in given.items():
        if name in _LOCAL:
            rewrites.append(f"options.{name} has no meaning for a model that runs elsewhere")
        elif name not in (*_KEPT, "stop", "num_predict") and member is not None:
            rewrites.append(f"dropped options.{jsontext.well_formed(name)}")
    rewrites += [
        f"dropped {jsontext.well_formed(name)}"
        for name, member in value.items()
        if name not in _READ and member not in (None, False, "", [])
    ]
    return options


def _format(layout: Any) -> dict[str, Any] | None:
    if layout is None or layout == "":
        return None
    if layout == "json":
        return {"type": "json_object"}
    if not isinstance(layout, dict):
        raise InvalidRequest('must be "json" or a JSON schema', "format")
    return {"type": "json_schema", "json_schema": {"name": _NAMELESS, "schema": layout}}
