import { ask } from "../api.js";
import { line } from "../charts.js";
import { h } from "../dom.js";
import { credits, dash, number, share, tokens } from "../format.js";
import { card, empty, head, link, noLedger, stat, table } from "../parts.js";

export const title = "Cache";
export const pace = 5_000;

export function load() {
  return ask("cache");
}

export function draw({ ledger, month, days, sessions, answers, doctor }) {
  const rates = days.map((day) => (day.input_tokens ? (100 * day.cached_tokens) / day.input_tokens : null));
  return [
    head("Prompt cache", "How much of what is sent upstream had been sent before, and is billed as such."),
    noLedger(ledger),
    h("div", { class: "grid" },
      stat("Hit rate this month", share(month.cached_tokens, month.input_tokens), `${tokens(month.cached_tokens)} of ${tokens(month.input_tokens)} input tokens`),
      stat("Read from caches", tokens(month.cached_tokens), "tokens this month"),
      stat("Written to caches", tokens(month.cache_write_tokens), "tokens this month"),
      doctor ? stat("Lost to broken caches", tokens(doctor.total.lost_tokens),
        doctor.total.lost_nano === null ? "tokens this month" : `tokens this month, ${credits(doctor.total.lost_nano)} credits`) : null,
      answers ? stat("Answers kept here", number(answers.entries), `${number(answers.hits)} hits, ${number(answers.misses)} misses`) : null),
    card("Hit rate by day", rates.some((rate) => rate !== null)
      ? line("Share of input tokens that upstream had cached, by day", days.map((day) => day.group.slice(5)), rates, 100, (value) => `${value}%`,
        days.map((day, at) => [day.group, rates[at] === null ? "–" : `${number(rates[at], 1)}%`]))
      : empty("No day with tokens yet.")),
    card("What broke caches", doctor && doctor.causes.length ? table("Why upstream read again what it had read, the dearest first", [
      { name: "Cause", of: (row) => row.words || row.cause },
      { name: "Where", wide: true, of: (row) => row.path || dash },
      { name: "Turns", num: true, of: (row) => number(row.turns) },
      { name: "Lost", num: true, of: (row) => tokens(row.lost_tokens) },
      { name: "Credits", num: true, of: (row) => credits(row.lost_nano) },
    ], doctor.causes, { key: (row) => `${row.cause} ${row.path}` }) : empty("Nothing.", "Each turn began as the one before, or there was no second turn yet.")),
    card("Conversations this month, the dearest first", sessions.length ? table("Conversations this month", [
      { name: "Session", of: (row) => (row.group ? link("requests", { session: row.group }, row.group) : "(the client names none)") },
      { name: "Turns", num: true, of: (row) => number(row.requests) },
      { name: "Input", num: true, wide: true, of: (row) => tokens(row.input_tokens) },
      { name: "Hit rate", num: true, of: (row) => share(row.cached_tokens, row.input_tokens) },
      { name: "Credits", num: true, of: (row) => credits(row.nano_aiu) },
    ], sessions, { key: (row) => row.group }) : empty("No conversation yet.", "Clients like Claude Code name theirs, so that their turns can be told together.")),
  ].filter(Boolean);
}
