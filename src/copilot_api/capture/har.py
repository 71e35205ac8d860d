"""Captures as an HTTP Archive (HAR 1.2), which browsers' tools and most HTTP programs open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from copilot_api.version import VERSION

Record = Mapping[str, Any]

CREATOR = {"name": "copilot-api", "version": VERSION}


def archive(records: Iterable[Record]) -> dict[str, Any]:
    """Return the archive: of each request what the client had of it, then each call of Copilot."""
    entries: list[dict[str, Any]] = []
    for record in records:
        entries.append(_entry_of_client(record))
        entries += (_entry_of_call(record, exchange) for exchange in record["exchanges"])
    return {"log": {"version": "1.2", "creator": CREATOR, "entries": entries}}


def _entry_of_client(record: Record) -> dict[str, Any]:
    request, response = record["request"], record["response"]
    host = next((value for name, value in request["headers"] if name.lower() == "host"), "localhost")
    first, whole = record["first_byte_ms"], record["duration_ms"] or 0.0
    version = f"HTTP/{request['http_version']}"
    return _entry(
        record["time"],
        _request(request, f"http://{host}{request['target']}", version),
        _response(response, version),
        wait=whole if first is None else first,
        receive=0.0 if first is None else max(whole - first, 0.0),
        comment=f"{record['id']}: client and gateway",
    )


def _entry_of_call(record: Record, exchange: Record) -> dict[str, Any]:
    began = exchange["began_ms"] or 0.0
    ended = exchange["ended_ms"] if exchange["ended_ms"] is not None else began
    head = exchange["head_ms"] if exchange["head_ms"] is not None else ended
    error = f", failed: {exchange['error']}" if exchange["error"] else ""
    request = exchange["request"]
    return _entry(
        record["time"],
        _request(request, request["url"], "HTTP/1.1"),
        _response(exchange["response"], "HTTP/1.1"),
        wait=max(head - began, 0.0),
        receive=max(ended - head, 0.0),
        comment=f"{record['id']}: gateway and Copilot, {began:.1f} ms after the request came{error}",
    )


def _entry(
    time: str, request: dict[str, Any], response: dict[str, Any], *, wait: float, receive: float, comment: str
) -> dict[str, Any]:
    return {
        "startedDateTime": time,
        "time": wait + receive,
        "request": request,
        "response": response,
        "cache": {},
        "timings": {"send": 0, "wait": wait, "receive": receive},
        "comment": comment,
    }


def _request(told: Record, url: str, version: str) -> dict[str, Any]:
    body = told["body"]
    request = {
        "method": told["method"],
        "url": url,
        "httpVersion": version,
        "cookies": [],
        "headers": _headers(told["headers"]),
        "queryString": [
            {"name": name, "value": value}
            for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True)
        ],
        "headersSize": -1,
        "bodySize": body["size"],
    }
    if body["size"]:
        text = body.get("text", body.get("base64", ""))
        request["postData"] = {"mimeType": _type(told["headers"]), "params": [], "text": text} | _cut(body)
    return request


def _response(told: Record, version: str) -> dict[str, Any]:
    body, status = told["body"], told["status"]
    content = {"size": body["size"], "mimeType": _type(told["headers"])} | _cut(body)
    if "base64" in body:
        content |= {"text": body["base64"], "encoding": "base64"}
    else:
        content["text"] = body["text"]
    return {
        "status": status,
        "statusText": HTTPStatus(status).phrase if status in {each.value for each in HTTPStatus} else "",
        "httpVersion": version,
        "cookies": [],
        "headers": _headers(told["headers"]),
        "content": content,
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": body["size"],
    }


def _headers(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _type(pairs: Iterable[tuple[str, str]]) -> str:
    return next((value for name, value in pairs if name.lower() == "content-type"), "")


def _cut(body: Record) -> dict[str, str]:
    return {"comment": "the rest was not kept"} if body["cut"] else {}
