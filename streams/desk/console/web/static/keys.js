// One place that hears keys, and gives them to what the page can do.
import { takeOffer } from "./notices.js";

const handlers = new Map();
// After g, the next key within this time chooses a page.
const PREFIX_MS = 1500;
let prefixUntil = 0;

/** Do something when a key is pressed; `act` returns false if it had nothing to do, and the browser does what it does. */
export function onKey(key, act) {
  handlers.set(key, act);
}

export function startKeys() {
  for (const button of document.querySelectorAll("[data-opens]")) {
    button.hidden = false;
    button.addEventListener("click", () => document.getElementById(button.dataset.opens).showModal());
  }
  onKey("?", () => document.querySelector("#keys").showModal());
  onKey(".", takeOffer);
  onKey("y", () => {
    const button = document.querySelector("main button[aria-keyshortcuts=y]");
    button?.click();
    return button !== null;
  });
  // What the page, or the marked row of a list, is about, in the platform's own viewer.
  onKey("o", () => {
    const list = document.querySelector("table.desk");
    const link = (list ? list.querySelector("tr.current") : document.querySelector("main"))?.querySelector("a.open");
    link?.click();
    return Boolean(link);
  });
  onKey("g", () => {
    prefixUntil = performance.now() + PREFIX_MS;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isField(event.target) && !event.target.closest("dialog")) {
      event.target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (isField(event.target) || document.querySelector("dialog[open]")) return;
    const act = performance.now() < prefixUntil ? () => goToPage(event.key) : handlers.get(event.key);
    prefixUntil = 0;
    // A key that is held down must not send a form twice.
    if (act && (!event.repeat || isMove(event.key)) && act(event) !== false) event.preventDefault();
  });
}

export function isField(element) {
  return element.closest("input, select, textarea, [contenteditable]") !== null;
}

function isMove(key) {
  return ["j", "k", "ArrowDown", "ArrowUp"].includes(key);
}

function goToPage(letter) {
  // Pages before what waits: of two with one letter the first one.
  const links = [...document.querySelectorAll("header nav a")];
  const link = links.find((each) => each.textContent.trim().toLowerCase().startsWith(letter));
  link?.click();
  return link !== undefined;
}
