"""A Responses request as Copilot takes it: edits of top-level members, items only where they must change."""

from __future__ import annotations

from typing import Any

from copilot_api.engine.interfaces import RequestPlan, TranslatedRequest
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.formats.chat.frames import mapping, text
from copilot_api.engine.reference.formats.responses import relay_items
from copilot_api.engine.reference.formats.responses.decode_request import TELEMETRY
from copilot_api.engine.reference.formats.responses.encode_request import drop
from copilot_api.engine.reference.formats.responses.limits import fit_cap, fit_effort

_REFUSED = ("service_tier", "background")
_REFUSED_TOOLS = ("code_interpreter", "file_search", "local_shell", "mcp", "image_generation")
_REFUSED_FAMILIES = ("computer", "web_search")
"""Beginnings of the names of tools that come in versions."""


class _Edited:
    """The value of the body as it is now, and what was changed; the text is edited once, at the end."""

    def __init__(self, body: bytes) -> None:
        self.value: dict[str, Any] = jsontext.loads(body)
        self.rewrites: list[str] = []
        self._put: dict[str, Any] = {}
        self._gone: list[str] = []

    def put(self, name: str, value: Any) -> None:
        """Give a member a value, at its place or at the end."""
        self.value[name] = self._put[name] = value

    def remove(self, name: str) -> None:
        """Take a member out."""
        del self.value[name]
        self._put.pop(name, None)
        self._gone.append(name)

    def text(self, given: str) -> str:
        """Return the text with the changes made."""
        text = given
        for name in self._gone:
            text = jsontext.remove(text, name)
        listed = {member.key for member in jsontext.members(text)}
        for name, value in self._put.items():
            edit = jsontext.replace_value if name in listed else jsontext.append
            text = edit(text, name, jsontext.dumps(value))
        return text


def request(body: bytes, plan: RequestPlan) -> TranslatedRequest:
    """Return the body for upstream."""
    edited = _Edited(body)
    if plan.model is not None and edited.value.get("model") != plan.model:
        edited.put("model", plan.model)
    if plan.stream is not None and edited.value.get("stream") is not plan.stream:
        edited.put("stream", plan.stream)
    _input(edited, plan)
    _tools(edited)
    _limits(edited, plan)
    _members(edited, plan)
    if edited.value.get("store") is not False:
        if edited.value.get("store") is True:
            edited.rewrites.append("store sent as false: answers are not stored here")
        edited.put("store", False)
    given = jsontext.decode(body)
    text = edited.text(given)
    made = body if text == given else jsontext.encode(text)
    return TranslatedRequest(made, tuple(dict.fromkeys(edited.rewrites)))


def _input(edited: _Edited, plan: RequestPlan) -> None:
    items = edited.value.get("input")
    if not isinstance(items, list):
        return
    mended, changes = relay_items.mend(items, plan)
    if changes:
        edited.put("input", mended)
        edited.rewrites += changes


def _tools(edited: _Edited) -> None:
    tools = edited.value.get("tools")
    if isinstance(tools, list):
        kept = [tool for tool in tools if not _is_refused(tool)]
        refused = [tool for tool in tools if _is_refused(tool)]
        if refused:
            edited.rewrites += [f"left out the server tool {_kind(tool)}" for tool in refused]
            if kept:
                edited.put("tools", kept)
            else:
                edited.remove("tools")
    choice = edited.value.get("tool_choice")
    if choice is None:
        return
    if not edited.value.get("tools"):
        edited.remove("tool_choice")
        if choice not in ("auto", "none"):
            edited.rewrites.append("left out tool_choice: there are no tools")
    elif _is_refused(choice):
        edited.remove("tool_choice")
        edited.rewrites.append(f"left out tool_choice {_kind(choice)}")


def _is_refused(tool: Any) -> bool:
    kind = text(mapping(tool).get("type"))
    return kind in _REFUSED_TOOLS or kind.startswith(_REFUSED_FAMILIES)


def _kind(tool: Any) -> str:
    return jsontext.well_formed(text(mapping(tool).get("type")))


def _limits(edited: _Edited, plan: RequestPlan) -> None:
    value = edited.value
    cap, change = fit_cap(value.get("max_output_tokens"), plan.traits)
    if change:
        edited.put("max_output_tokens", cap)
        edited.rewrites.append(change)
    reasoning = mapping(value.get("reasoning"))
    effort, change = fit_effort(text(reasoning.get("effort")), plan.traits)
    if change:
        others = {name: member for name, member in reasoning.items() if name != "effort"}
        edited.put("reasoning", {"effort": effort, **others} if effort else others)
        edited.rewrites.append(change)


def _members(edited: _Edited, plan: RequestPlan) -> None:
    for name in TELEMETRY:
        if name in edited.value:
            edited.remove(name)
            edited.rewrites.append(f"withheld {name}")
    for name in _REFUSED:
        if name in edited.value:
            said = edited.value[name] not in (None, False)
            edited.remove(name)
            edited.rewrites += [f"dropped {name}"] if said else []
    for name in plan.dropped:
        first = name.partition(".")[0]
        if first == name and name in edited.value:
            edited.remove(name)
        elif first != name and drop(edited.value, name):
            edited.put(first, edited.value[first])
        else:
            continue
        edited.rewrites.append(f"dropped {name}, which the model refuses")
