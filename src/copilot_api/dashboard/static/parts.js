// What the views are made of.

import { h } from "./dom.js";

export function card(title, ...children) {
  return h("section", { class: "card", "aria-label": title }, h("h2", null, title), ...children);
}

export function head(title, note, ...more) {
  return h("div", { class: "head" },
    h("div", null, h("h1", null, title), note ? h("p", { class: "soft" }, note) : null), ...more);
}

export function stat(name, value, note, { tone, unit, extra } = {}) {
  return h("div", { class: "card stat" },
    h("span", { class: "name" }, name),
    h("span", { class: `value ${tone ?? ""}` }, value, unit ? h("span", { class: "unit" }, ` ${unit}`) : null),
    h("span", { class: "note" }, note ?? ""),
    extra ?? null);
}

export function tag(words, tone = "") {
  return h("span", { class: `tag ${tone}` }, words);
}

// A bar of `share`; `then` is where it will be if it goes on like this.
export function bar(name, share, words, { then, note, tone } = {}) {
  const at = (part) => `${(100 * Math.max(0, Math.min(1, part))).toFixed(2)}%`;
  const kind = tone ?? (share >= 1 ? "over" : share >= 0.8 ? "near" : "");
  return h("div", { class: "bar" },
    h("div", { class: "line" }, h("span", null, name), h("span", { class: "figure" }, words)),
    h("div", {
      class: `meter ${kind}`, role: "meter", "aria-label": name, "aria-valuemin": 0, "aria-valuemax": 100,
      "aria-valuenow": Math.round(100 * Math.max(0, Math.min(1, share))), "aria-valuetext": words,
    },
    then ? h("span", { class: "then", style: { width: at(then) } }) : null,
    h("span", { class: "now", style: { width: at(share) } })),
    note ? h("p", { class: "note" }, note) : null);
}

// Parts of a whole side by side: {name, value, words, tone}.
export function parts(label, given) {
  const shown = given.filter((part) => part.value > 0);
  const sum = shown.reduce((total, part) => total + part.value, 0);
  return h("div", { class: "parts" },
    h("div", { class: "strip", role: "img", "aria-label": `${label}: ${shown.map((part) => `${part.name} ${part.words}`).join(", ")}` },
      ...shown.map((part) => h("span", { class: part.tone, style: { width: `${((100 * part.value) / sum).toFixed(2)}%` } }))),
    h("ul", { class: "legend" }, ...shown.map((part) =>
      h("li", null, h("i", { class: part.tone, "aria-hidden": "true" }), part.name, " ", h("b", null, part.words)))));
}

// Columns are {name, of, num, wide}: `of` gives a text or elements of a row; a wide one is left out on phones.
export function table(caption, columns, rows, { onRow, key } = {}) {
  const kind = (column) => [column.num && "num", column.wide && "wide"].filter(Boolean).join(" ") || null;
  const body = rows.map((row) => {
    const cells = columns.map((column, at) => {
      const content = column.of(row);
      const shown = onRow && at === 0
        ? h("button", { type: "button", class: "plain", onclick: (event) => { event.stopPropagation(); onRow(row); } }, content)
        : content;
      return h(at === 0 ? "th" : "td", { scope: at === 0 ? "row" : null, class: kind(column) }, shown);
    });
    return h("tr", {
      "data-key": key ? String(key(row)) : null, class: onRow ? "row" : null, onclick: onRow ? () => onRow(row) : null,
    }, ...cells);
  });
  const heads = columns.map((column) => h("th", { scope: "col", class: kind(column) }, column.name));
  return h("div", { class: "scroll", "data-name": caption },
    h("table", null, h("caption", null, caption), h("thead", null, h("tr", null, ...heads)), h("tbody", null, ...body)));
}

export function empty(title, ...hint) {
  return h("div", { class: "empty" }, h("p", { class: "what" }, title), hint.length ? h("p", null, ...hint) : null);
}

export function segments(label, choices, chosen, onChoice) {
  return h("div", { class: "segments", role: "group", "aria-label": label },
    ...choices.map(([value, name]) =>
      h("button", { type: "button", "aria-pressed": String(value === chosen), onclick: () => onChoice(value) }, name)));
}

export function link(view, parameters, ...children) {
  const query = new URLSearchParams(parameters).toString();
  return h("a", { href: `/dashboard#${view}${query ? `?${query}` : ""}` }, ...children);
}

// What is said where there is no ledger to ask; null where there is one.
export function noLedger(state) {
  if (state === "off") {
    return h("p", { class: "notice" }, "The ledger is off (", h("code", null, "--no-ledger"), "): nothing is kept of requests that are over.");
  }
  return state === "unreadable"
    ? h("p", { class: "notice bad" }, "The ledger cannot be read; the gateway’s log says why.")
    : null;
}
