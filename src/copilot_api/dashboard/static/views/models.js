import { ask } from "../api.js";
import { h } from "../dom.js";
import { dash, plural, short, tokens } from "../format.js";
import { card, empty, head, table, tag } from "../parts.js";

export const title = "Models";

export function load() {
  return ask("models");
}

export function draw({ models }, { parameters, choose }) {
  const word = (parameters.find ?? "").toLowerCase();
  const rows = models.filter((row) => !word || [row.id, row.name, row.vendor].some((text) => (text ?? "").toLowerCase().includes(word)));
  const priced = models.some((row) => row.prices);
  return [
    head("Models", "What this account may use, as Copilot lists it.",
      h("label", { class: "search" }, h("span", { class: "away" }, "Find a model"),
        h("input", { type: "search", value: parameters.find ?? "", placeholder: "Find a model", autocomplete: "off",
          oninput: (event) => choose({ find: event.target.value }) }))),
    card(word ? `${plural(rows.length, "model")} of ${models.length}` : plural(models.length, "model"),
      rows.length ? table("Models", [
        { name: "Model", of: (row) => [h("b", null, row.id), row.enabled ? null : tag("disabled", "warn"), row.name && row.name !== row.id ? h("span", { class: "under" }, row.name) : null] },
        { name: "Vendor", wide: true, of: (row) => row.vendor || dash },
        { name: "Context", num: true, of: (row) => tokens(row.context_window) },
        { name: "Prompt", num: true, wide: true, of: (row) => tokens(row.max_prompt_tokens) },
        { name: "Output", num: true, wide: true, of: (row) => tokens(row.max_output_tokens) },
        ...(priced ? [
          { name: "In", num: true, of: price("input") },
          { name: "Cached", num: true, wide: true, of: price("cached") },
          { name: "Out", num: true, of: price("output") },
        ] : []),
        { name: "Premium", num: true, of: (row) => (row.multiplier === null ? dash : `${row.multiplier}x`) },
        { name: "Endpoints", wide: true, of: (row) => row.endpoints.join(", ") || dash },
        { name: "Can", wide: true, of: can },
      ], rows, { key: (row) => row.id }) : empty(models.length ? "No model is called like this." : "Copilot lists no model for this account."),
      priced ? h("p", { class: "note" }, "In, cached and out: AI credits for a million tokens; a credit is one cent. Premium: what a request counts as on accounts that are billed by request.") : null),
  ];
}

function price(kind) {
  return (row) => (row.prices?.[kind] === null || row.prices?.[kind] === undefined ? dash : short(row.prices[kind]));
}

function can(row) {
  const able = [
    row.tools && "tools", row.vision && "vision", row.structured_outputs && "schemas",
    row.reasoning_effort.length && "effort", row.adaptive_thinking && "thinking",
  ].filter(Boolean);
  return able.length ? h("span", { class: "tags" }, ...able.map((name) => tag(name))) : dash;
}
