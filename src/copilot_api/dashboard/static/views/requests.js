import { ask } from "../api.js";
import { detail, outcome, way } from "../detail.js";
import { h } from "../dom.js";
import { credits, dollars, number, plural, share, time, tokens, when } from "../format.js";
import { card, empty, head, noLedger, table } from "../parts.js";

export const title = "Requests";
export const pace = 2_000;

const PAGE = 100;
const CHOICES_AGE = 60_000;
const TIMES = [["", "any time"], ["1", "last hour"], ["24", "last 24 hours"], ["168", "last 7 days"], ["720", "last 30 days"]];
const FILTERS = [["model", "Model"], ["client", "Client"], ["key", "Key"], ["dialect", "Dialect"], ["initiator", "Initiator"]];
const TEXTS = [["session", "Session"], ["request_id", "Request id"]];
const older = { of: "", rows: [] }; // pages that were asked for, of which filter

const known = { choices: {}, at: -Infinity };

async function learn() {
  if (known.choices.model?.length && performance.now() - known.at < CHOICES_AGE) return;
  known.choices = await ask("choices");
  known.at = performance.now();
}

export async function load(parameters) {
  const [told] = await Promise.all([ask("requests", { ...parameters, limit: PAGE }), learn()]);
  const filter = JSON.stringify(parameters);
  // A page of new ones in between leaves a gap: then the older ones have to be asked for again.
  const last = told.requests.at(-1)?.id ?? 0;
  const joined = older.of === filter && older.rows.length && older.rows[0].id >= last - 1;
  if (!joined) Object.assign(older, { of: filter, rows: [] });
  const rows = [...told.requests, ...older.rows.filter((row) => row.id < last)];
  return { ...told, choices: known.choices, rows, more: joined ? older.more : told.requests.length === PAGE };
}

export function draw(data, context) {
  const { parameters, choose, reload } = context;
  const chosen = Object.values(parameters).some(Boolean);
  const more = async () => {
    const next = await ask("requests", { ...parameters, limit: PAGE, before: data.rows.at(-1).id });
    older.rows.push(...(older.rows.length ? [] : data.rows.slice(PAGE)), ...next.requests);
    older.more = next.requests.length === PAGE;
    data.rows.push(...next.requests);
    data.more = older.more;
    context.redraw();
  };
  return [
    head("Requests", "Each request that is over, without its content.", h("button", { type: "button", onclick: reload }, "Refresh")),
    noLedger(data.ledger),
    filters(data.choices, parameters, choose, chosen),
    card(chosen ? "Those that fit" : "Newest first",
      sums(data.total),
      data.rows.length ? list(data.rows) : chosen
        ? empty("No request fits.", h("button", { type: "button", onclick: () => choose(nothing(parameters)) }, "Show all"))
        : empty("No request is over yet.", "Point a client at ", h("code", null, location.origin), " and it shows here."),
      data.more ? h("p", { class: "more" }, h("button", { type: "button", onclick: more }, "Older ones")) : null),
  ].filter(Boolean);
}

function nothing(parameters) {
  return Object.fromEntries(Object.keys(parameters).map((name) => [name, ""]));
}

function filters(choices, parameters, choose, chosen) {
  const select = (name, label, given) => h("label", null, label,
    h("select", { name, onchange: (event) => choose({ [name]: event.target.value }) },
      ...given.map(([value, words]) => h("option", { value, selected: (parameters[name] ?? "") === value }, words))));
  const options = (name) => {
    const values = new Set([...(choices[name] ?? []), ...(parameters[name] ? [parameters[name]] : [])]);
    return [["", "all"], ...[...values].sort().map((value) => [value, value])];
  };
  const outcomes = options("outcome").filter(([value]) => value !== "failed");
  outcomes.splice(1, 0, ["failed", "all that failed"]);
  return h("form", { class: "card controls filters", "aria-label": "Filter", onsubmit: (event) => event.preventDefault() },
    select("hours", "Time", TIMES),
    ...FILTERS.filter(([name]) => options(name).length > 1).map(([name, label]) => select(name, label, options(name))),
    select("outcome", "Outcome", outcomes),
    ...TEXTS.map(([name, label]) => h("label", null, label,
      h("input", { name, value: parameters[name] ?? "", size: 12, autocomplete: "off", spellcheck: "false",
        onchange: (event) => choose({ [name]: event.target.value.trim() }) }))),
    chosen ? h("button", { type: "button", onclick: () => choose(nothing(parameters)) }, "Clear") : null);
}

function sums(total) {
  if (!total?.requests) return null;
  return h("p", { class: "soft sums" }, [
    plural(total.requests, "request"), total.failed ? `${number(total.failed)} failed` : null,
    `${tokens(total.input_tokens)} tokens in (${share(total.cached_tokens, total.input_tokens)} cached), ${tokens(total.output_tokens)} out`,
    total.nano_aiu === null ? null : `${credits(total.nano_aiu)} credits (${dollars(total.nano_aiu)})`,
  ].filter(Boolean).join(" · "));
}

export function list(rows) {
  return table("Requests, newest first", [
    { name: "Time", of: (row) => when(row.at) },
    { name: "Model", of: (row) => row.model || row.asked },
    { name: "Client", wide: true, of: (row) => row.client },
    { name: "Way", wide: true, of: way },
    { name: "Outcome", of: outcome },
    { name: "Input", num: true, wide: true, of: (row) => tokens(row.input_tokens) },
    { name: "Cached", num: true, wide: true, of: (row) => share(row.cached_tokens, row.input_tokens) },
    { name: "Output", num: true, wide: true, of: (row) => tokens(row.output_tokens) },
    { name: "Credits", num: true, of: (row) => credits(row.nano_aiu) },
    { name: "First byte", num: true, wide: true, of: (row) => time(row.first_byte_ms) },
    { name: "Whole", num: true, wide: true, of: (row) => time(row.duration_ms) },
  ], rows, { onRow: detail, key: (row) => row.id });
}
