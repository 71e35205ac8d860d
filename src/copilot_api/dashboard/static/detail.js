// One request with all that the ledger knows of it.

import { h } from "./dom.js";
import { bytes, credits, dash, dollars, moment, number, plural, time, tokens } from "./format.js";
import { link, parts, tag } from "./parts.js";

const dialog = document.getElementById("detail");
// A click beside it closes it; Escape does by itself.
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

export function outcome(row) {
  if (row.outcome === "complete") return tag("complete", "good");
  const tone = row.outcome === "client_gone" || row.outcome === "cancelled" ? "" : row.status >= 500 || row.status === 200 ? "bad" : "warn";
  const status = row.status && row.status !== 200 ? ` ${row.status}` : "";
  return tag(`${row.outcome.replaceAll("_", " ")}${status}`, tone);
}

export function way(row) {
  return row.leg && row.leg !== row.dialect ? `${row.dialect} → ${row.leg}` : row.dialect;
}

function group(title, facts) {
  const shown = facts.filter(Boolean);
  return h("section", { "aria-label": title }, h("h3", null, title),
    h("dl", null, ...shown.flatMap(([name, ...words]) => [h("dt", null, name), h("dd", null, ...words)])));
}

function timings(row) {
  if (row.first_byte_ms === null) return h("p", { class: "soft" }, `Over after ${time(row.duration_ms)}; no byte was answered.`);
  const rest = Math.max(0, row.duration_ms - row.first_byte_ms);
  return parts("Timings", [
    { name: "until the first byte", value: row.first_byte_ms, words: time(row.first_byte_ms), tone: "s5" },
    { name: row.streamed ? "streaming" : "the rest", value: rest, words: time(rest), tone: "s0" },
  ]);
}

function used(row) {
  if (row.input_tokens === null) return h("p", { class: "soft" }, "Upstream did not say.");
  const cached = row.cached_tokens ?? 0;
  const written = row.cache_write_tokens ?? 0;
  return parts("Tokens", [
    { name: "input", value: Math.max(0, row.input_tokens - cached - written), words: tokens(Math.max(0, row.input_tokens - cached - written)), tone: "s6" },
    { name: "from the cache", value: cached, words: tokens(cached), tone: "s4" },
    { name: "into the cache", value: written, words: tokens(written), tone: "s5" },
    { name: row.reasoning_tokens ? `output, ${tokens(row.reasoning_tokens)} of it reasoning` : "output", value: row.output_tokens ?? 0, words: tokens(row.output_tokens), tone: "s0" },
  ]);
}

export function detail(row) {
  const changes = row.rewrites ? row.rewrites.split("; ") : [];
  const pace = row.streamed && row.output_tokens && row.duration_ms > (row.first_byte_ms ?? 0)
    ? `${number((1000 * row.output_tokens) / (row.duration_ms - (row.first_byte_ms ?? 0)), 1)} tokens/s` : null;
  dialog.replaceChildren(
    h("div", { class: "head" },
      h("div", null, h("h2", { id: "detail-title" }, row.model || row.asked || "Request"), h("p", { class: "soft" }, moment(row.at))),
      outcome(row)),
    h("section", { "aria-label": "Timings" },
      h("h3", null, "Time", h("span", { class: "soft" }, ` ${[time(row.duration_ms), pace].filter(Boolean).join(", ")}`)), timings(row)),
    h("section", { "aria-label": "Tokens" },
      h("h3", null, "Tokens", h("span", { class: "soft" }, row.nano_aiu === null ? "" : ` ${credits(row.nano_aiu)} credits`)), used(row)),
    group("Plan", [
      ["Asked for", h("code", null, row.asked || dash)],
      row.asked !== row.model && ["Sent as", h("code", null, row.model || dash)],
      ["Way", row.leg ? `${way(row)}${row.streamed ? ", streamed" : ""}` : `${row.dialect}: it was not sent`],
      ["Initiator", `${row.initiator}: ${row.reason}`],
      ["Changed", changes.length ? h("ul", { class: "changes" }, ...changes.map((change) => h("li", null, change))) : "nothing"],
      ["Sent upstream", row.attempts > 1 ? `${row.attempts} times: ${plural(row.attempts - 1, "retry").replace("retrys", "retries")}` : row.attempts ? "once" : "never"],
    ]),
    group("Cost", [
      ["Billed", row.nano_aiu === null ? "upstream did not say" : `${credits(row.nano_aiu)} credits, ${dollars(row.nano_aiu)} (${number(row.nano_aiu)} nano-AIU)`],
      row.multiplier !== null && ["Multiplier", `${row.multiplier}x${row.initiator === "user" ? "" : ", not counted: an agent's call"}`],
      ["Bytes", `${bytes(row.bytes_in)} in, ${bytes(row.bytes_out)} out`],
    ]),
    group("Who", [
      ["Client", row.client || dash],
      row.key && ["Key", row.key],
      row.session && ["Session", link("requests", { session: row.session }, row.session)],
      ["Request id", h("code", null, row.request_id)],
    ]),
    h("form", { method: "dialog", class: "controls" }, h("button", { class: "main", autofocus: true }, "Close")));
  dialog.showModal();
  dialog.scrollTop = 0;
}
