"""Reading chat frames and answers tolerantly: usage, errors, tool calls (upstream.md 4.3, 4.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from copilot_api.engine.interfaces import Usage
from copilot_api.engine.reference.jsontext import Number


def count(value: Any) -> int | None:
    """Return a token count as an int, None for everything that is not a number."""
    if isinstance(value, Number):
        try:
            number = float(value.text)
        except ValueError:
            return None
        # Beyond, not every whole number is a double: such a number is no count.
        return int(number) if abs(number) <= 2**53 else None
    return None


def mapping(value: Any) -> dict[str, Any]:
    """Return a JSON object, an empty one for everything else."""
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str:
    """Return a string, an empty one for everything else."""
    return value if isinstance(value, str) else ""


def usage_of(frame: dict[str, Any]) -> Usage | None:
    """Return the usage beside the choices, of chat or of Anthropic's shape; None when there is none."""
    usage = frame.get("usage")
    if not isinstance(usage, dict):
        return None
    details = mapping(usage.get("prompt_tokens_details"))
    cached = count(details.get("cached_tokens"))
    given, made = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    if given is None and made is None:
        cached = count(usage.get("cache_read_input_tokens"))
        given = (count(usage.get("input_tokens")) or 0) + (cached or 0)
        made = count(usage.get("output_tokens"))
    reasoning = count(mapping(usage.get("completion_tokens_details")).get("reasoning_tokens"))
    if reasoning is None:
        reasoning = count(usage.get("reasoning_tokens"))
    return Usage(
        input_tokens=given or 0,
        output_tokens=made or 0,
        cached_tokens=cached,
        reasoning_tokens=reasoning,
        total_nano_aiu=count(mapping(frame.get("copilot_usage")).get("total_nano_aiu")),
    )


def better(old: Usage | None, new: Usage) -> Usage:
    """Keep the last usage that is not all zeros (Gemini sends zeros on every frame)."""
    return old if old is not None and not (new.input_tokens or new.output_tokens) else new


def choices_of(frame: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the choices that are objects; none when the member is absent, null or ill-typed (D-T23)."""
    choices = frame.get("choices")
    return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []


def error_of(frame: dict[str, Any]) -> dict[str, Any] | None:
    """Return the error object of a frame, with at least a message."""
    error = frame.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str) and error:
        return {"message": error}
    return None


def content_text(content: Any) -> str:
    """Return string content, or the text of its parts."""
    if isinstance(content, list):
        return "".join(text(mapping(part).get("text")) for part in content)
    return text(content)


def reasoning_text(delta: dict[str, Any]) -> str:
    """Return reasoning under any of its names."""
    for name in ("reasoning_text", "reasoning_content", "cot_summary"):
        if text(delta.get(name)):
            return text(delta[name])
    return ""


@dataclass(slots=True)
class Call:
    """One tool call of an answer while it is put together. `key` counts from 0 in order of appearance."""

    key: int
    id: str = ""
    name: str = ""
    started: bool = False
    arguments: list[str] = field(default_factory=list)
    """Pieces that came before the call could be started."""
    wrote: bool = False


class Calls:
    """Which call a fragment belongs to: a new id opens a call, no id continues the latest at its index."""

    def __init__(self) -> None:
        self.all: list[Call] = []
        self._latest: dict[tuple[int, int], Call] = {}

    def take(self, choice: int, fragments: Any) -> Iterator[tuple[Call, bool, dict[str, Any]]]:
        """Yield `(call, it is new, fragment)` for each entry of a ``tool_calls`` list."""
        for position, fragment in enumerate(fragments if isinstance(fragments, list) else ()):
            if not isinstance(fragment, dict):
                continue
            index = count(fragment.get("index"))
            place = (choice, position if index is None else index)
            call, given = self._latest.get(place), text(fragment.get("id"))
            new = call is None or bool(given and call.id and given != call.id)
            if call is None or new:
                call = self._latest[place] = Call(len(self.all))
                self.all.append(call)
            call.id = call.id or given
            call.name = call.name or text(mapping(fragment.get("function")).get("name"))
            yield call, new, fragment


def invented_id(call: Call, response_id: str) -> str:
    """Return an id for a call that came without one; the same for the same stream."""
    tail = "".join(character for character in response_id if character.isascii() and character.isalnum())[
        -20:
    ]
    return f"call_{tail}{call.key}"
