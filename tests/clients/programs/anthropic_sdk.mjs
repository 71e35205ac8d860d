// The Anthropic SDK for Node: a stream, a tool round trip, thinking, counting, models, an error.
import Anthropic from "@anthropic-ai/sdk";

const [url, model] = process.argv.slice(2);
const client = new Anthropic({ baseURL: url, apiKey: "dummy", maxRetries: 0 });
const input_schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ name: "get_weather", input_schema }];
const messages = [{ role: "user", content: "What is the weather in Paris?" }];
const found = {};

const thinking = { type: "enabled", budget_tokens: 1024 };
const stream = client.messages.stream({ model, max_tokens: 4000, messages, tools, thinking });
const first = await stream.finalMessage();
found.stop = first.stop_reason;
const calls = first.content.filter((block) => block.type === "tool_use");
found.tool = calls[0].input.city;
found.thinking = first.content.some((block) => block.type === "thinking" && block.signature.length > 0);
messages.push({ role: "assistant", content: first.content });
messages.push({
  role: "user",
  content: calls.map((call) => ({ type: "tool_result", tool_use_id: call.id, content: "19 degrees" })),
});
const second = await client.messages.create({ model, max_tokens: 4000, messages, tools, thinking });
found.text = second.content.filter((block) => block.type === "text").map((block) => block.text).join("");
found.usage = second.usage.input_tokens > 0 && second.usage.output_tokens > 0;
found.count = (await client.messages.countTokens({ model, messages: messages.slice(0, 1) })).input_tokens;
const listed = [];
for await (const each of client.models.list({ limit: 1000 })) listed.push(each);
found.models = listed.map((each) => each.id);
found.shape = listed.every((each) => each.type === "model" && each.display_name && each.created_at);
try {
  await client.messages.create({ model: "no-such-model", max_tokens: 10, messages: messages.slice(0, 1) });
} catch (error) {
  found.error = [error.status, error.message];
}
console.log(JSON.stringify(found));
