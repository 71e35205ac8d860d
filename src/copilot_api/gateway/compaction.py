"""``/responses/compact``: a conversation made shorter by the model itself. Copilot has no such endpoint."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from copilot_api.gateway.answer import Streamed, Whole
from copilot_api.gateway.errors import BadRequest, UpstreamFailed
from copilot_api.gateway.hints import Hints
from copilot_api.gateway.pipeline import Pipeline
from copilot_api.keys.caller import ANYONE, Caller
from copilot_api.records import replace

_WISH = (
    "The conversation above has become too long. Write a hand-over for another model that will carry on "
    "with it: what the user wants, what was decided and why, what was done (with the names of files and "
    "commands), what was learnt, what comes next. Be complete and concise. Answer with the hand-over alone."
)
_HEAD = "Another model worked on this before and left this hand-over:\n\n"
_MOST_KEPT = 80_000
"""Characters of the user's own messages that stay word for word, the newest first."""
_PASSED = ("model", "instructions")


class Compaction:
    """Asks the model for a summary, as one ordinary request."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    async def run(self, body: bytes, hints: Hints, caller: Caller = ANYONE) -> dict[str, Any]:
        """Return the answer's object. Raises :class:`copilot_api.gateway.errors.GatewayError`."""
        try:
            request = json.loads(body)
        except (ValueError, RecursionError):
            request = None
        if not isinstance(request, dict):
            raise BadRequest(400, "the body must be a JSON object", code="invalid_request")
        given = request.get("input")
        items = [_message(given)] if isinstance(given, str) else given
        if not isinstance(items, list) or not items:
            raise BadRequest(400, "input: must be a string or a list of items", param="input")
        asked = {name: request[name] for name in _PASSED if name in request}
        asked |= {"input": [*items, _message(_WISH)], "stream": False, "store": False}
        answers: list[Whole | Streamed] = []

        async def keep(answer: Whole | Streamed) -> None:
            answers.append(answer)

        # No person asked for this: the program shortens its own history (upstream.md 2.5).
        agent = replace(hints, initiator="agent")
        await self._pipeline.generate("responses", json.dumps(asked).encode(), keep, caller, agent)
        answer = answers[0]
        summary, usage = _read(answer.body) if isinstance(answer, Whole) else ("", None)
        if not summary:
            raise UpstreamFailed(
                502, "the model wrote no summary", "unusable_answer", code="upstream_unusable"
            )
        made: dict[str, Any] = {
            "id": f"resp_{os.urandom(16).hex()}",
            "object": "response.compaction",
            "created_at": int(time.time()),
            "output": [*_kept(items), _message(_HEAD + summary)],
        }
        return made | ({"usage": usage} if usage is not None else {})


def _message(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def _kept(items: list[Any]) -> list[Any]:
    """Return the newest of the user's own messages, as they came."""
    kept: list[Any] = []
    left = _MOST_KEPT
    for item in reversed(items):
        if isinstance(item, dict) and item.get("role") == "user" and item.get("type", "message") == "message":
            left -= len(json.dumps(item))
            if left < 0:
                break
            kept.insert(0, {name: value for name, value in item.items() if name != "id"})
    return kept


def _read(body: bytes) -> tuple[str, Any]:
    value = json.loads(body)
    texts = [
        part["text"]
        for item in value.get("output") or ()
        if item.get("type") == "message"
        for part in item.get("content") or ()
        if isinstance(part.get("text"), str)
    ]
    return "\n\n".join(texts).strip(), value.get("usage")
