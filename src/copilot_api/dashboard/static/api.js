// Questions to the gateway. A key, where keys are needed, is kept for this tab only.

const KEY = "copilot-api-key";

export class KeyNeeded extends Error {}

export class Refused extends Error {}

export function held() {
  return sessionStorage.getItem(KEY);
}

export function keep(key) {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

async function call(path, options) {
  const key = held();
  let answer;
  try {
    answer = await fetch(`/dashboard/api/${path}`, { headers: key ? { Authorization: `Bearer ${key}` } : {}, cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("the gateway cannot be reached");
  }
  if (answer.ok) return answer;
  if (answer.status === 401) throw new KeyNeeded("a key is needed");
  const words = await answer.json().then((body) => body.error?.message, () => null);
  const Kind = answer.status === 403 || answer.status === 429 ? Refused : Error;
  throw new Kind(words || `the gateway answered ${answer.status}`);
}

export async function ask(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const query = new URLSearchParams(given).toString();
  return (await call(query ? `${path}?${query}` : path)).json();
}

// Server-sent events by fetch, since EventSource cannot send a key. Ends when `signal` says so.
export async function listen(path, signal, onEvent) {
  const answer = await call(path, { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const events = rest.split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const data = event.split("\n").filter((text) => text.startsWith("data: ")).map((text) => text.slice(6));
      if (data.length) onEvent(JSON.parse(data.join("\n")));
    }
  }
}
