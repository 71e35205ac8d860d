// Elements from calls, and a way to bring what is shown to what is wanted without losing focus or scroll.
// Texts are text nodes, always: what others wrote is never read as markup.

const SVG = "http://www.w3.org/2000/svg";

export function h(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) listen(element, name.slice(2), value);
    // Through the object model: the policy forbids style attributes.
    else if (name === "style") for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function listen(element, type, handler) {
  element.handlers ??= {};
  if (!(type in element.handlers)) element.addEventListener(type, dispatch);
  element.handlers[type] = handler;
}

function dispatch(event) {
  event.currentTarget.handlers[event.type]?.(event);
}

// Make the children of `parent` like `wanted`. Elements with `data-key` stay the same ones wherever they go.
export function morph(parent, wanted) {
  const keys = new Set(wanted.map(keyOf).filter(Boolean));
  const kept = new Map();
  for (const child of [...parent.childNodes]) {
    const key = keyOf(child);
    if (key && keys.has(key)) kept.set(key, child);
    else if (key) child.remove();
  }
  let at = parent.firstChild;
  for (const child of wanted) {
    const key = keyOf(child);
    const old = key ? kept.get(key) : at;
    if (!old || keyOf(old) !== key || old.nodeName !== child.nodeName) {
      parent.insertBefore(child, at);
      continue;
    }
    if (old === at) at = at.nextSibling;
    else parent.insertBefore(old, at);
    bring(old, child);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function keyOf(node) {
  return node.dataset?.key ?? "";
}

function bring(old, child) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== child.data) old.data = child.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    // A person has opened it.
    if (name !== "open" && name !== "style" && !child.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of child.attributes) {
    if (name !== "style" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.style && old.style.cssText !== child.style.cssText) old.style.cssText = child.style.cssText;
  for (const [type, handler] of Object.entries(child.handlers ?? {})) listen(old, type, handler);
  morph(old, [...child.childNodes]);
  if ((old instanceof HTMLInputElement || old instanceof HTMLSelectElement) && old !== document.activeElement) {
    old.value = child.value;
  }
}
