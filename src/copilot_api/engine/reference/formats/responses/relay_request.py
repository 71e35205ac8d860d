"""A Responses request as Copilot takes it: edits of top-level members, items only where they must change."""

from __future__ import annotations

from collections.abc import Callable
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
    """The text of the body, its value, and what was changed."""

    def __init__(self, body: bytes) -> None:
        self.text = jsontext.decode(body)
        self.value: dict[str, Any] = jsontext.loads(body)
        self.rewrites: list[str] = []

    def put(self, name: str, value: Any) -> None:
        """Give a member a value, at its place or at the end."""
        written = jsontext.dumps(value)
        edit: Callable[[str, str, str], str] = (
            jsontext.replace_value if name in self.value else jsontext.append
        )
        self.text = edit(self.text, name, written)
        self.value[name] = value

    def remove(self, name: str) -> None:
        """Take a member out."""
        self.text = jsontext.remove(self.text, name)
        del self.value[name]


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
    made = body if edited.text == jsontext.decode(body) else jsontext.encode(edited.text)
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
        if not drop(edited.value, name):
            continue
        if first == name:
            edited.text = jsontext.remove(edited.text, name)
        else:
            edited.put(first, edited.value[first])
        edited.rewrites.append(f"dropped {name}, which the model refuses")
