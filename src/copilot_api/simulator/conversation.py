"""What the pretend model answers: a deterministic function of the request."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import Any

_REMINDER = re.compile(r"<system-reminder>.*?(?:</system-reminder>|$)", re.DOTALL)
_FOLDER = re.compile(r"(?i)\b(?:working directory|cwd|current directory)(?: is)?\s*:\s*(/[^\s\"'<>`]+)")
_FILE = re.compile(
    r"(?is)\b(?:write|create|make|save)\b.{0,40}?\bfile\b(?:\s+(?:named|called))?\s+[\"'`]?([\w./-]+\.\w+)[\"'`]?"
)
_CONTENT = re.compile(r"(?is)\b(?:contents?|text|containing)\b\s*(?:\bis\b|:)?\s*[\"'`]?(.+?)[\"'`]?\s*$")
_CITY = re.compile(r"\b(?:in|for|at)\s+((?:[A-Z][\w-]+)(?:(?:\s*,\s*|\s+and\s+)[A-Z][\w-]+)*)")
_COMMAND = re.compile(r"(?i)\brun\b[^`\"]*[`\"](.+?)[`\"]")
_PATH_NAMES = ("file_path", "filePath", "path", "filename", "file")
_CONTENT_NAMES = ("content", "contents", "text", "file_text")
_COMMAND_NAMES = frozenset({"command", "cmd"})
_LONGEST_ECHO = 600
_LISTING = "*file listing* format"
"""How aider asks for files as text, in lieu of tools."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; `arguments` is an object. `raw` is the text given to a freeform tool instead."""

    name: str
    arguments: dict[str, Any]
    raw: str | None = None
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The decided answer, before a vendor's form is given to it."""

    text: str
    calls: tuple[Call, ...]
    finish_reason: str
    reasoning: str = ""
    stop: str | None = None
    """The stop sequence that ended the text."""


def decide(request: dict[str, Any]) -> Answer:
    """Return the answer to a chat request."""
    messages = [message for message in request.get("messages", []) if isinstance(message, dict)]
    last = next((m for m in reversed(messages) if m.get("role") not in ("system", "developer")), {})
    calls: tuple[Call, ...] = ()
    if last.get("role") == "tool" or _after_tool(messages):
        text = f"The tool has answered: {_tool_text(messages)[:_LONGEST_ECHO]} That is all there is to say."
    else:
        prompt = human_text(last.get("content"))
        calls = _calls(request, messages, prompt)
        text = "Let me use a tool for that." if calls else _reply(request, last, prompt)
    finish = "tool_calls" if calls else "stop"
    met = None
    for stop in _stops(request.get("stop")):
        text, found, _ = text.partition(stop)
        met = stop if found else met
    cap = request.get("max_tokens") or request.get("max_completion_tokens")
    if isinstance(cap, int) and 0 < cap * 4 < len(text) and not calls:
        text, finish = text[: cap * 4], "length"
    return Answer(text, calls, finish, _reasoning(request, last), met)


def _reasoning(request: dict[str, Any], last: dict[str, Any]) -> str:
    """A pretend model reasons when it is asked to."""
    if request.get("reasoning_effort") in (None, "none") and not request.get("thinking_budget"):
        return ""
    subject = "the tool's result" if last.get("role") == "tool" else "the question"
    return f"I think about {subject} first, in three short pieces, and then I answer."


def human_text(content: Any) -> str:
    """Return what a person wrote in a message: text parts without the program's reminders."""
    if isinstance(content, list):
        content = "\n".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    return _REMINDER.sub("", content).strip() if isinstance(content, str) else ""


def _reply(request: dict[str, Any], last: dict[str, Any], prompt: str) -> str:
    schema = request.get("response_format")
    if isinstance(schema, dict) and schema.get("type") in ("json_schema", "json_object"):
        inner = schema.get("json_schema")
        wanted = inner.get("schema", {}) if isinstance(inner, dict) else {}
        return json.dumps(_fill(wanted, prompt), ensure_ascii=False)
    listing = _listing(request["messages"], prompt)
    if listing:
        return listing
    pictures = _count_pictures(last.get("content"))
    seen = f" I see {pictures} picture{'s' if pictures > 1 else ''}." if pictures else ""
    return (
        f"You said: {prompt[-_LONGEST_ECHO:]}{seen} I am a simulator, so this is all I know about it;"
        " the words come one by one, as they would from a real model, and then the answer ends."
    )


def _listing(messages: list[dict[str, Any]], prompt: str) -> str:
    """The file that is asked for, as aider reads it from an answer; its rules may follow the prompt."""
    asked = prompt.partition("\n\n")[0]
    file = _FILE.search(asked)
    if file is None or not any(_LISTING in text for text in _all_text(messages)):
        return ""
    return f"Here it is.\n\n{file.group(1)}\n```\n{_wanted_content(file, asked)}\n```\n"


def _after_tool(messages: list[dict[str, Any]]) -> bool:
    """A tool's pictures come in a user message of their own, right after its result."""
    if len(messages) < 2 or messages[-1].get("role") != "user" or messages[-2].get("role") != "tool":
        return False
    content = messages[-1].get("content")
    return _count_pictures(content) > 0 or (bool(content) and not human_text(content))


def _tool_text(messages: list[dict[str, Any]]) -> str:
    texts = []
    for message in reversed(messages):
        if message.get("role") == "assistant":
            break
        if message.get("role") == "tool":
            content = message.get("content")
            texts.append(content if isinstance(content, str) else human_text(content))
    return " / ".join(reversed(texts))


def _count_pictures(content: Any) -> int:
    if not isinstance(content, list):
        return 0
    return sum(isinstance(part, dict) and part.get("type") == "image_url" for part in content)


