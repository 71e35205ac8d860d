// Columns and lines. Boxes do the columns and the words, so that nothing is stretched on any screen.

import { h, svg } from "./dom.js";
import { table } from "./parts.js";

export const SERIES = 8;

export function ceiling(value) {
  if (value <= 0) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].map((step) => step * unit).find((step) => step >= value);
}

// `rows` are {time, group, value}. Beyond the seven largest groups all are "others".
function grouped(times, rows) {
  const sums = new Map();
  for (const row of rows) if (row.value) sums.set(row.group, (sums.get(row.group) ?? 0) + row.value);
  const ranked = [...sums.keys()].sort((a, b) => sums.get(b) - sums.get(a));
  const named = ranked.length > SERIES ? ranked.slice(0, SERIES - 1) : ranked;
  const groups = named.map((group) => ({ name: group || "(none)", sum: sums.get(group) }));
  if (named.length < ranked.length) {
    groups.push({ name: "others", sum: ranked.slice(SERIES - 1).reduce((sum, group) => sum + sums.get(group), 0) });
  }
  const columns = new Map(times.map((time) => [time, groups.map(() => 0)]));
  for (const row of rows) {
    const at = named.indexOf(row.group);
    const column = columns.get(row.time);
    if (column && row.value) column[at < 0 ? groups.length - 1 : at] += row.value;
  }
  return { groups, columns: [...columns.values()] };
}

function plot(top, words, ...content) {
  return h("div", { class: "plot", "aria-hidden": "true" },
    ...[1, 0.5, 0].map((part) =>
      h("div", { class: "rule", style: { bottom: `${100 * part}%` } }, h("span", null, part ? words(top * part) : "0"))),
    ...content);
}

// `place` says where a name stands, from 0 to 1. There is room for eight, on a phone for four.
function axis(names, place, lean) {
  const every = Math.max(1, Math.ceil(names.length / 8));
  const shown = names.map((name, at) => [name, place(at)]).filter((_, at) => at % every === 0);
  return h("div", { class: "axis", "aria-hidden": "true" }, ...shown.map(([name, part], at) =>
    h("span", { class: at % 2 && shown.length > 5 ? "wide" : null,
      style: { left: `${(100 * part).toFixed(2)}%`, transform: `translateX(${lean ? (-100 * part).toFixed(0) : -50}%)` } }, name)));
}

function figures(label, heads, rows) {
  return h("details", { class: "figures" }, h("summary", null, "Show the numbers"),
    table(label, heads.map((name, at) => ({ name, num: at > 0, of: (row) => row[at] })), rows));
}

export function stacked(label, times, rows, words) {
  const { groups, columns } = grouped(times, rows);
  const top = ceiling(Math.max(...columns.map((column) => column.reduce((sum, value) => sum + value, 0))));
  const name = (time) => time.slice(time.length > 10 ? 11 : 5);
  const tip = (time, column) => [time, ...groups.flatMap((group, at) => (column[at] ? [`${group.name}: ${words(column[at])}`] : []))].join("\n");
  const bars = columns.map((column, index) =>
    h("div", { class: "column", title: tip(times[index], column) },
      ...column.map((value, at) => (value ? h("i", { class: `s${at}`, style: { height: `${((100 * value) / top).toFixed(3)}%` } }) : null))));
  return h("figure", { class: "chart", "aria-label": label },
    plot(top, words, h("div", { class: "columns" }, ...bars)),
    axis(times.map(name), (at) => (at + 0.5) / times.length, false),
    h("ul", { class: "legend" }, ...groups.map((group, at) =>
      h("li", null, h("i", { class: `s${at}`, "aria-hidden": "true" }), group.name, " ", h("b", null, words(group.sum))))),
    figures(label, ["Time", ...groups.map((group) => group.name)],
      columns.map((column, index) => [times[index], ...column.map((value) => words(value))])));
}

function curve(values, top) {
  const x = (at) => ((100 * at) / Math.max(1, values.length - 1)).toFixed(2);
  const y = (value) => (100 * (1 - Math.min(1, value / top))).toFixed(2);
  const known = values.flatMap((value, at) => (value === null ? [] : [[at, value]]));
  if (!known.length) return [];
  const path = known.map(([at, value]) => `${x(at)} ${y(value)}`).join("L");
  return [
    svg("path", { class: "area", d: `M${path}L${x(known.at(-1)[0])} 100L${x(known[0][0])} 100Z` }),
    svg("path", { class: "curve", d: known.length > 1 ? `M${path}` : `M${path}h0.01` }),
  ];
}

function drawing(kind, values, top) {
  return svg("svg", { class: kind, viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" }, ...curve(values, top));
}

// `values` are numbers, null where nothing is known.
export function line(label, names, values, top, words, rows = null) {
  return h("figure", { class: "chart", "aria-label": label },
    plot(top, words, drawing("lines", values, top)), axis(names, (at) => at / Math.max(1, names.length - 1), true),
    rows ? figures(label, ["Time", "Value"], rows) : null);
}

export function spark(values) {
  return values.some((value) => value) ? drawing("spark", values, Math.max(...values)) : null;
}
