"""Events into a stream of text completions."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import StreamPlan, Usage
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import AnswerContext, AnswerEvent, Finish, Start, TextPiece
from copilot_api.engine.reference.formats.chat import completion, frames


class StreamEncoder:
    """Writes the text; usage comes only where it was asked for: old clients look at ``choices[0]``."""

    def __init__(self, _plan: StreamPlan, context: AnswerContext) -> None:
        self.started = False
        self._prompt = frames.text(context.echo.get("prompt"))
        self._usage = context.echo.get("usage") is True
        self._head: dict[str, Any] = {}

    def events(self, events: list[AnswerEvent]) -> str:
        """Return the stream text for some events."""
        return "".join(self._event(event) for event in events)

    def finish(self, finish: Finish, usage: Usage | None) -> str:
        """Return the end of a complete answer."""
        reason = completion.finish_reason(finish, called=False)
        out = self._chunk("", "stop" if reason == "tool_calls" else reason)
        if self._usage and usage is not None:
            out += _write({**self._head, "choices": [], "usage": completion.usage_json(usage)})
        return out + "data: [DONE]\n\n"

    def fail(self, message: str, code: str | None) -> str:
        """Return what ends a broken answer: one error, no end mark (R-26)."""
        return _write(completion.error_json(message, code))

    def keep_alive(self) -> str:
        """Return a comment."""
        return ": keep-alive\n\n"

    def _event(self, event: AnswerEvent) -> str:
        if isinstance(event, TextPiece):
            return self._chunk(event.text)
        if isinstance(event, Start):
            self.started = True
            self._head = {
                "id": event.id,
                "object": "text_completion",
                "created": completion.created(event.created),
                "model": event.model,
            }
            # A first chunk in any case: the answer has begun, and failures are in-band from here on.
            return self._chunk(self._prompt)
        return ""

    def _chunk(self, text: str, reason: str | None = None) -> str:
        choice = {
            "text": text,
            "index": completion.number(0),
            "logprobs": None,
            "finish_reason": reason,
        }
        return _write({**self._head, "choices": [choice]})


def _write(frame: dict[str, Any]) -> str:
    return f"data: {jsontext.dumps(frame)}\n\n"
