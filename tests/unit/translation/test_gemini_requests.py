"""Google's requests: every member that clients send, in both spellings, errors by their path."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from copilot_api.engine.interfaces import InvalidRequest, RequestPlan
from copilot_api.engine.reference import jsontext
from copilot_api.engine.reference.canonical import (
    File,
    Image,
    Reasoning,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from copilot_api.engine.reference.formats.gemini import signatures
from tests.support.chat import TRANSLATION
from tests.support.gemini import THOUGHTS, asked, blocks, call, decoded, response

FIXTURES = Path(__file__).parents[2] / "fixtures"
RECORDED = sorted((FIXTURES / "clients/gemini-cli").glob("*.json"))
PNG = "iVBORw0KGgo="


def refused(request: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        decoded(request)
    return caught.value


def plain(value: Any) -> Any:
    return json.loads(jsontext.dumps(value))


def test_the_documented_request() -> None:
    body = (FIXTURES / "upstream/clients/gemini_request.json").read_bytes()
    made = TRANSLATION.request(body, RequestPlan("gemini", "chat", model="gpt", target="gpt"))
    assert made.rewrites == ("removed topK, which was Google's default",)
    assert made.context == THOUGHTS
    value = json.loads(made.body)
    assert value["model"] == "gpt"
    assert value["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather in Tokyo?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "get_weather__1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"city":"Tokyo"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "get_weather__1", "content": "21 C"},
    ]
    assert value["tools"][0]["function"]["parameters"]["required"] == ["city"]


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_requests_lose_nothing(path: Path) -> None:
    request = json.loads(path.read_text(encoding="utf-8"))["body"]
    found = decoded(request)
    assert not any(rewrite.startswith(("dropped", "left out")) for rewrite in found.rewrites)
    declared = sum(len(tool["functionDeclarations"]) for tool in request.get("tools", []))
    assert len(found.conversation.tools or ()) == declared
    wanted = request.get("generationConfig", {}).get("thinkingConfig")
    assert (found.context.echo == {"thoughts": True}) is bool(wanted)


def snake(value: Any) -> Any:
    """The same request in protobuf's own spelling."""
    if isinstance(value, list):
        return [snake(item) for item in value]
    if not isinstance(value, dict):
        return value
    spelled = {}
    for name, item in value.items():
        own = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
        spelled[own] = item if name in ("args", "response", "parametersJsonSchema") else snake(item)
    return spelled


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_both_spellings_are_read(path: Path) -> None:
    request = json.loads(path.read_text(encoding="utf-8"))["body"]
    assert snake(request) != request or "tools" not in request
    assert decoded(snake(request)) == decoded(request)


def test_null_is_absent() -> None:
    request = asked(("user", {"text": "a", "inlineData": None, "thought": None}), tools=None, toolConfig=None)
    assert blocks(decoded(request)) == [("user", (Text("a"),))]


@pytest.mark.parametrize(
    "contents",
    [
        "hi",
        ["hi"],
        {"parts": [{"text": "hi"}]},
        {"role": "user", "parts": {"text": "hi"}},
        [{"parts": ["hi"]}],
        [{"role": "function", "parts": "hi"}],
    ],
)
def test_contents_in_every_shape(contents: Any) -> None:
    assert blocks(decoded({"contents": contents})) == [("user", (Text("hi"),))]


@pytest.mark.parametrize(
    "system",
    ["Be brief.", {"parts": [{"text": "Be brief."}]}, {"parts": {"text": "Be brief."}, "role": "system"}],
)
def test_system_instructions(system: Any) -> None:
    found = decoded(asked("hi", systemInstruction=system))
    assert blocks(found)[0] == ("system", (Text("Be brief."),))
    assert found.rewrites == ()


def test_the_pieces_of_a_streamed_answer_are_one_turn() -> None:
    request = asked(
        "hi", ("model", "Hel"), ("model", "lo", "!"), ("model", call("look")), ("user", response("look", {}))
    )
    assert list(blocks(decoded(request))[1:2]) == [
        ("assistant", (Text("Hello!"), ToolCall("call_gemini_0", "look", "{}")))
    ]