def _stops(stop: Any) -> list[str]:
    values = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    return [value for value in values if isinstance(value, str) and value]


def _calls(request: dict[str, Any], messages: list[dict[str, Any]], prompt: str) -> tuple[Call, ...]:
    tools = [
        tool["function"]
        for tool in request.get("tools") or []
        if isinstance(tool, dict) and isinstance(tool.get("function"), dict)
    ]
    choice = request.get("tool_choice")
    if not tools or choice == "none" or not messages or messages[-1].get("role") == "assistant":
        return ()
    if isinstance(choice, dict):
        wanted = choice.get("function", {}).get("name")
        return tuple(_called(t, _arguments(t, prompt)) for t in tools if t["name"] == wanted)
    lowered = prompt.lower()
    file = _FILE.search(prompt)
    writer = next((tool for tool in tools if _writes_files(tool)), None)
    if file and writer:
        return (_called(writer, _file_arguments(writer, file, prompt, messages)),)
    patch = next((tool for tool in tools if tool.get("freeform") and "patch" in tool["name"]), None)
    if file and patch:
        return (Call(patch["name"], {}, _patch(file, prompt)),)
    command = _COMMAND.search(prompt)
    shell = next((tool for tool in tools if _COMMAND_NAMES & set(_properties(tool))), None)
    line = command.group(1) if command else _writing_command(file, prompt) if file else None
    if line and shell:
        member = next(name for name in _properties(shell) if name in _COMMAND_NAMES)
        return (_called(shell, {**_arguments(shell, prompt), member: line}),)
    named = [tool for tool in tools if re.search(rf"(?i)\b{re.escape(tool['name'])}\b", prompt)]
    if not named and "weather" in lowered:
        named = [tool for tool in tools if "weather" in tool["name"].lower()]
    if not named and choice == "required":
        named = tools[:1]
    if not named:
        return ()
    return _filled(named[0], prompt)


def _filled(tool: dict[str, Any], prompt: str) -> tuple[Call, ...]:
    cities = _cities(prompt)
    place = next((name for name in _properties(tool) if name in ("city", "location", "place")), None)
    if place and len(cities) > 1:
        return tuple(_called(tool, {**_arguments(tool, prompt), place: city}) for city in cities)
    return (_called(tool, _arguments(tool, prompt)),)


def _called(tool: dict[str, Any], arguments: dict[str, Any]) -> Call:
    raw = str(arguments.get("input", "text")) if tool.get("freeform") else None
    return Call(tool["name"], arguments, raw, tool.get("namespace"))


def _patch(file: re.Match[str], prompt: str) -> str:
    lines = "\n".join(f"+{line}" for line in _wanted_content(file, prompt).splitlines() or [""])
    return f"*** Begin Patch\n*** Add File: {file.group(1)}\n{lines}\n*** End Patch"


def _writing_command(file: re.Match[str], prompt: str) -> str:
    return f"printf '%s' {shlex.quote(_wanted_content(file, prompt))} > {shlex.quote(file.group(1))}"


def _wanted_content(file: re.Match[str], prompt: str) -> str:
    content = _CONTENT.search(prompt, file.end())
    return content.group(1) if content else "hello"


def _cities(prompt: str) -> list[str]:
    found = _CITY.search(prompt)
    return re.split(r"\s*,\s*|\s+and\s+", found.group(1)) if found else []


def _properties(tool: dict[str, Any]) -> dict[str, Any]:
    parameters = tool.get("parameters")
    properties = parameters.get("properties") if isinstance(parameters, dict) else None
    return properties if isinstance(properties, dict) else {}


def _writes_files(tool: dict[str, Any]) -> bool:
    names = _properties(tool)
    return any(name in names for name in _PATH_NAMES) and any(name in names for name in _CONTENT_NAMES)


def _file_arguments(
    tool: dict[str, Any], file: re.Match[str], prompt: str, messages: list[dict[str, Any]]
) -> dict[str, Any]:
    names = _properties(tool)
    path = file.group(1)
    folder = next((found.group(1) for text in _all_text(messages) if (found := _FOLDER.search(text))), None)
    if folder and not path.startswith("/"):
        path = f"{folder.rstrip('/')}/{path}"
    arguments = _arguments(tool, prompt)
    arguments[next(name for name in _PATH_NAMES if name in names)] = path
    arguments[next(name for name in _CONTENT_NAMES if name in names)] = _wanted_content(file, prompt)
    return arguments


def _all_text(messages: list[dict[str, Any]]) -> list[str]:
    texts = []
    for message in messages:
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"text": content}]
        texts += [
            part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)
        ]
    return texts


def _arguments(tool: dict[str, Any], prompt: str) -> dict[str, Any]:
    parameters = tool.get("parameters")
    filled = _fill(parameters if isinstance(parameters, dict) else {}, prompt)
    return filled if isinstance(filled, dict) else {}


def _fill(schema: Any, prompt: str, name: str = "") -> Any:
    """Return a value that satisfies a JSON schema, required members only."""
    if not isinstance(schema, dict):
        return prompt
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for several in ("anyOf", "oneOf", "allOf"):
        if schema.get(several):
            return _fill(schema[several][0], prompt, name)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object" or (kind is None and "properties" in schema) or (kind is None and not name):
        properties = schema.get("properties") or {}
        required = schema.get("required") or []
        return {key: _fill(properties.get(key, {}), prompt, key) for key in required}
    if kind == "array":
        return [_fill(schema.get("items", {}), prompt, name) for _ in range(schema.get("minItems", 1))]
    simple = {"integer": 1, "number": 1, "boolean": True, "null": None}
    if kind in simple:
        return simple[kind]
    cities = _cities(prompt)
    if name in ("city", "location", "place") and cities:
        return cities[0]
    return (prompt or name or "text")[:200]
