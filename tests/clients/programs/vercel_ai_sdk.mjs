// Vercel's AI SDK with each of its three providers: a streamed answer with a tool loop.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { jsonSchema, stepCountIs, streamText, tool } from "ai";

const [url, name] = process.argv.slice(2);
const base = { baseURL: `${url}/v1`, apiKey: "dummy" };
const providers = {
  anthropic: createAnthropic(base)(name),
  responses: createOpenAI(base)(name),
  chat: createOpenAI(base).chat(name),
  compatible: createOpenAICompatible({ name: "gateway", ...base })(name),
};
const inputSchema = jsonSchema({
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
});
const found = {};
for (const [provider, model] of Object.entries(providers)) {
  const asked = [];
  const result = streamText({
    model,
    prompt: "What is the weather in Paris?",
    tools: {
      get_weather: tool({
        description: "Get the weather.",
        inputSchema,
        execute: async ({ city }) => (asked.push(city), `19 degrees in ${city}`),
      }),
    },
    stopWhen: stepCountIs(4),
    maxRetries: 0,
    // Nothing is stored here: the SDK has to send back whole items, not references to them.
    providerOptions: { openai: { store: false } },
    onError: ({ error }) => {
      found[provider] = { error: String(error?.message ?? error) };
    },
  });
  const text = await result.text;
  const usage = await result.totalUsage;
  found[provider] ??= { text, asked, tokens: usage.inputTokens > 0 && usage.outputTokens > 0 };
}
console.log(JSON.stringify(found));
