import { ask } from "../api.js";
import { stacked } from "../charts.js";
import { bar, card, empty, h, segments, stat, table } from "../dom.js";
import { credits, dollars, moment, number, share, time, tokens } from "../format.js";

export const title = "Overview";

const MEASURES = {
  spend: ["Credits", (row) => (row.nano_aiu ?? 0) / 1e9, (value) => number(value, value < 10 ? 2 : 0)],
  tokens: ["Tokens", (row) => row.input_tokens + row.output_tokens, tokens],
  requests: ["Requests", (row) => row.requests, (value) => number(value)],
};
const chosen = { axis: "hour", by: "model", measure: "spend" };

export async function open({ refresh }) {
  const [facts, series] = await Promise.all([ask("overview"), ask("series", { axis: chosen.axis, by: chosen.by })]);
  const choose = (name) => (value) => { chosen[name] = value; refresh(); };
  const { today, month } = facts;
  const timer = setInterval(refresh, 30_000);
  return {
    close: () => clearInterval(timer),
    elements: [
      h("h1", null, "Overview"),
      ...facts.warnings.map((text) => h("p", { class: "notice", role: "status" }, text)),
      h("div", { class: "grid" },
        stat("Spent today", credits(today.nano_aiu), `credits, ${dollars(today.nano_aiu)}`),
        stat("This month", credits(month.nano_aiu), facts.projected_nano === null
          ? `credits, ${dollars(month.nano_aiu)}`
          : `${credits(facts.projected_nano)} by its end at this pace`),
        stat("Requests today", number(today.requests), `${number(today.failed)} failed`, today.failed ? "warn" : ""),
        stat("Prompt cache today", share(today.cached_tokens, today.input_tokens), `of ${tokens(today.input_tokens)} input tokens`),
        stat("First byte today", time(today.first_byte_ms), `${time(today.duration_ms)} whole, on average`)),
      h("div", { class: "halves" }, quota(facts), budgets(facts)),
      h("section", { class: "card", "aria-label": "Over time" },
        h("div", { class: "head" },
          h("h2", null, chosen.axis === "hour" ? "Last 24 hours" : "Last 30 days"),
          h("div", { class: "controls" },
            segments("Time", [["hour", "Hours"], ["day", "Days"]], chosen.axis, choose("axis")),
            segments("Measure", Object.entries(MEASURES).map(([key, [name]]) => [key, name]), chosen.measure, choose("measure")),
            segments("By", [["model", "Model"], ["client", "Client"], ["key", "Key"]], chosen.by, choose("by")))),
        chart(series)),
      h("div", { class: "halves" },
        groups("Models this month", "Model", facts.by_model),
        groups("Clients this month", "Client", facts.by_client)),
      facts.by_key.some((row) => row.group) ? groups("Keys this month", "Key", facts.by_key) : null,
    ].filter(Boolean),
  };
}

function chart(series) {
  const [name, of, words] = MEASURES[chosen.measure];
  const rows = series.rows.map((row) => ({ time: row.time, group: row.group, value: of(row) }));
  if (!rows.some((row) => row.value)) return empty("Nothing yet. Point a client at this gateway and it shows here.");
  return stacked(`${name} by ${chosen.by}`, series.times, rows, words);
}

function quota({ quota: found }) {
  if (!found) return card("Quota", empty("GitHub did not tell."));
  const bars = found.snapshots.map((each) => each.unlimited
    ? bar(each.name, 0, "unlimited")
    : bar(each.name, each.entitlement ? each.used / each.entitlement : 1, `${number(each.used)} of ${number(each.entitlement)}`));
  return card("Quota", ...bars, h("p", { class: "soft" }, [found.plan, found.reset && `resets ${found.reset}`].filter(Boolean).join(", ")));
}

function budgets({ budgets: found }) {
  if (!found.length) {
    return card("Budgets", empty("None. “copilot-api start --budget '20 credits/day'” sets one."));
  }
  return card("Budgets", ...found.map((each) =>
    bar(each.text, each.share, `${number(each.spent, 2)} of ${number(each.amount, 2)} ${each.unit}, until ${moment(each.until)}`)));
}

function groups(name, head, rows) {
  if (!rows.length) return card(name, empty("Nothing yet."));
  return card(name, table(name, [
    { name: head, of: (row) => row.group || "(none)" },
    { name: "Requests", num: true, of: (row) => number(row.requests) },
    { name: "Input", num: true, of: (row) => tokens(row.input_tokens) },
    { name: "Cached", num: true, of: (row) => share(row.cached_tokens, row.input_tokens) },
    { name: "Output", num: true, of: (row) => tokens(row.output_tokens) },
    { name: "Credits", num: true, of: (row) => credits(row.nano_aiu) },
  ], rows));
}
