import { ceilingOf, line } from "../charts.js";
import { card, empty, h, stat, table } from "../dom.js";
import { bytes, number, time } from "../format.js";

export const title = "Live";

const KEPT = 120;
const past = []; // kept while the page is open, so that coming back shows the last minutes
const SILENT = 10_000;

export async function open() {
  const figures = h("div", { class: "grid" });
  const streams = h("div", null, empty("Waiting for the gateway."));
  const curve = h("div");
  return {
    elements: [h("h1", null, "Live"), figures, card("Streams", streams), card("Requests in flight", curve)],
    update(state) {
      past.push(state.in_flight);
      if (past.length > KEPT) past.shift();
      const silent = state.streams.filter((each) => each.silent_ms >= SILENT).length;
      figures.replaceChildren(
        stat("In flight", number(state.in_flight), `of ${number(state.places)} places`),
        stat("Waiting", number(state.waiting), "for a place", state.waiting ? "warn" : ""),
        stat("Streams", number(state.streams.length), `${number(silent)} silent for 10 s and more`, silent ? "warn" : ""),
        stat("Output", `${number(state.streams.reduce((sum, each) => sum + each.rate, 0), 0)}/s`, "events, all streams"));
      streams.replaceChildren(state.streams.length ? list(state.streams) : empty("No stream runs."));
      const values = [...Array(KEPT - past.length).fill(null), ...past];
      curve.replaceChildren(line("Requests in flight, the last two minutes", values.map((_, at) => (at % 30 ? "" : `−${KEPT - at} s`)),
        values, ceilingOf(values), (value) => number(value, value % 1 ? 1 : 0)));
    },
  };
}

function list(streams) {
  return table("Streams that run now", [
    { name: "Model", of: (row) => row.model },
    { name: "Client", of: (row) => row.client },
    { name: "Key", of: (row) => row.key },
    { name: "For", num: true, of: (row) => time(row.age_ms) },
    { name: "Events", num: true, of: (row) => number(row.events) },
    { name: "Events/s", num: true, of: (row) => number(row.rate, 1) },
    { name: "Sent", num: true, of: (row) => bytes(row.bytes) },
    { name: "Silent", num: true, of: (row) => h("span", { class: row.silent_ms >= SILENT ? "warn" : "" }, time(row.silent_ms)) },
  ], streams);
}
