"""LangChain over OpenAI's two formats and Anthropic's: tools, structured output, embeddings."""

import json
import sys

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

url, model = sys.argv[1:]
schema = {"title": "answer", "description": "x", "type": "object", "properties": {"city": {"type": "string"}}}
schema["required"] = ["city"]
tool = {"name": "get_weather", "description": "x", "parameters": schema}
common = {"model": model, "api_key": "dummy", "max_retries": 0}
clients = {
    "chat": ChatOpenAI(base_url=f"{url}/v1", **common),
    "responses": ChatOpenAI(base_url=f"{url}/v1", use_responses_api=True, **common),
    "messages": ChatAnthropic(base_url=url, max_tokens=2000, **common),
}
found: dict[str, object] = {}
for name, client in clients.items():
    bound = client.bind_tools([{"type": "function", "function": tool}])
    turns: list[object] = [HumanMessage("What is the weather in Paris?")]
    first = None
    for chunk in bound.stream(turns):
        first = chunk if first is None else first + chunk
    call = first.tool_calls[0]
    turns += [first, ToolMessage("19 degrees in Paris", tool_call_id=call["id"])]
    second = bound.invoke(turns)
    structured = client.with_structured_output(schema).invoke("Which city is in Lisbon?")
    found[name] = {"tool": call["args"]["city"], "text": second.text, "city": structured["city"]}
embeddings = OpenAIEmbeddings(
    base_url=f"{url}/v1", api_key="dummy", model="text-embedding-3-small", check_embedding_ctx_length=False
)
found["embedding"] = len(embeddings.embed_query("hello"))
print(json.dumps(found))
