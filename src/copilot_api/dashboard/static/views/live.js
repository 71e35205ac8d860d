import { ceiling, line } from "../charts.js";
import { h } from "../dom.js";
import { bytes, number, plural, time } from "../format.js";
import { card, empty, head, stat, table } from "../parts.js";

export const title = "Live";
export const live = true;

const SECONDS = 120;
const SILENT = 10_000;
const past = []; // {at, value}, kept while the page is open: coming back shows the last minutes

export function note(state) {
  const now = performance.now();
  if (past.length && past.at(-1).value === state.in_flight && past.at(-2)?.value === state.in_flight) past.at(-1).at = now;
  else past.push({ at: now, value: state.in_flight });
  while (past.length > 2 && past[1].at < now - 1000 * SECONDS) past.shift();
}

export async function load() {
  return {};
}

export function draw(_data, { state, soon }) {
  if (!state) return [head("Live", "What runs now, told once a second."), card("Streams", empty("Waiting for the gateway."))];
  const { streams } = state;
  const silent = streams.filter((each) => each.silent_ms >= SILENT).length;
  const values = history();
  // The curve moves on while something is in it; an idle page does nothing.
  if (values.some((value) => value)) soon(1000);
  const ago = [120, 90, 60, 30, 0].map((seconds) => (seconds ? `−${seconds} s` : "now"));
  return [
    head("Live", "What runs now, told once a second."),
    h("div", { class: "grid" },
      stat("In flight", number(state.in_flight), `of ${number(state.places)} places`),
      stat("Waiting", number(state.waiting), "for a place", { tone: state.waiting ? "warn" : "" }),
      stat("Streams", number(streams.length), silent ? `${number(silent)} silent for 10 s and more` : "none silent for long", { tone: silent ? "warn" : "" }),
      stat("Output", number(streams.reduce((sum, each) => sum + each.rate, 0)), "about, all streams together", { unit: "tokens/s" })),
    card("Streams", streams.length ? list(streams) : empty("No stream runs.", "A streamed request shows here from its first moment to its last.")),
    card("Requests in flight", line(`Requests in flight in the last two minutes, now ${state.in_flight}`, ago, values,
      ceiling(Math.max(...values, 2)), (value) => number(value, value % 1 ? 1 : 0))),
  ];
}

function history() {
  const now = performance.now();
  return Array.from({ length: SECONDS + 1 }, (_, second) => {
    const at = now - 1000 * (SECONDS - second);
    // Between two tellings it was as it had been told before.
    const known = past.findLast((each) => each.at <= at + 500);
    return known ? known.value : past.length ? null : 0;
  });
}

function list(streams) {
  return table(`${plural(streams.length, "stream")} now`, [
    { name: "Model", of: (row) => row.model },
    { name: "Client", of: (row) => row.client || "–" },
    { name: "Dialect", wide: true, of: (row) => row.dialect },
    ...(streams.some((row) => row.key) ? [{ name: "Key", wide: true, of: (row) => row.key }] : []),
    { name: "For", num: true, of: (row) => time(row.age_ms) },
    { name: "Tokens", num: true, wide: true, of: (row) => number(row.tokens) },
    { name: "Tokens/s", num: true, of: (row) => number(row.rate, 1) },
    { name: "Sent", num: true, wide: true, of: (row) => bytes(row.bytes) },
    { name: "Last heard", num: true, of: heard },
  ], streams, { key: (row) => row.number });
}

function heard(row) {
  if (row.silent_ms >= SILENT) return h("span", { class: "warn" }, `silent for ${time(row.silent_ms)}`);
  return row.silent_ms < 1000 ? "now" : `${time(row.silent_ms)} ago`;
}