def test_the_users_parts_stay_apart() -> None:
    assert blocks(decoded(asked(("user", "a", "", "b"))))[0] == ("user", (Text("a"), Text("b")))


# ------------------------------------------------------------------------------- calls and responses


def test_calls_and_responses_without_ids_are_paired_by_name_and_order() -> None:
    request = asked(
        "hi",
        ("model", call("a", {"n": 1}), call("b", {}), call("a", {"n": 2})),
        (
            "user",
            response("a", {"output": "1"}),
            response("a", {"output": "2"}),
            response("b", {"output": "3"}),
        ),
    )
    turns = blocks(decoded(request))
    assert turns[1] == (
        "assistant",
        (
            ToolCall("call_gemini_0", "a", '{"n":1}'),
            ToolCall("call_gemini_1", "b", "{}"),
            ToolCall("call_gemini_2", "a", '{"n":2}'),
        ),
    )
    results = [block for block in turns[2][1] if isinstance(block, ToolResult)]
    assert [(result.call_id, result.content) for result in results] == [
        ("call_gemini_0", (Text("1"),)),
        ("call_gemini_2", (Text("2"),)),
        ("call_gemini_1", (Text("3"),)),
    ]


def test_invented_ids_stay_when_the_history_grows() -> None:
    first = asked("hi", ("model", call("a")), ("user", response("a", {})))
    longer = asked(*first["contents"], ("model", call("a")), ("user", response("a", {})))
    assert blocks(decoded(longer))[:3] == blocks(decoded(first))
    assert blocks(decoded(longer))[3][1] == (ToolCall("call_gemini_1", "a", "{}"),)


def test_ids_count_more_than_order() -> None:
    request = asked(
        ("model", call("a", id="x"), call("a", id="y")),
        ("user", response("a", {"output": "of y"}, id="y"), response("a", {"output": "of x"}, id="unknown")),
    )
    results = blocks(decoded(request))[1][1]
    assert [block.call_id for block in results if isinstance(block, ToolResult)] == ["y", "x"]


def test_responses_in_contents_of_their_own_are_one_turn() -> None:
    request = asked(
        ("model", call("a"), call("b")),
        ("function", response("a", {})),
        ("function", response("b", {})),
        "go on",
    )
    roles = [(role, len(found)) for role, found in blocks(decoded(request))]
    assert roles == [("assistant", 2), ("user", 2), ("user", 1)]


@pytest.mark.parametrize(
    ("value", "text", "failed"),
    [
        ({"output": "21 C"}, "21 C", False),
        ({"output": {"t": 21.0}}, '{"t":21.0}', False),
        ({"error": "boom"}, "boom", True),
        ({"result": "x"}, '{"result":"x"}', False),
        ({"output": "a", "exit_code": 1}, '{"output":"a","exit_code":1}', False),
        ({}, "{}", False),
    ],
)
def test_responses_as_text(value: dict[str, Any], text: str, failed: bool) -> None:
    found = blocks(decoded(asked(("model", call("a")), ("user", response("a", value)))))[1][1][0]
    assert found == ToolResult("call_gemini_0", (Text(text),), is_error=failed, name="a")


def test_pictures_in_responses() -> None:
    piece = response("a", {"output": "see"}, parts=[{"inlineData": {"mimeType": "image/png", "data": PNG}}])
    found = blocks(decoded(asked(("model", call("a")), ("user", piece))))[1][1][0]
    assert isinstance(found, ToolResult)
    assert found.content == (Text("see"), Image(f"data:image/png;base64,{PNG}"))


# ------------------------------------------------------------------------------------- other parts


@pytest.mark.parametrize("data", ["_-8=", "_-8", "/+8="])
def test_inline_data_in_either_alphabet(data: str) -> None:
    found = decoded(asked(("user", {"inlineData": {"mimeType": "image/png", "data": data}})))
    assert blocks(found)[0][1] == (Image("data:image/png;base64,/+8="),)
    assert found.rewrites == (() if data == "/+8=" else ("sent inline data in the standard base64 alphabet",))


