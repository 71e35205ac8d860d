"""Inline data and files: pictures, documents, text."""

from __future__ import annotations

import base64
import re
from typing import Any

from copilot_api.engine.interfaces import InvalidRequest
from copilot_api.engine.reference.canonical import File, Image, Text
from copilot_api.engine.reference.formats.gemini.members import object_at, text_at
from copilot_api.engine.reference.formats.gemini.signatures import padded

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\Z")
_WEB = ("https://", "http://", "data:")


def inline(value: Any, path: str, rewrites: list[str]) -> Text | Image | File:
    """Return what ``inlineData`` holds."""
    members = object_at(value, path)
    kind, data = text_at(members, "mimeType", path), text_at(members, "data", path)
    if not kind:
        raise InvalidRequest("must name a MIME type", f"{path}.mimeType")
    standard = padded(data)
    if not _BASE64.match(standard):
        raise InvalidRequest("is not base64", f"{path}.data")
    if standard != data:
        rewrites.append("sent inline data in the standard base64 alphabet")
    if kind.startswith("image/"):
        return Image(f"data:{kind};base64,{standard}")
    if kind.startswith("text/"):
        rewrites.append("inline text sent as text")
        try:
            return Text(base64.b64decode(standard).decode("utf-8"))
        except ValueError:
            raise InvalidRequest("is not base64 of UTF-8 text", f"{path}.data") from None
    return File(standard, kind, text_at(members, "displayName", path))


def file(value: Any, path: str) -> Image:
    """Return a picture by its URL. Raises :class:`InvalidRequest` for files that Google keeps."""
    members = object_at(value, path)
    kind, url = text_at(members, "mimeType", path), text_at(members, "fileUri", path)
    if not url.startswith(_WEB) or "generativelanguage.googleapis.com/" in url:
        raise InvalidRequest("must be a web address: Google's file storage is not reached", f"{path}.fileUri")
    if not kind.startswith("image/"):
        raise InvalidRequest("only pictures can be sent by their address", f"{path}.mimeType")
    return Image(url)
