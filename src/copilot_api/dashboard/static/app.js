// Which view is shown, what it shows, and when it is brought up to date.

import { KeyNeeded, Refused, ask, held, keep } from "./api.js";
import { h, morph } from "./dom.js";
import { openLine } from "./line.js";
import * as cache from "./views/cache.js";
import * as engine from "./views/engine.js";
import * as failures from "./views/failures.js";
import * as live from "./views/live.js";
import * as models from "./views/models.js";
import * as overview from "./views/overview.js";
import * as requests from "./views/requests.js";

// A view is `title`, `load(parameters)` for its data, `draw(data, context)` for its elements, and perhaps `pace`:
// milliseconds between two loads while new requests come in.
const VIEWS = { overview, live, requests, cache, failures, models, engine };
const SLOWLY = 300_000; // what no request tells of: a new day, a new model
const RETRY = 10_000;
const SHARE = 10; // times a load's own time that pass until the next
const [main, nav, link, trouble, footer] = ["main", "nav", "link", "trouble", "footer"].map((id) => document.getElementById(id));

let shown = { name: "", data: null };
let state = null;
let broken = "";
let asking = null; // the error that only a key mends
let turn = 0;
let loadedAt = 0;
let took = 0; // milliseconds of the last load
let later = null;
let again = null;

function wanted() {
  const [name, query] = location.hash.slice(1).split("?");
  return { name: name in VIEWS ? name : "overview", parameters: Object.fromEntries(new URLSearchParams(query ?? "")) };
}

async function load() {
  const { name, parameters } = wanted();
  const mine = (turn += 1);
  clearTimeout(later);
  later = null;
  loadedAt = performance.now();
  for (const entry of nav.children) {
    if (entry.hash === `#${name}`) {
      entry.setAttribute("aria-current", "page");
      nav.scrollLeft = entry.offsetLeft - nav.offsetLeft - (nav.clientWidth - entry.offsetWidth) / 2;
    } else entry.removeAttribute("aria-current");
  }
  document.title = `${VIEWS[name].title} – copilot-api`;
  try {
    const data = await VIEWS[name].load(parameters);
    if (mine !== turn) return;
    took = performance.now() - loadedAt;
    shown = { name, parameters, data };
    broken = "";
    asking = null;
  } catch (error) {
    if (mine !== turn) return;
    if (error instanceof KeyNeeded || error instanceof Refused) asking = error;
    else broken = error.message;
    if (shown.name !== name) shown = { name, parameters, data: null };
  }
  draw();
}

function draw() {
  clearTimeout(again);
  const { name, parameters, data } = shown;
  if (!name) return;
  let elements;
  if (asking) elements = [keyForm(asking)];
  else if (data === null) elements = [cannot()];
  else elements = VIEWS[name].draw(data, { state, parameters, choose, reload: load, redraw: draw, soon });
  morph(main, [h("div", { class: "view", "data-key": asking ? "key" : name }, ...elements)]);
  // What does not fit is scrolled by keys too, which needs a name for what has the focus.
  for (const area of main.querySelectorAll(".scroll")) {
    const wide = area.scrollWidth > area.clientWidth;
    for (const [attribute, value] of [["tabindex", "0"], ["role", "group"], ["aria-label", area.dataset.name]]) {
      if (wide) area.setAttribute(attribute, value);
    }
  }
  const stale = broken && data !== null && !asking;
  morph(trouble, stale ? [h("p", { class: "notice bad" }, `This could not be brought up to date: ${broken}. What you see is older.`)] : []);
}

// Show the same view by other parameters; the address says which, so that it can be kept.
function choose(changed) {
  const { name, parameters } = wanted();
  const given = Object.entries({ ...parameters, ...changed }).filter(([, value]) => value);
  const query = new URLSearchParams(given).toString();
  history.replaceState(null, "", query ? `#${name}?${query}` : `#${name}`);
  load();
}

function soon(ms) {
  clearTimeout(again);
  again = setTimeout(draw, ms);
}

function cannot() {
  return h("div", { class: "card empty", role: "alert" },
    h("h1", null, "This view could not be loaded"), h("p", null, `${broken[0].toUpperCase()}${broken.slice(1)}.`),
    h("p", null, h("button", { type: "button", onclick: () => { line.now(); load(); } }, "Try again")));
}

function keyForm(error) {
  const refused = error instanceof Refused;
  const take = (event) => {
    event.preventDefault();
    keep(new FormData(event.target).get("key").trim());
    line.open();
    load();
  };
  return h("section", { class: "card ask", "aria-labelledby": "ask" },
    h("h1", { id: "ask" }, refused ? "This key opens no dashboard" : "This gateway asks for a key"),
    h("p", { class: "soft" }, refused ? `${error.message}.` : "It is the one that your client sends, and is kept until this tab is closed."),
    held() && !refused ? h("p", { class: "bad", role: "alert" }, "The key was not accepted.") : null,
    h("form", { onsubmit: take },
      h("label", null, "Key", h("input", { type: "password", name: "key", autocomplete: "off", required: true })),
      h("button", { class: "main" }, "Open")));
}

function tell(kind, words, more = "") {
  link.dataset.link = kind;
  // Told to screen readers only when it changes; how much runs is not worth an announcement.
  for (const [id, text] of [["link-state", words], ["link-load", more]]) {
    const element = document.getElementById(id);
    if (element.textContent !== text) element.textContent = text;
  }
}

const line = openLine({
  up(told) {
    const before = state;
    const back = link.dataset.link === "down";
    state = told;
    tell("up", "connected", told.in_flight ? `${told.in_flight} in flight` : "idle");
    live.note(told);
    if (back) load();
    else if (broken) later ??= setTimeout(load, RETRY);
    else if (before && (before.written !== told.written || before.failed !== told.failed)) follow();
    if (VIEWS[shown.name]?.live) draw();
  },
  down(pause) {
    tell("down", "not reachable", `next try in ${Math.round(pause / 1000)} s`);
  },
  closed(error) {
    tell("down", error instanceof KeyNeeded ? "key needed" : "refused");
    asking = error;
    draw();
  },
});

function follow() {
  const pace = VIEWS[shown.name]?.pace;
  if (!pace || later) return;
  // A great ledger takes its time: then it is asked less often.
  const pause = Math.min(Math.max(pace, SHARE * took), SLOWLY);
  later = setTimeout(load, Math.max(0, loadedAt + pause - performance.now()));
}

for (const [name, view] of Object.entries(VIEWS)) nav.append(h("a", { href: `#${name}` }, view.title));
addEventListener("hashchange", () => {
  document.getElementById("detail").close();
  load().then(() => { scrollTo(0, 0); main.focus({ preventScroll: true }); });
});
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
// A tab that nobody sees asks nothing.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) line.close();
  else { line.open(); load(); }
});
setInterval(() => { if (!document.hidden) load(); }, SLOWLY);
ask("about").then((facts) => {
  footer.textContent = `copilot-api ${facts.version} · unofficial, not affiliated with GitHub`;
}).catch(() => {});
load();
line.open();
