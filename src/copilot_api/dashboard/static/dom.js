// Elements from calls. Texts are text nodes, always: what others wrote is never read as markup.

export function h(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== "string" && !(element instanceof SVGElement)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function card(title, ...children) {
  return h("section", { class: "card", "aria-label": title }, h("h2", null, title), ...children);
}

export function stat(name, value, note, tone) {
  return h("div", { class: "card stat" },
    h("span", { class: "name" }, name),
    h("span", { class: `value ${tone ?? ""}` }, value),
    h("span", { class: "note" }, note ?? ""));
}

export function bar(name, share, words) {
  const part = Math.max(0, Math.min(1, share));
  const tone = share >= 1 ? "over" : share >= 0.8 ? "near" : "";
  return h("div", { class: "bar" },
    h("div", { class: "line" }, h("span", null, name), h("span", null, words)),
    h("progress", { class: tone, max: 1, value: part, "aria-label": `${name}: ${words}` }));
}

// Columns are {name, of, num, head}: `of` gives a text or an element of a row.
export function table(caption, columns, rows, onRow) {
  const head = columns.map((column) => h("th", { scope: "col", class: column.num ? "num" : null }, column.name));
  const body = rows.map((row) => {
    const cells = columns.map((column, at) =>
      h(at === 0 ? "th" : "td", { scope: at === 0 ? "row" : null, class: column.num ? "num" : null }, column.of(row)));
    if (!onRow) return h("tr", null, ...cells);
    const open = () => onRow(row);
    return h("tr", {
      class: "link", tabIndex: 0, onclick: open,
      onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); } },
    }, ...cells);
  });
  return h("div", { class: "scroll" },
    h("table", null, h("caption", null, caption), h("thead", null, h("tr", null, ...head)), h("tbody", null, ...body)));
}

export function empty(words) {
  return h("p", { class: "empty" }, words);
}

export function segments(label, choices, chosen, onChoice) {
  return h("div", { class: "segments", role: "group", "aria-label": label },
    ...choices.map(([value, name]) =>
      h("button", { type: "button", "aria-pressed": String(value === chosen), onclick: () => onChoice(value) }, name)));
}
