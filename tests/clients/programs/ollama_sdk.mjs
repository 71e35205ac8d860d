// Ollama's SDK for Node: a stream with a tool round trip, generate, embed, list, show.
import { Ollama } from "ollama";

const [url, model] = process.argv.slice(2);
const client = new Ollama({ host: url });
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "get_weather", description: "x", parameters } }];
const messages = [{ role: "user", content: "What is the weather in Paris?" }];
const found = {};

const calls = [];
let text = "";
for await (const part of await client.chat({ model, messages, tools, stream: true })) {
  text += part.message.content;
  calls.push(...(part.message.tool_calls ?? []));
}
found.tool = calls[0].function.arguments.city;
messages.push({ role: "assistant", content: text, tool_calls: calls });
messages.push({ role: "tool", tool_name: "get_weather", content: "19 degrees in Paris" });
found.text = (await client.chat({ model, messages, tools })).message.content;
found.generated = (await client.generate({ model, prompt: "Say Lisbon." })).response;
found.embedding = (await client.embed({ model: "text-embedding-3-small", input: ["a", "b"] })).embeddings.length;
found.models = (await client.list()).models.map((each) => each.name);
found.capabilities = (await client.show({ model })).capabilities;
console.log(JSON.stringify(found));
