// Two charts as plain SVG: stacked columns and a line.

import { h, svg } from "./dom.js";

const WIDTH = 760;
const HEIGHT = 200;
const LEFT = 46;
const BOTTOM = 22;
const TOP = 8;
export const SERIES = 8;

function ceiling(value) {
  if (value <= 0) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((step) => step * unit).find((step) => step >= value);
}

function frame(label, top, words) {
  const chart = svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  for (const part of [0, 0.5, 1]) {
    const y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - part);
    chart.append(
      svg("line", { class: "rule", x1: LEFT, x2: WIDTH, y1: y, y2: y }),
      svg("text", { x: LEFT - 8, y: y + 4, "text-anchor": "end" }, words(top * part)));
  }
  return chart;
}

function ticks(chart, names, at) {
  const every = Math.max(1, Math.ceil(names.length / 8));
  names.forEach((name, index) => {
    if (index % every === 0) chart.append(svg("text", { x: at(index), y: HEIGHT - 5, "text-anchor": "middle" }, name));
  });
}

// `rows` are {time, group, value}; times in order. Beyond the seven largest groups all are "others".
export function stacked(label, times, rows, words) {
  const sums = new Map();
  for (const row of rows) if (row.value) sums.set(row.group, (sums.get(row.group) ?? 0) + row.value);
  const ranked = [...sums.keys()].sort((a, b) => sums.get(b) - sums.get(a));
  const named = ranked.length > SERIES ? ranked.slice(0, SERIES - 1) : ranked;
  const groups = named.length < ranked.length ? [...named, "others"] : named;
  const columns = new Map(times.map((time) => [time, groups.map(() => 0)]));
  for (const row of rows) {
    const at = named.indexOf(row.group);
    const column = columns.get(row.time);
    if (column && row.value) column[at < 0 ? groups.length - 1 : at] += row.value;
  }
  const top = ceiling(Math.max(...[...columns.values()].map((column) => column.reduce((a, b) => a + b, 0))));
  const chart = frame(label, top, words);
  const room = (WIDTH - LEFT) / Math.max(1, times.length);
  const middle = (index) => LEFT + room * (index + 0.5);
  const thick = Math.max(2, Math.min(36, room * 0.7));
  times.forEach((time, index) => {
    let y = HEIGHT - BOTTOM;
    columns.get(time).forEach((value, at) => {
      if (!value) return;
      const tall = (value / top) * (HEIGHT - TOP - BOTTOM);
      y -= tall;
      chart.append(svg("rect", { class: `s${at % SERIES}`, x: middle(index) - thick / 2, y, width: thick, height: tall, rx: 1.5 },
        svg("title", null, `${time}, ${groups[at]}: ${words(value)}`)));
    });
  });
  ticks(chart, times.map((time) => time.slice(time.length > 10 ? 11 : 5)), middle);
  const legend = h("ul", { class: "legend" },
    ...groups.map((group, at) => h("li", null, h("i", { class: `s${at % SERIES}` }), group || "(none)")));
  return h("figure", null, chart, legend);
}

// `values` are numbers from `floor` to `top`; the newest is on the right.
export function line(label, names, values, top, words) {
  const chart = frame(label, top, words);
  const step = (WIDTH - LEFT) / Math.max(1, values.length - 1);
  const x = (index) => LEFT + step * index;
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - Math.min(1, value / top));
  const points = values.map((value, index) => (value === null ? null : `${x(index).toFixed(1)} ${y(value).toFixed(1)}`));
  const known = points.filter((point) => point !== null);
  if (known.length > 1) {
    const first = points.findIndex((point) => point !== null);
    const last = points.findLastIndex((point) => point !== null);
    chart.append(
      svg("path", { class: "area", d: `M${known.join("L")}L${x(last)} ${y(0)}L${x(first)} ${y(0)}Z` }),
      svg("path", { class: "curve", d: `M${known.join("L")}` }));
  } else if (known.length === 1) {
    const [cx, cy] = known[0].split(" ");
    chart.append(svg("circle", { class: "s0", cx, cy, r: 3 }));
  }
  ticks(chart, names, x);
  return h("figure", null, chart);
}

export function ceilingOf(values) {
  return ceiling(Math.max(0, ...values.filter((value) => value !== null)));
}