def test_documents_and_text() -> None:
    parts = [
        {"inlineData": {"mimeType": "application/pdf", "data": "AAAA", "displayName": "a.pdf"}},
        {"inlineData": {"mimeType": "text/plain", "data": base64.b64encode("é".encode()).decode()}},
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://example.com/a.jpg"}},
    ]
    assert blocks(decoded(asked(("user", *parts))))[0][1] == (
        File("AAAA", "application/pdf", "a.pdf"),
        Text("é"),
        Image("https://example.com/a.jpg"),
    )


def test_code_is_sent_as_text() -> None:
    parts = [
        {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
    ]
    found = decoded(asked("hi", ("model", "See:", *parts)))
    assert blocks(found)[1][1] == (Text("See:\n```python\nprint(1)\n```\n\n```\n1\n```\n"),)
    assert found.rewrites == ("executableCode sent as text", "codeExecutionResult sent as text")


def test_pictures_of_the_model_are_left_out() -> None:
    found = decoded(asked("hi", ("model", "a", {"inlineData": {"mimeType": "image/png", "data": PNG}})))
    assert blocks(found)[1][1] == (Text("a"),)
    assert found.rewrites == ("left out inlineData of the model",)


# ------------------------------------------------------------------------------------- signatures


def signed(*thoughts: Reasoning) -> str:
    return signatures.write(list(thoughts))


CARRIER = "copilot-api:chat:m:opaque"
OTHER = "copilot-api:messages:m:sig\u00e9"


def test_a_signature_on_a_call_belongs_to_the_thoughts_before_it() -> None:
    mark = signed(Reasoning("", CARRIER))
    part = {**call("a"), "thoughtSignature": mark}
    turn = ("model", {"text": "hm", "thought": True}, {"text": "m", "thought": True}, "Now.", part)
    assert blocks(decoded(asked("hi", turn)))[1][1] == (
        Reasoning("hmm", CARRIER),
        Text("Now."),
        ToolCall("call_gemini_0", "a", "{}"),
    )


def test_without_thoughts_the_carriers_stand_before_everything() -> None:
    mark = signed(Reasoning("", CARRIER), Reasoning("", OTHER, redacted=True))
    turn = ("model", "Now.", {**call("a"), "thoughtSignature": mark})
    assert blocks(decoded(asked("hi", turn)))[1][1] == (
        Reasoning("", CARRIER),
        Reasoning("", OTHER, redacted=True),
        Text("Now."),
        ToolCall("call_gemini_0", "a", "{}"),
    )


def test_a_signature_in_the_url_safe_alphabet() -> None:
    mark = signed(Reasoning("", f"copilot-api:chat:m:{'ÿ' * 9}"))
    assert "/" in mark or "+" in mark
    safe = mark.replace("/", "_").replace("+", "-").rstrip("=")
    assert signatures.read(safe) == signatures.read(mark)


@pytest.mark.parametrize(
    "blank",
    [
        "skip_thought_signature_validator",
        base64.b64encode(b"skip_thought_signature_validator").decode(),
        "context_engineering_is_the_way_to_go",
    ],
)
def test_blank_signatures_are_dropped_silently(blank: str) -> None:
    found = decoded(asked("hi", ("model", {**call("a"), "thoughtSignature": blank})))
    assert found.rewrites == ()
    assert blocks(found)[1][1] == (ToolCall("call_gemini_0", "a", "{}"),)


@pytest.mark.parametrize(
    "foreign", ["c2ln", "not base64!", "/w==", base64.b64encode(f"{CARRIER}\nx".encode()).decode()]
)
def test_foreign_signatures_are_dropped_and_told(foreign: str) -> None:
    found = decoded(asked("hi", ("model", {**call("a"), "thoughtSignature": foreign})))
    assert found.rewrites == ("dropped a thoughtSignature that is not of this gateway",)
    assert blocks(found)[1][1] == (ToolCall("call_gemini_0", "a", "{}"),)


# ------------------------------------------------------------------------------------------- tools


def declared(**members: Any) -> list[dict[str, Any]]:
    return [{"functionDeclarations": [{"name": "f", **members}]}]


def test_openapi_schemas_become_json_schema() -> None:
    schema = {
        "type": "OBJECT",
        "properties": {
            "type": {"type": "STRING", "enum": ["A", "B"], "format": "enum", "nullable": True},
            "some_list": {"type": "ARRAY", "items": {"type": "INTEGER", "minimum": 1}, "max_items": "3"},
            "either": {"any_of": [{"type": "NUMBER"}, {"type": "BOOLEAN"}], "nullable": True},
        },
        "required": ["type"],
        "property_ordering": ["type", "some_list"],
    }
    found = decoded(asked("hi", tools=declared(description="d", parameters=schema)))
    assert found.conversation.tools is not None
    assert plain(found.conversation.tools[0].members) == {
        "name": "f",
        "description": "d",
        "parameters": {
            "type": "object",
            "properties": {
                "type": {"type": ["string", "null"], "enum": ["A", "B", None], "format": "enum"},
                "some_list": {"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": 3},
                "either": {"anyOf": [{"type": "number"}, {"type": "boolean"}, {"type": "null"}]},
            },
            "required": ["type"],
        },
    }


def test_plain_json_schema_stays() -> None:
    schema = {"type": "object", "properties": {"some_key": {"type": ["string", "null"]}}, "x_y": None}
    found = decoded(asked("hi", tools=declared(parametersJsonSchema=schema)))
    assert found.conversation.tools is not None
    assert found.conversation.tools[0].members["parameters"] == schema


def test_server_tools_are_left_out() -> None:
    tools = [{"googleSearch": {}}, {"url_context": {}}, *declared(), {"codeExecution": {}}]
    found = decoded(asked("hi", tools=tools))
    assert found.rewrites == (
        "left out the server tool googleSearch",
        "left out the server tool urlContext",
        "left out the server tool codeExecution",
    )
    assert [tool.members for tool in found.conversation.tools or ()] == [{"name": "f"}]
    assert decoded(asked("hi", tools=[{"googleSearch": {}}])).conversation.tools is None


NAMED = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("config", "choice", "offered"),
    [
        ({}, None, "fg"),
        ({"mode": "AUTO"}, "auto", "fg"),
        ({"mode": "any"}, "required", "fg"),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, NAMED, "fg"),
        ({"mode": "ANY", "allowed_function_names": ["g", "x"]}, "required", "g"),
        ({"mode": "NONE", "allowedFunctionNames": ["f"]}, "none", "fg"),
        ({"mode": "VALIDATED"}, "auto", "fg"),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}, "auto", "f"),
        ({"mode": "MODE_UNSPECIFIED"}, None, "fg"),
    ],
)
def test_tool_choice(config: dict[str, Any], choice: Any, offered: str) -> None:
    tools = [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}]
    found = decoded(asked("hi", tools=tools, toolConfig={"functionCallingConfig": config}))
    assert found.conversation.tool_choice == choice
    assert "".join(tool.members["name"] for tool in found.conversation.tools or ()) == offered
    assert not any(rewrite.startswith(("dropped", "left out")) for rewrite in found.rewrites)


