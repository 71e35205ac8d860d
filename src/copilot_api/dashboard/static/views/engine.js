import { ask } from "../api.js";
import { h } from "../dom.js";
import { dash, number, plural } from "../format.js";
import { card, empty, head, table, tag } from "../parts.js";

export const title = "Engine";
export const pace = 5_000;

export function load() {
  return ask("engine");
}

export function draw({ components, settings, ledger }) {
  const back = components.filter((each) => each.reason.startsWith("rolled back"));
  return [
    head("Engine", "Which implementation of each part runs, and why."),
    ...back.map((each) => h("p", { class: "notice", role: "status" },
      `${each.name} runs on the ${each.implementation} implementation: ${each.reason}. Requests go on; please report it.`)),
    card("Components", table("Components", [
      { name: "Component", of: (row) => row.name },
      { name: "Runs", of: (row) => tag(row.implementation, back.includes(row) ? "warn" : row.implementation === "native" ? "good" : "") },
      { name: "Why", wide: true, of: (row) => row.reason },
      { name: "Calls", num: true, of: (row) => number(row.calls) },
      { name: "Mean", num: true, wide: true, of: (row) => (row.calls ? `${number((1e6 * row.seconds) / row.calls, 1)} µs` : dash) },
      { name: "Longest", num: true, wide: true, of: (row) => (row.calls ? `${number(1e3 * row.longest, 2)} ms` : dash) },
      { name: "Failures", num: true, of: (row) => h("span", { class: row.failures ? "bad" : "" }, number(row.failures)) },
      { name: "Differences", num: true, wide: true, of: (row) => h("span", { class: row.differences ? "warn" : "" }, number(row.differences)) },
    ], components, { key: (row) => row.name })),
    card("Ledger", h("p", null, `${plural(ledger.written, "request")} written since the start`,
      ledger.lost ? h("b", { class: "bad" }, `, ${number(ledger.lost)} lost`) : ", none lost"), h("p", { class: "note" }, h("code", null, ledger.path))),
    card("Settings that differ from their defaults", settings.length ? table("Settings", [
      { name: "Option", of: (row) => h("code", null, `--${row.name}`) },
      { name: "Value", of: (row) => row.value },
      { name: "From", of: (row) => row.origin || dash },
    ], settings, { key: (row) => row.name }) : empty("All are as they come.")),
  ];
}
