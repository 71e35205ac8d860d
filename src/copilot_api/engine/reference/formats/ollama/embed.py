"""``/api/embed`` and the older ``/api/embeddings`` to and from Copilot's embeddings (upstream.md 10.5)."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import InvalidRequest, UnusableAnswer
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.jsontext import Number


def is_batch(value: Any) -> bool:
    """Tell whether a request is of the newer kind; the older has one prompt and gets one vector."""
    return not (isinstance(value, dict) and "input" not in value and "prompt" in value)


def to_embeddings(value: Any, model: str, batch: bool) -> dict[str, Any]:
    """Return the request for upstream; `batch`: it is of the newer kind. Raises :class:`InvalidRequest`."""
    if not isinstance(value, dict):
        raise InvalidRequest("the body must be a JSON object")
    name = "input" if batch else "prompt"
    given = value.get(name)
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidRequest("must be a string or a list of strings", name)
    made: dict[str, Any] = {"model": model, "input": texts}
    if isinstance(value.get("dimensions"), Number):
        made["dimensions"] = value["dimensions"]
    return made


def from_embeddings(value: Any, batch: bool) -> dict[str, Any]:
    """Return the answer for the client. Raises :class:`UnusableAnswer`."""
    data = frames.mapping(value).get("data")
    found = [frames.mapping(item) for item in data] if isinstance(data, list) else []
    places = [frames.count(item.get("index")) for item in found]
    order = sorted(range(len(found)), key=lambda at: (at if places[at] is None else places[at], at))
    vectors = [found[at].get("embedding") for at in order]
    if not vectors or not all(isinstance(vector, list) for vector in vectors):
        raise UnusableAnswer("upstream answered without embeddings")
    if not batch:
        return {"embedding": vectors[0]}
    usage = frames.usage_of(value)
    answer: dict[str, Any] = {
        "model": frames.text(frames.mapping(value).get("model")),
        "embeddings": vectors,
        "total_duration": Number("0"),
        "load_duration": Number("0"),
    }
    if usage is not None:
        answer["prompt_eval_count"] = Number(str(usage.input_tokens))
    return answer
