// The OpenAI SDK for Node: what its user sees of each failure, by chat and by Responses.
import OpenAI from "openai";

const [url, models, names] = process.argv.slice(2);
const { chat, responses } = JSON.parse(models);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "dummy", maxRetries: 1 });

async function told(run) {
  const found = { text: "" };
  try {
    await run(found);
  } catch (error) {
    const connection = error instanceof OpenAI.APIConnectionError;
    Object.assign(found, { error: error.constructor.name, status: error.status ?? 0, connection });
    Object.assign(found, { known: error instanceof OpenAI.APIError, message: error.message });
  }
  return found;
}

const asks = {
  chat: (content) => async (found) => {
    const messages = [{ role: "user", content }];
    const stream = await client.chat.completions.create({ model: chat, messages, stream: true });
    for await (const chunk of stream) found.text += chunk.choices[0]?.delta?.content ?? "";
  },
  responses: (input) => async (found) => {
    for await (const event of await client.responses.create({ model: responses, input, stream: true })) {
      if (event.type === "response.output_text.delta") found.text += event.delta;
      // This SDK gives its user the event.
      if (event.type === "response.failed") throw new OpenAI.APIError(undefined, event.response.error);
    }
  },
};
const jobs = JSON.parse(names).flatMap((name) =>
  Object.entries(asks).map(async ([kind, ask]) => [`${kind} ${name}`, await told(ask(`scenario ${name} ${kind}`))]),
);
console.log(JSON.stringify(Object.fromEntries(await Promise.all(jobs))));
