"""Ollama's SDK for Python: a stream with a tool round trip, a schema, embeddings, the list."""

import json
import sys

import ollama

url, model = sys.argv[1:]
client = ollama.Client(host=url)
schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
tools = [{"type": "function", "function": {"name": "get_weather", "description": "x", "parameters": schema}}]
messages: list[object] = [{"role": "user", "content": "What is the weather in Paris?"}]
found: dict[str, object] = {}
text, calls = "", []
for part in client.chat(model=model, messages=messages, tools=tools, stream=True):
    text += part.message.content or ""
    calls += part.message.tool_calls or []
found["tool"] = calls[0].function.arguments["city"]
messages.append(ollama.Message(role="assistant", content=text, tool_calls=calls))
messages.append({"role": "tool", "tool_name": "get_weather", "content": "19 degrees in Paris"})
found["text"] = client.chat(model=model, messages=messages, tools=tools).message.content
wanted = client.chat(
    model=model, messages=[{"role": "user", "content": "Which city is in Lisbon?"}], format=schema
)
found["city"] = json.loads(wanted.message.content)["city"]
found["embeddings"] = len(client.embed(model="text-embedding-3-small", input=["a", "b"]).embeddings)
found["models"] = [each.model for each in client.list().models]
found["context"] = any(key.endswith(".context_length") for key in client.show(model).modelinfo)
try:
    client.chat(model="no-such-model", messages=[{"role": "user", "content": "x"}])
except ollama.ResponseError as error:
    found["error"] = [error.status_code, error.error]
print(json.dumps(found))
