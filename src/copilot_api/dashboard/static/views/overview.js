import { ask } from "../api.js";
import { spark, stacked } from "../charts.js";
import { h } from "../dom.js";
import { credits, day, dollars, moment, number, plural, share, short, time, tokens } from "../format.js";
import { bar, card, empty, head, link, noLedger, segments, stat, table } from "../parts.js";

export const title = "Overview";
export const pace = 5_000;

const MEASURES = {
  spend: ["Credits", (row) => (row.nano_aiu ?? 0) / 1e9, short],
  tokens: ["Tokens", (row) => row.input_tokens + row.output_tokens, tokens],
  requests: ["Requests", (row) => row.requests, (value) => number(value)],
};
let quota = null; // GitHub may take its time, so that nothing waits for it
let told = () => {};

export async function load({ axis = "hour", by = "model" }) {
  ask("quota").then((found) => { quota = found; told(); }, () => {});
  const [facts, series] = await Promise.all([ask("overview"), ask("series", { axis, by })]);
  return { ...facts, series };
}

export function draw(facts, { parameters, choose, redraw }) {
  told = redraw;
  const { today, month, series } = facts;
  const { axis = "hour", by = "model", measure = "spend" } = parameters;
  return [
    head("Overview", "What Copilot bills, and what is left."),
    noLedger(facts.ledger),
    ...facts.warnings.map((text) => h("p", { class: "notice", role: "status" }, text)),
    h("div", { class: "grid" },
      stat("Spent today", credits(today.nano_aiu), dollars(today.nano_aiu), { unit: "credits", extra: axis === "hour" ? spark(perTime(series)) : null }),
      stat("Spent this month", credits(month.nano_aiu), facts.projected_nano === null
        ? dollars(month.nano_aiu) : `about ${credits(facts.projected_nano)} by its end`, { unit: "credits" }),
      stat("Requests today", number(today.requests), today.failed
        ? link("failures", {}, `${number(today.failed)} failed`) : "none failed", {}),
      stat("Prompt cache today", share(today.cached_tokens, today.input_tokens), `of ${tokens(today.input_tokens)} input tokens`),
      stat("First byte today", time(today.first_byte_ms), `${time(today.requests ? today.duration_ms : null)} for the whole answer`)),
    h("div", { class: "halves" }, quotaCard(), budgets(facts)),
    h("section", { class: "card", "aria-label": "Over time" },
      h("div", { class: "head" },
        h("h2", null, axis === "hour" ? "Last 24 hours" : "Last 30 days"),
        h("div", { class: "controls" },
          segments("Time", [["hour", "Hours"], ["day", "Days"]], axis, (value) => choose({ axis: value })),
          segments("Measure", Object.entries(MEASURES).map(([key, [name]]) => [key, name]), measure, (value) => choose({ measure: value })),
          segments("By", [["model", "Model"], ["client", "Client"], ["key", "Key"]], by, (value) => choose({ by: value })))),
      chart(series, MEASURES[measure] ?? MEASURES.spend, by)),
    h("div", { class: "halves" },
      groups("Models this month", "Model", "model", facts.by_model),
      groups("Clients this month", "Client", "client", facts.by_client)),
    facts.by_key.some((row) => row.group) ? groups("Keys this month", "Key", "key", facts.by_key) : null,
  ].filter(Boolean);
}

function perTime(series) {
  const sums = new Map(series.times.map((at) => [at, 0]));
  for (const row of series.rows) sums.set(row.time, (sums.get(row.time) ?? 0) + (row.nano_aiu ?? 0));
  return series.times.map((at) => sums.get(at));
}

function chart(series, [name, of, words], by) {
  const rows = series.rows.map((row) => ({ time: row.time, group: row.group, value: of(row) }));
  if (!rows.some((row) => row.value)) {
    return series.rows.length
      ? empty("Nothing of this kind in this time.", "There were requests: choose another measure.")
      : empty("No requests in this time.", "Point a client at ", h("code", null, location.origin), " and they show here.");
  }
  return stacked(`${name} by ${by}`, series.times, rows, words);
}

function quotaCard() {
  if (!quota) return card("Quota", empty("Asking GitHub…"));
  const problem = quota.problem ? h("p", { class: "note bad" }, `GitHub did not tell: ${quota.problem}.`) : null;
  if (!quota.snapshots.length) return card("Quota", problem ?? empty("This account has no quota."));
  const note = [quota.plan && `Plan: ${quota.plan}`, quota.reset && `resets ${quota.reset}`].filter(Boolean).join(", ");
  return card("Quota", ...quota.snapshots.map(allowance), note ? h("p", { class: "note" }, note) : null, problem);
}

function allowance(each) {
  if (each.unlimited) {
    return h("div", { class: "bar" }, h("div", { class: "line" }, h("span", null, each.name), h("span", { class: "figure" }, "unlimited")));
  }
  const whole = each.entitlement;
  let note = null;
  if (whole && each.used >= whole) note = "It is used up.";
  else if (each.spent_at !== null) note = `At this pace it is used up on ${day(each.spent_at)}.`;
  else if (each.projected !== null) note = `At this pace about ${number(each.projected)} by the reset.`;
  return bar(each.name, whole ? each.used / whole : 1, `${short(each.used)} of ${short(whole)}`,
    { then: each.projected !== null && whole ? each.projected / whole : 0, note, tone: each.spent_at !== null ? "near" : undefined });
}

function budgets({ budgets: found }) {
  if (!found.length) {
    return card("Budgets", empty("No budget is set.", h("code", null, "copilot-api start --budget '20 credits/day'"), " sets one."));
  }
  return card("Budgets", ...found.map((each) =>
    bar(each.text, each.share, `${short(each.spent)} of ${short(each.amount)} ${each.unit}`,
      { note: `${each.hard ? "Refuses" : "Warns"} when it is spent; until ${moment(each.until).replace(/:00$/, "")}` })));
}

function groups(name, first, parameter, rows) {
  if (!rows.length) return card(name, empty("Nothing yet."));
  return card(name, table(name, [
    { name: first, of: (row) => (row.group ? link("requests", { [parameter]: row.group }, row.group) : "(none)") },
    { name: "Requests", num: true, of: (row) => number(row.requests) },
    { name: "Input", num: true, wide: true, of: (row) => tokens(row.input_tokens) },
    { name: "Cached", num: true, of: (row) => share(row.cached_tokens, row.input_tokens) },
    { name: "Output", num: true, wide: true, of: (row) => tokens(row.output_tokens) },
    { name: "Credits", num: true, of: (row) => credits(row.nano_aiu) },
  ], rows, { key: (row) => row.group }),
  rows.some((row) => row.unbilled) ? h("p", { class: "note" }, `Of ${plural(rows.reduce((sum, row) => sum + row.unbilled, 0), "request")} upstream did not say the cost.`) : null);
}