# --------------------------------------------------------------------------------- generationConfig


def config(**members: Any) -> dict[str, Any]:
    return asked("hi", generationConfig=members)


def test_options() -> None:
    found = decoded(
        config(
            temperature=0.5,
            topP=0.9,
            top_k=40,
            maxOutputTokens="100",
            stopSequences=["x"],
            candidateCount=1,
            seed=7,
            presencePenalty=0.1,
            frequencyPenalty=0.2,
            responseLogprobs=True,
            logprobs=3,
            responseMimeType="text/plain",
            responseModalities=["TEXT"],
        )
    )
    assert plain(found.conversation.options) == {
        "max_tokens": 100,
        "stop": ["x"],
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "seed": 7,
        "logprobs": True,
        "top_logprobs": 3,
    }
    assert found.rewrites == ()


@pytest.mark.parametrize(
    ("members", "form"),
    [
        ({"responseMimeType": "application/json"}, {"type": "json_object"}),
        (
            {"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT"}},
            {"type": "json_schema", "json_schema": {"name": "response", "schema": {"type": "object"}}},
        ),
        (
            {"responseJsonSchema": {"type": "object", "x": "STRING"}},
            {
                "type": "json_schema",
                "json_schema": {"name": "response", "schema": {"type": "object", "x": "STRING"}},
            },
        ),
        ({"responseMimeType": "text/plain"}, None),
    ],
)
def test_response_formats(members: dict[str, Any], form: Any) -> None:
    found = decoded(config(**members))
    assert found.conversation.options.get("response_format") == form
    assert found.rewrites == ()


