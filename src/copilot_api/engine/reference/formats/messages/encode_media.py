"""Pictures and documents as Anthropic blocks (upstream.md 6.2)."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from copilot_api.engine.interfaces import InvalidRequest
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import File, Image


def picture(image: Image, path: str) -> dict[str, Any]:
    """Return an image block; data URLs become base64 sources."""
    if not image.url.startswith("data:"):
        return {"type": "image", "source": {"type": "url", "url": image.url}}
    head, comma, data = image.url[len("data:") :].partition(",")
    media_type, *parameters = head.split(";")
    if not comma or "base64" not in parameters:
        raise InvalidRequest("a data URL of a picture must hold base64", path)
    if media_type == "image/jpg":
        media_type = "image/jpeg"
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def document(file: File, path: str) -> dict[str, Any]:
    """Return a document block: PDF as it is, text as text."""
    if file.media_type == "application/pdf":
        source = {"type": "base64", "media_type": file.media_type, "data": file.data}
    elif file.media_type.startswith("text/"):
        try:
            text = base64.b64decode(file.data, validate=True).decode()
        except (binascii.Error, ValueError):
            raise InvalidRequest("is not base64 of UTF-8 text", path) from None
        source = {"type": "text", "media_type": "text/plain", "data": text}
    else:
        kind = jsontext.well_formed(file.media_type)
        raise InvalidRequest(f"files of type {kind} cannot be sent to this model", path)
    return {"type": "document", "source": source, **({"title": file.name} if file.name else {})}
