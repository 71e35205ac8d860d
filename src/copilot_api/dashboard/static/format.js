// Numbers for people. A missing number is a dash, never a nought.

const CREDIT = 1e9;
const DOLLAR = 1e11;

export const dash = "–";

export function number(value, digits = 0) {
  if (value === null || value === undefined) return dash;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function short(value) {
  return number(value, Number.isInteger(value) ? 0 : value < 10 ? 2 : 1);
}

export function plural(count, word) {
  return `${number(count)} ${word}${count === 1 ? "" : "s"}`;
}

export function tokens(value) {
  if (value === null || value === undefined) return dash;
  if (value >= 1e6) return `${number(value / 1e6, 1)}M`;
  if (value >= 1e4) return `${number(value / 1e3, 1)}k`;
  return number(value);
}

export function credits(nano) {
  if (nano === null || nano === undefined) return dash;
  return number(nano / CREDIT, nano > 0 && nano < CREDIT / 10 ? 4 : 2);
}

export function dollars(nano) {
  if (nano === null || nano === undefined) return dash;
  return `$${number(nano / DOLLAR, nano > 0 && nano < DOLLAR / 10 ? 4 : 2)}`;
}

export function share(part, whole) {
  return whole ? `${Math.round((100 * part) / whole)}%` : dash;
}

export function time(ms) {
  if (ms === null || ms === undefined) return dash;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${number(ms / 1000, 1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1000)} s`;
}

export function bytes(value) {
  if (value === null || value === undefined) return dash;
  if (value >= 1 << 20) return `${number(value / (1 << 20), 1)} MiB`;
  if (value >= 1 << 10) return `${number(value / (1 << 10), 1)} KiB`;
  return `${value} B`;
}

export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB");
}

export function day(seconds) {
  return new Date(seconds * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short" });
}

// The time of today, else the day too.
export function when(seconds) {
  const at = new Date(seconds * 1000);
  if (at.toDateString() === new Date().toDateString()) return clock(seconds);
  return `${day(seconds)} ${at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}`;
}

export function moment(seconds) {
  return new Date(seconds * 1000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
}
