// The list of cases: moving in it, acting on the marked case, more as one scrolls, and what changes meanwhile.
import { onKey } from "./keys.js";
import { startMore } from "./more.js";
import { startNews } from "./news.js";
import { actOn } from "./row_acts.js";
import { lastCase, rememberCase, rememberView } from "./view.js";

const table = document.querySelector("table.desk");

export function startDesk() {
  rememberView();
  table.addEventListener("focusin", (event) => mark(event.target.closest("tr[data-id]")));
  onKey("j", () => move(1));
  onKey("k", () => move(-1));
  onKey("ArrowDown", () => move(1));
  onKey("ArrowUp", () => move(-1));
  onKey("Enter", (event) => event.target.closest("a, button, summary") === null && open(""));
  onKey("/", openFilter);
  onKey("f", openFilter);
  for (const chip of document.querySelectorAll(".chips [aria-keyshortcuts]")) {
    onKey(chip.getAttribute("aria-keyshortcuts"), () => chip.click());
  }
  if (document.querySelector("#row-act")) {
    for (const [key, kind] of [["a", "claimed"], ["r", "released"], ["e", "escalated"]]) {
      onKey(key, () => current() !== null && void actOn(current(), kind));
    }
    for (const [key, place] of [["u", "#upheld"], ["x", "#dismissed"], ["m", "#manifestly_unfounded"], ["s", "#snoozed"]]) {
      onKey(key, () => open(place));
    }
  }
  startMore(table);
  startNews(table);
  const [entry] = performance.getEntriesByType("navigation");
  // Who comes back is where they were.
  if (entry?.type !== "navigate") row(lastCase())?.querySelector("a.case").focus();
}

function openFilter() {
  document.querySelector("#filter").open = true;
  document.querySelector(".filters select").focus();
}

function rows() {
  return [...table.querySelectorAll("tr[data-id]")];
}

function row(id) {
  return rows().find((each) => each.dataset.id === id) ?? null;
}

function current() {
  return table.querySelector("tr.current");
}

function firstFree() {
  return rows().find((each) => [undefined, document.body.dataset.person].includes(each.querySelector(".holder")?.textContent));
}

function mark(found) {
  if (!found) return;
  current()?.classList.remove("current");
  found.classList.add("current");
  rememberCase(found.dataset.id);
}

function move(step) {
  const all = rows();
  const at = all.indexOf(current());
  const next = at < 0 ? all[0] : all[at + step];
  next?.querySelector("a.case").focus();
  return next !== undefined;
}

/** The marked case; before one is marked, the first one on which nobody else works. */
function open(place) {
  const link = (current() ?? firstFree())?.querySelector("a.case");
  if (!link) return false;
  location.assign(link.href + place);
  return true;
}
