// Which view is shown, and the live line that all of them may watch.

import { KeyNeeded, ask, keep, listen } from "./api.js";
import { h } from "./dom.js";
import * as cache from "./views/cache.js";
import * as engine from "./views/engine.js";
import * as live from "./views/live.js";
import * as models from "./views/models.js";
import * as overview from "./views/overview.js";
import * as requests from "./views/requests.js";

const VIEWS = { overview, live, requests, cache, models, engine };
const main = document.getElementById("main");
const nav = document.getElementById("nav");
const link = document.getElementById("link");

let shown = null; // the view that is on screen: {name, update(state)?, close()?}
let turn = 0;

function wanted() {
  const name = location.hash.slice(1).split("?")[0];
  return name in VIEWS ? name : "overview";
}

async function show() {
  const name = wanted();
  const mine = (turn += 1);
  for (const entry of nav.children) {
    if (entry.hash === `#${name}`) entry.setAttribute("aria-current", "page");
    else entry.removeAttribute("aria-current");
  }
  document.title = `${VIEWS[name].title} – copilot-api`;
  try {
    const view = await VIEWS[name].open({ refresh: show });
    if (mine !== turn) return;
    shown?.close?.();
    shown = { name, ...view };
    main.replaceChildren(...view.elements);
  } catch (error) {
    if (mine === turn) main.replaceChildren(error instanceof KeyNeeded ? keyForm() : trouble(error));
  }
}

function trouble(error) {
  return h("div", { class: "notice bad", role: "alert" },
    h("p", null, `This view could not be loaded: ${error.message}.`),
    h("p", null, h("button", { type: "button", onclick: show }, "Try again")));
}

function keyForm() {
  const field = h("input", { type: "password", id: "key", autocomplete: "off", required: true });
  const take = (event) => {
    event.preventDefault();
    keep(field.value.trim());
    watch();
    show();
  };
  return h("section", { class: "card", "aria-label": "Key" },
    h("h1", null, "This gateway asks for a key"),
    h("p", { class: "soft" }, "The one that your client sends. It is kept until this tab is closed."),
    h("form", { class: "key", onsubmit: take }, h("label", null, "Key", field), h("button", null, "Open")));
}

let watching = null;

async function watch() {
  watching?.abort();
  const mine = (watching = new AbortController());
  let pause = 1000;
  while (!mine.signal.aborted) {
    try {
      await listen("live", mine.signal, (state) => {
        pause = 1000;
        tell("up", state.in_flight ? `${state.in_flight} in flight` : "idle");
        shown?.update?.(state);
      });
    } catch (error) {
      if (mine.signal.aborted) return;
      if (error instanceof KeyNeeded) {
        tell("down", "key needed");
        return;
      }
    }
    tell("down", "not reachable");
    await new Promise((done) => setTimeout(done, pause));
    pause = Math.min(pause * 2, 30_000);
  }
}

function tell(state, words) {
  link.dataset.link = state;
  const text = document.getElementById("link-text");
  if (text.textContent !== words) text.textContent = words;
}

for (const [name, view] of Object.entries(VIEWS)) nav.append(h("a", { href: `#${name}` }, view.title));
addEventListener("hashchange", () => { show().then(() => main.focus({ preventScroll: true })); });
// A tab that nobody sees asks nothing.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) watching?.abort();
  else { watch(); show(); }
});
ask("about").then((facts) => {
  document.getElementById("footer").textContent =
    `copilot-api ${facts.version} · ${facts.account ?? "no account"} · unofficial, not affiliated with GitHub`;
}).catch(() => {});
show();
watch();
