import { ask } from "../api.js";
import { card, h, table } from "../dom.js";
import { dash, tokens } from "../format.js";

export const title = "Models";

export async function open() {
  const { models } = await ask("models");
  return {
    elements: [
      h("h1", null, "Models"),
      card(`${models.length} of this account`, table("Models", [
        { name: "Model", of: (row) => [row.id, row.enabled ? null : h("span", { class: "tag warn" }, "disabled")] },
        { name: "Vendor", of: (row) => row.vendor || dash },
        { name: "Context", num: true, of: (row) => tokens(row.context_window) },
        { name: "Prompt", num: true, of: (row) => tokens(row.max_prompt_tokens) },
        { name: "Output", num: true, of: (row) => tokens(row.max_output_tokens) },
        { name: "Premium", num: true, of: (row) => (row.multiplier === null ? dash : `${row.multiplier}x`) },
        { name: "Endpoints", of: (row) => row.endpoints.join(", ") || dash },
        { name: "Can", of: can },
      ], models)),
    ],
  };
}

function can(row) {
  return [
    row.tools && "tools", row.vision && "vision", row.structured_outputs && "schemas",
    row.reasoning_effort.length && "effort", row.adaptive_thinking && "thinking",
  ].filter(Boolean).join(", ") || dash;
}
