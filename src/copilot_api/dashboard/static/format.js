// Numbers for people. A missing number is a dash, never a nought.

const CREDIT = 1e9;
const DOLLAR = 1e11;

export const dash = "–";

export function number(value, digits = 0) {
  if (value === null || value === undefined) return dash;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function tokens(value) {
  if (value === null || value === undefined) return dash;
  if (value >= 1e6) return `${Number((value / 1e6).toFixed(1))}M`;
  if (value >= 1e4) return `${Number((value / 1e3).toFixed(1))}k`;
  return number(value);
}

export function credits(nano) {
  return nano === null || nano === undefined ? dash : number(nano / CREDIT, 2);
}

export function dollars(nano) {
  return nano === null || nano === undefined ? dash : `$${number(nano / DOLLAR, 2)}`;
}

export function share(part, whole) {
  return whole ? `${Math.round((100 * part) / whole)}%` : dash;
}

export function time(ms) {
  if (ms === null || ms === undefined) return dash;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${number(ms / 1000, 1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

export function bytes(value) {
  if (value === null || value === undefined) return dash;
  if (value >= 1 << 20) return `${number(value / (1 << 20), 1)} MiB`;
  if (value >= 1 << 10) return `${number(value / (1 << 10), 1)} KiB`;
  return `${value} B`;
}

export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

export function moment(seconds) {
  return new Date(seconds * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
