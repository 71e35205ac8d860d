import { ask } from "../api.js";
import { card, h, table } from "../dom.js";
import { number } from "../format.js";

export const title = "Engine";

export async function open() {
  const { components, settings, ledger } = await ask("engine");
  return {
    elements: [
      h("h1", null, "Engine"),
      card("Components", table("Components", [
        { name: "Component", of: (row) => row.name },
        { name: "Runs", of: (row) => h("span", { class: "tag" }, row.implementation) },
        { name: "Why", of: (row) => row.reason },
        { name: "Calls", num: true, of: (row) => number(row.calls) },
        { name: "Mean", num: true, of: (row) => (row.calls ? `${number((1e6 * row.seconds) / row.calls, 1)} µs` : "–") },
        { name: "Longest", num: true, of: (row) => (row.calls ? `${number(1e3 * row.longest, 2)} ms` : "–") },
        { name: "Failures", num: true, of: (row) => h("span", { class: row.failures ? "bad" : "" }, number(row.failures)) },
        { name: "Differences", num: true, of: (row) => h("span", { class: row.differences ? "warn" : "" }, number(row.differences)) },
      ], components)),
      card("Ledger", h("p", { class: ledger.lost ? "bad" : "soft" },
        `${number(ledger.written)} requests written since the start, ${number(ledger.lost)} lost. ${ledger.path}`)),
      card("Settings that differ from their defaults", table("Settings", [
        { name: "Option", of: (row) => row.name },
        { name: "Value", of: (row) => row.value },
        { name: "From", of: (row) => row.origin },
      ], settings)),
    ],
  };
}
