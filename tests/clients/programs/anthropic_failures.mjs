// The Anthropic SDK for Node: what its user sees of each failure.
import Anthropic from "@anthropic-ai/sdk";

const [url, models, names] = process.argv.slice(2);
const { messages: model } = JSON.parse(models);
const client = new Anthropic({ baseURL: url, apiKey: "dummy", maxRetries: 1 });

async function ask(name) {
  const found = { text: "" };
  try {
    const messages = [{ role: "user", content: `scenario ${name} messages` }];
    const stream = client.messages.stream({ model, max_tokens: 100, messages });
    stream.on("text", (piece) => (found.text += piece));
    await stream.finalMessage();
  } catch (error) {
    const connection = error instanceof Anthropic.APIConnectionError;
    Object.assign(found, { error: error.constructor.name, status: error.status ?? 0, connection });
    Object.assign(found, { known: error instanceof Anthropic.APIError, message: error.message });
  }
  return [`messages ${name}`, found];
}

console.log(JSON.stringify(Object.fromEntries(await Promise.all(JSON.parse(names).map(ask)))));