def test_an_enum_as_answer_cannot_be_asked_for() -> None:
    found = decoded(config(responseMimeType="text/x.enum", responseSchema={"type": "STRING", "enum": ["a"]}))
    assert found.conversation.options == {}
    assert found.rewrites == ("dropped responseMimeType text/x.enum", "dropped the response schema")


@pytest.mark.parametrize(
    ("members", "thinking"),
    [
        (None, None),
        ({}, None),
        ({"includeThoughts": False}, None),
        ({"includeThoughts": True}, Thinking(adaptive=True, summary="auto")),
        ({"thinkingBudget": 0}, Thinking(effort="none")),
        ({"thinkingBudget": -1}, Thinking(adaptive=True)),
        ({"thinking_budget": "8192", "include_thoughts": True}, Thinking(budget=8192, summary="auto")),
        ({"thinkingLevel": "HIGH"}, Thinking(effort="high")),
        ({"thinkingLevel": "minimal", "thinkingBudget": 5}, Thinking(effort="minimal")),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None),
    ],
)
def test_thinking(members: Any, thinking: Thinking | None) -> None:
    found = decoded(config(thinkingConfig=members))
    assert found.conversation.thinking == thinking
    asked_for = isinstance(members, dict) and (
        members.get("includeThoughts") is True or members.get("include_thoughts") is True
    )
    assert found.context.echo == ({"thoughts": True} if asked_for else {})


def test_what_is_dropped_is_told() -> None:
    request = asked(
        ("user", {"text": "a", "videoMetadata": {}}),
        safetySettings=[{"category": "x", "threshold": "y"}],
        labels={"a": "b"},
        systemInstruction={"parts": [{"inlineData": {}}, {"text": "s"}]},
        toolConfig={"retrievalConfig": {}},
        generationConfig={"speechConfig": {}},
        tools=[{"functionDeclarations": [{"name": "f", "response": {}, "behavior": "BLOCKING"}]}],
        model="models/gemini",
    )
    assert decoded(request).rewrites == (
        "left out inlineData of the system instruction",
        "dropped videoMetadata of a part",
        "dropped response of a function declaration",
        "dropped behavior of a function declaration",
        "dropped toolConfig.retrievalConfig",
        "dropped generationConfig.speechConfig",
        "dropped safetySettings",
        "dropped labels",
    )


def test_count_tokens_may_wrap_the_request() -> None:
    inner = asked("hi", systemInstruction="s")
    assert decoded({"generateContentRequest": {"model": "models/x", **inner}}) == decoded(inner)
    assert refused({"generateContentRequest": {}}).path == "generateContentRequest.contents"


