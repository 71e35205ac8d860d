// Google's SDK for Node: a stream with a tool round trip, counting, models.
import { GoogleGenAI } from "@google/genai";

const [url, model] = process.argv.slice(2);
const client = new GoogleGenAI({ apiKey: "dummy", httpOptions: { baseUrl: url } });
const parametersJsonSchema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const config = { tools: [{ functionDeclarations: [{ name: "get_weather", parametersJsonSchema }] }] };
const contents = [{ role: "user", parts: [{ text: "What is the weather in Paris?" }] }];
const found = {};

const parts = [];
for await (const chunk of await client.models.generateContentStream({ model, contents, config })) {
  parts.push(...(chunk.candidates?.[0]?.content?.parts ?? []));
  found.tokens = chunk.usageMetadata?.totalTokenCount ?? found.tokens;
}
const call = parts.find((part) => part.functionCall).functionCall;
found.tool = call.args.city;
contents.push({ role: "model", parts });
const functionResponse = { name: call.name, response: { output: "19 degrees in Paris" } };
contents.push({ role: "user", parts: [{ functionResponse }] });
found.text = (await client.models.generateContent({ model, contents, config })).text;
found.count = (await client.models.countTokens({ model, contents: contents.slice(0, 1) })).totalTokens;
found.models = [];
for await (const each of await client.models.list()) found.models.push(each.name);
console.log(JSON.stringify(found));
