"""Google's SDK for Python: a stream with a tool round trip, a picture, a schema, counting, embeddings."""

import json
import sys

from google import genai
from google.genai import types

url, model = sys.argv[1:]
client = genai.Client(api_key="dummy", http_options=types.HttpOptions(base_url=url))
schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
declared = types.FunctionDeclaration(name="get_weather", parameters_json_schema=schema)
config = types.GenerateContentConfig(
    tools=[types.Tool(function_declarations=[declared])],
    automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
)
found: dict[str, object] = {}
question = types.Content(role="user", parts=[types.Part(text="What is the weather in Paris?")])
parts: list[types.Part] = []
for chunk in client.models.generate_content_stream(model=model, contents=[question], config=config):
    parts += (
        (chunk.candidates[0].content.parts or []) if chunk.candidates and chunk.candidates[0].content else []
    )
call = next(part.function_call for part in parts if part.function_call)
found["tool"] = call.args["city"]
answer = types.Part.from_function_response(name=call.name, response={"output": "19 degrees in Paris"})
history = [question, types.Content(role="model", parts=parts), types.Content(role="user", parts=[answer])]
found["text"] = client.models.generate_content(model=model, contents=history, config=config).text
found["count"] = client.models.count_tokens(model=model, contents="How many tokens are here?").total_tokens
wanted = types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=schema)
whole = client.models.generate_content(model=model, contents="Which city is in Lisbon?", config=wanted)
found["city"] = json.loads(whole.text)["city"]
vectors = client.models.embed_content(model="text-embedding-3-small", contents=["a", "b"])
found["embeddings"] = len(vectors.embeddings)
found["models"] = [each.name for each in client.models.list()]
try:
    client.models.generate_content(model="no-such-model", contents="x")
except genai.errors.ClientError as error:
    found["error"] = [error.code, error.status]
print(json.dumps(found))