# ------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("request_body", "path"),
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": 5}, "contents"),
        ({"contents": [5]}, "contents[0]"),
        ({"contents": [{"role": "system", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"role": 5}]}, "contents[0].role"),
        ({"contents": [{"parts": 5}]}, "contents[0].parts"),
        ({"contents": [{"parts": [{"text": "a"}, 5]}]}, "contents[0].parts[1]"),
        (asked(("user", {"text": 5})), "contents[0].parts[0].text"),
        (asked(("user", {"toolCall": {}})), "contents[0].parts[0]"),
        (asked(("user", {"thoughtSignature": 5})), "contents[0].parts[0].thoughtSignature"),
        (asked(("user", call("a"))), "contents[0].parts[0].functionCall"),
        (asked(("model", response("a", {}))), "contents[0].parts[0].functionResponse"),
        (asked(("user", response("a", {}))), "contents[0].parts[0].functionResponse"),
        (asked(("model", {"functionCall": {}})), "contents[0].parts[0].functionCall.name"),
        (
            asked(("model", {"functionCall": {"name": "a", "args": []}})),
            "contents[0].parts[0].functionCall.args",
        ),
        (asked(("model", call("a", id=5))), "contents[0].parts[0].functionCall.id"),
        (
            asked(("model", call("a")), ("user", {"functionResponse": {"name": "a", "response": "x"}})),
            "contents[1].parts[0].functionResponse.response",
        ),
        (
            asked(("model", call("a")), ("user", response("a", {}, parts=[{"text": "a"}]))),
            "contents[1].parts[0].functionResponse.parts[0]",
        ),
        (asked(("user", {"inlineData": {"data": "AAAA"}})), "contents[0].parts[0].inlineData.mimeType"),
        (
            asked(("user", {"inlineData": {"mimeType": "image/png", "data": "A"}})),
            "contents[0].parts[0].inlineData.data",
        ),
        (
            asked(("user", {"inlineData": {"mimeType": "image/png", "data": "AA AA"}})),
            "contents[0].parts[0].inlineData.data",
        ),
        (
            asked(("user", {"inlineData": {"mimeType": "text/plain", "data": "/w=="}})),
            "contents[0].parts[0].inlineData.data",
        ),
        (
            asked(("user", {"fileData": {"mimeType": "image/png", "fileUri": "gs://a/b"}})),
            "contents[0].parts[0].fileData.fileUri",
        ),
        (
            asked(
                (
                    "user",
                    {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/a"}},
                )
            ),
            "contents[0].parts[0].fileData.fileUri",
        ),
        (
            asked(("user", {"fileData": {"mimeType": "video/mp4", "fileUri": "https://example.com/a"}})),
            "contents[0].parts[0].fileData.mimeType",
        ),
        (asked("a", systemInstruction=5), "systemInstruction"),
        (asked("a", tools=5), "tools"),
        (asked("a", tools=[5]), "tools[0]"),
        (
            asked("a", tools=[{"functionDeclarations": [{"name": "f"}, {}]}]),
            "tools[0].functionDeclarations[1].name",
        ),
        (asked("a", toolConfig=5), "toolConfig"),
        (
            asked("a", toolConfig={"functionCallingConfig": {"mode": "SOME"}}),
            "toolConfig.functionCallingConfig.mode",
        ),
        (
            asked("a", toolConfig={"functionCallingConfig": {"allowedFunctionNames": [5]}}),
            "toolConfig.functionCallingConfig.allowedFunctionNames",
        ),
        (asked("a", cachedContent="cachedContents/a"), "cachedContent"),
        (config(candidateCount=2), "generationConfig.candidateCount"),
        (config(responseModalities=["IMAGE"]), "generationConfig.responseModalities"),
        (config(thinkingConfig={"thinkingBudget": "many"}), "generationConfig.thinkingConfig.thinkingBudget"),
        (config(thinkingConfig={"thinkingBudget": -2}), "generationConfig.thinkingConfig.thinkingBudget"),
        (config(thinkingConfig={"thinkingLevel": "HUGE"}), "generationConfig.thinkingConfig.thinkingLevel"),
        (config(thinkingConfig=5), "generationConfig.thinkingConfig"),
        (asked("a", generationConfig=5), "generationConfig"),
    ],
)
def test_what_is_wrong_is_told_by_its_path(request_body: Any, path: str) -> None:
    assert refused(request_body).path == path
