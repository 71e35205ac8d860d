import { ask } from "../api.js";
import { line } from "../charts.js";
import { card, empty, h, stat, table } from "../dom.js";
import { credits, dash, number, share, tokens } from "../format.js";

export const title = "Cache";

export async function open() {
  const facts = await ask("cache");
  const { month, days, sessions, answers, doctor } = facts;
  const rates = days.map((day) => (day.input_tokens ? (100 * day.cached_tokens) / day.input_tokens : null));
  return {
    elements: [
      h("h1", null, "Prompt cache"),
      h("div", { class: "grid" },
        stat("Hit rate this month", share(month.cached_tokens, month.input_tokens), `${tokens(month.cached_tokens)} of ${tokens(month.input_tokens)} input tokens`),
        stat("Written to caches", tokens(month.cache_write_tokens), "tokens this month"),
        doctor ? stat("Lost to broken caches", tokens(doctor.total.lost_tokens),
          doctor.total.lost_nano === null ? "tokens this month" : `tokens this month, ${credits(doctor.total.lost_nano)} credits`) : null,
        answers ? stat("Answers kept here", number(answers.entries), `${number(answers.hits)} hits, ${number(answers.misses)} misses`) : null),
      card("Hit rate by day", rates.some((rate) => rate !== null)
        ? line("Share of input tokens that upstream had cached, by day", days.map((day) => day.group.slice(5)), rates, 100, (value) => `${value}%`)
        : empty("Nothing yet.")),
      card("What broke caches", doctor && doctor.causes.length ? table("Why upstream read again what it had read, the dearest first", [
        { name: "Cause", of: (row) => row.words || row.cause },
        { name: "Where", of: (row) => row.path || dash },
        { name: "Turns", num: true, of: (row) => number(row.turns) },
        { name: "Lost", num: true, of: (row) => tokens(row.lost_tokens) },
        { name: "Credits", num: true, of: (row) => credits(row.lost_nano) },
      ], doctor.causes) : empty("Nothing: each turn began with the one before, or there was no second turn yet.")),
      card("Conversations", sessions.length ? table("Conversations this month, the dearest first", [
        { name: "Session", of: (row) => row.group || "(not told)" },
        { name: "Turns", num: true, of: (row) => number(row.requests) },
        { name: "Input", num: true, of: (row) => tokens(row.input_tokens) },
        { name: "Hit rate", num: true, of: (row) => share(row.cached_tokens, row.input_tokens) },
        { name: "Credits", num: true, of: (row) => credits(row.nano_aiu) },
      ], sessions) : empty("Nothing yet.")),
    ],
  };
}
