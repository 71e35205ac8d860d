// The OpenAI SDK for Node: chat with a tool loop, Responses streamed and whole, embeddings, models, an error.
import OpenAI from "openai";

const [url, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "dummy", maxRetries: 0 });
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const found = {};

const asked = [];
const runner = client.chat.completions.runTools({
  model,
  stream: true,
  messages: [{ role: "user", content: "What is the weather in Paris and Rome?" }],
  tools: [
    {
      type: "function",
      function: {
        name: "get_weather",
        parameters,
        parse: JSON.parse,
        function: ({ city }) => (asked.push(city), `19 degrees in ${city}`),
      },
    },
  ],
});
found.chat = await runner.finalContent();
found.chatTools = asked;

const tools = [{ type: "function", name: "get_weather", parameters, strict: false }];
const input = [{ role: "user", content: "What is the weather in Oslo?" }];
const stream = client.responses.stream({ model, input, tools, store: false });
let text = "";
for await (const event of stream) if (event.type === "response.output_text.delta") text += event.delta;
const first = await stream.finalResponse();
found.streamedText = text;
found.responseText = first.output_text;
const calls = first.output.filter((item) => item.type === "function_call");
input.push(...first.output);
for (const call of calls)
  input.push({ type: "function_call_output", call_id: call.call_id, output: "3 degrees in Oslo" });
const second = await client.responses.create({ model, input, tools, store: false });
found.responsesTool = JSON.parse(calls[0].arguments).city;
found.responses = second.output_text;
found.usage = second.usage.total_tokens > 0;

const vectors = await client.embeddings.create({ model: "text-embedding-3-small", input: "hello" });
found.embedding = vectors.data[0].embedding.length;
found.models = (await client.models.list()).data.map((each) => each.id);
found.model = (await client.models.retrieve(model)).id;
try {
  await client.responses.create({ model: "no-such-model", input: "x" });
} catch (error) {
  found.error = [error.status, error.message];
}
console.log(JSON.stringify(found));
