import { ask } from "../api.js";
import { card, empty, h, table } from "../dom.js";
import { bytes, clock, credits, dash, dollars, moment, number, share, time, tokens } from "../format.js";

export const title = "Requests";

const FILTERS = [["model", "Model"], ["client", "Client"], ["key", "Key"], ["session", "Session"], ["outcome", "Outcome"], ["status", "Status"]];
const chosen = {};

export async function open({ refresh }) {
  const { requests } = await ask("requests", { ...chosen, limit: 100 });
  const fields = FILTERS.map(([name, label]) => {
    const field = h("input", { name, size: 14, autocomplete: "off" });
    field.value = chosen[name] ?? "";
    return h("label", null, label, field);
  });
  const filter = (event) => {
    event.preventDefault();
    for (const [name, value] of new FormData(event.target)) chosen[name] = value.trim();
    refresh();
  };
  const clear = () => { for (const name of Object.keys(chosen)) delete chosen[name]; refresh(); };
  const dialog = h("dialog", { "aria-label": "Request" });
  const more = h("div");
  const rows = [...requests];
  const draw = () => list(rows, (row) => detail(dialog, row));
  const body = h("div", null, requests.length ? draw() : empty("No request fits."));
  if (requests.length === 100) {
    more.append(h("button", { type: "button", onclick: async () => {
      const next = await ask("requests", { ...chosen, limit: 100, before: rows.at(-1).id });
      rows.push(...next.requests);
      body.replaceChildren(draw());
      if (next.requests.length < 100) more.replaceChildren();
    } }, "Older ones"));
  }
  return {
    elements: [
      h("div", { class: "head" }, h("h1", null, "Requests"), h("button", { type: "button", onclick: refresh }, "Refresh")),
      h("form", { class: "card controls", onsubmit: filter }, ...fields, h("button", null, "Filter"),
        h("button", { type: "button", onclick: clear }, "Clear")),
      card("Newest first", body, more),
      dialog,
    ],
  };
}

function list(requests, onRow) {
  return table("Requests, newest first", [
    { name: "Time", of: (row) => clock(row.at) },
    { name: "Model", of: (row) => row.model || row.asked },
    { name: "Client", of: (row) => row.client },
    { name: "Way", of: (row) => (row.leg && row.leg !== row.dialect ? `${row.dialect} → ${row.leg}` : row.dialect) },
    { name: "Outcome", of: outcome },
    { name: "Input", num: true, of: (row) => tokens(row.input_tokens) },
    { name: "Cached", num: true, of: (row) => share(row.cached_tokens, row.input_tokens) },
    { name: "Output", num: true, of: (row) => tokens(row.output_tokens) },
    { name: "Credits", num: true, of: (row) => credits(row.nano_aiu) },
    { name: "First byte", num: true, of: (row) => time(row.first_byte_ms) },
    { name: "Whole", num: true, of: (row) => time(row.duration_ms) },
  ], requests, onRow);
}

function outcome(row) {
  const tone = row.outcome === "complete" ? "good" : row.status >= 500 || row.outcome.includes("upstream") ? "bad" : "warn";
  return h("span", { class: `tag ${tone}` }, row.outcome === "complete" ? "complete" : `${row.outcome} ${row.status}`);
}

function detail(dialog, row) {
  const facts = [
    ["Time", moment(row.at)],
    ["Id", row.request_id],
    ["Asked for", row.asked === row.model ? row.asked : `${row.asked}, sent as ${row.model || dash}`],
    ["Way", `${row.dialect} over ${row.leg || "nothing: it was not sent"}${row.streamed ? ", streamed" : ""}`],
    ["Client", [row.client, row.key && `key ${row.key}`].filter(Boolean).join(", ")],
    ["Session", row.session || dash],
    ["Initiator", `${row.initiator}: ${row.reason}`],
    ["Outcome", `${row.outcome}, status ${row.status}, ${row.attempts} sent upstream`],
    ["Tokens", `${tokens(row.input_tokens)} in (${tokens(row.cached_tokens)} cached, ${tokens(row.cache_write_tokens)} written), `
      + `${tokens(row.output_tokens)} out (${tokens(row.reasoning_tokens)} reasoning)`],
    ["Billed", row.nano_aiu === null ? "upstream did not say" : `${credits(row.nano_aiu)} credits, ${dollars(row.nano_aiu)} (${number(row.nano_aiu)} nano-AIU)`],
    ["Multiplier", row.multiplier === null ? dash : `${row.multiplier}x`],
    ["Bytes", `${bytes(row.bytes_in)} in, ${bytes(row.bytes_out)} out`],
    ["Changed", row.rewrites || "nothing"],
  ];
  const first = row.first_byte_ms ?? row.duration_ms;
  const part = row.duration_ms ? Math.round((100 * first) / row.duration_ms) : 100;
  dialog.replaceChildren(
    h("h2", null, "Request"),
    h("p", { class: "soft" }, `First byte after ${time(row.first_byte_ms)}, over after ${time(row.duration_ms)}`),
    h("progress", { max: 100, value: part, "aria-label": `${part}% of the time until the first byte` }),
    h("dl", null, ...facts.flatMap(([name, text]) => [h("dt", null, name), h("dd", null, text)])),
    h("form", { method: "dialog", class: "controls" }, h("button", null, "Close")));
  dialog.showModal();
}
