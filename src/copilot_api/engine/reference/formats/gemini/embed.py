"""``:embedContent`` and ``:batchEmbedContents`` to and from Copilot's embeddings."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import InvalidRequest, UnusableAnswer
from copilot_api.engine.reference.formats.chat import frames
from copilot_api.engine.reference.formats.gemini.members import (
    content_at,
    number_of,
    object_at,
    objects_at,
    text_at,
)
from copilot_api.engine.reference.jsontext import Number


def is_batch(value: Any) -> bool:
    """Tell whether a request is for several vectors."""
    return isinstance(value, dict) and "requests" in value


def to_embeddings(value: Any, model: str, batch: bool) -> dict[str, Any]:
    """Return the request for upstream. Raises :class:`InvalidRequest`.

    One request upstream has one number of dimensions; a batch that wants several is refused.
    """
    body = object_at(value, "")
    wanted = objects_at(body.get("requests"), "requests") if batch else [(body, "")]
    if not wanted or not isinstance(value, dict):
        raise InvalidRequest("must be a list of requests", "requests")
    texts, dimensions = [], []
    for request, path in wanted:
        prefix = f"{path}." if path else ""
        texts.append(_text(request.get("content"), f"{prefix}content"))
        config = object_at(request.get("embedContentConfig"), f"{prefix}embedContentConfig")
        dimensions.append(number_of(config.get("outputDimensionality", request.get("outputDimensionality"))))
    if any(other != dimensions[0] for other in dimensions):
        raise InvalidRequest("must be the same in all requests", "requests[].outputDimensionality")
    made: dict[str, Any] = {"model": model, "input": texts}
    if dimensions[0] is not None:
        made["dimensions"] = dimensions[0]
    return made


def from_embeddings(value: Any, batch: bool) -> dict[str, Any]:
    """Return the answer for the client. Raises :class:`UnusableAnswer`."""
    data = frames.mapping(value).get("data")
    found = [frames.mapping(item) for item in data] if isinstance(data, list) else []
    places = [frames.count(item.get("index", Number(str(at)))) for at, item in enumerate(found)]
    order = sorted(range(len(found)), key=lambda at: (places[at] is None, places[at] or 0, at))
    vectors = [{"values": found[at].get("embedding")} for at in order]
    if not vectors or not all(isinstance(vector["values"], list) for vector in vectors):
        raise UnusableAnswer("upstream answered without embeddings")
    return {"embeddings": vectors} if batch else {"embedding": vectors[0]}


def _text(value: Any, path: str) -> str:
    if value is None:
        raise InvalidRequest("must be a content", path)
    texts = []
    for part in content_at(value, path).parts:
        if "text" not in part.members:
            raise InvalidRequest("only text can be embedded", part.path)
        texts.append(text_at(part.members, "text", part.path))
    joined = "\n".join(texts)
    if not joined:
        raise InvalidRequest("must hold text", path)
    return joined
