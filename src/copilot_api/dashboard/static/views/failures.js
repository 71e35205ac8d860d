import { ask } from "../api.js";
import { stacked } from "../charts.js";
import { detail, outcome, way } from "../detail.js";
import { h } from "../dom.js";
import { number, plural, time, when } from "../format.js";
import { card, empty, head, noLedger, stat, table, tag } from "../parts.js";

export const title = "Failures";
export const pace = 2_000;

const MEANINGS = {
  connect_failed: "no connection to Copilot came about",
  connection_lost: "the connection broke within the answer",
  incomplete_answer: "the answer ended before it was whole",
  upstream_error: "Copilot reported an error within the stream",
  unusable_answer: "the answer cannot be read",
  stream_silent: "a stream said nothing for too long",
  first_byte_timeout: "no answer began in time",
  upstream_status: "Copilot refused the request",
  token_refused: "a token was not accepted; a new one was fetched",
  token_unavailable: "GitHub gave no token",
  client_gone: "the client left before the end",
  overloaded: "too many requests at once",
  shutdown: "the gateway stopped",
  internal: "a mistake of the gateway: please report it",
};
const ASK = { upstream: "Copilot", network: "the network", client: "the client", gateway: "this gateway" };
const RETRIES = { connect: "no connection", token: "a refused token", seat: "a changed seat", host: "another host" };

export function load() {
  return ask("failures");
}

export function draw(data) {
  const happened = data.classes.filter((each) => each.count);
  const failed = happened.reduce((sum, each) => sum + each.count, 0);
  const again = Object.entries(data.retries).filter(([, count]) => count);
  const rows = data.rows.map((row) => ({ time: row.time, group: row.group.replaceAll("_", " "), value: row.requests }));
  return [
    head("Failures", "What went wrong, and whom to ask about it."),
    noLedger(data.ledger),
    h("div", { class: "grid" },
      stat("Failed since the start", number(failed), failed ? plural(happened.length, "kind") : "nothing has", { tone: failed ? "warn" : "good" }),
      stat("Sent upstream", number(data.calls), "calls since the start"),
      stat("Sent again", number(again.reduce((sum, [, count]) => sum + count, 0)),
        again.length ? again.map(([reason, count]) => `${number(count)} for ${RETRIES[reason] ?? reason}`).join(", ") : "no call was made twice")),
    card("By kind since the start", happened.length ? table("Failures by kind since the start", [
      { name: "Kind", of: (row) => h("code", null, row.class) },
      { name: "What it means", of: (row) => MEANINGS[row.class] ?? "" },
      { name: "Ask", of: (row) => tag(ASK[row.origin] ?? row.origin, row.origin === "gateway" ? "bad" : "") },
      { name: "Count", num: true, of: (row) => number(row.count) },
    ], happened.sort((a, b) => b.count - a.count), { key: (row) => row.class }) : empty("Nothing has failed since the start.")),
    rows.length ? card("Last 24 hours", stacked("Failed requests by kind", data.times, rows, (value) => number(value, value % 1 ? 1 : 0))) : null,
    data.ledger === "on" ? card("Newest first", data.requests.length ? table("Requests that failed, newest first", [
      { name: "Time", of: (row) => when(row.at) },
      { name: "Outcome", of: outcome },
      { name: "Model", of: (row) => row.model || row.asked },
      { name: "Client", wide: true, of: (row) => row.client },
      { name: "Way", wide: true, of: way },
      { name: "After", num: true, wide: true, of: (row) => time(row.duration_ms) },
      { name: "Request id", wide: true, of: (row) => h("code", null, row.request_id) },
    ], data.requests, { onRow: detail, key: (row) => row.id }) : empty("No request has failed.")) : null,
  ].filter(Boolean);
}
