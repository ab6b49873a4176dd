// Goes to a page, a view, a category, a case or a channel by typing some of its name, and does what can be done with a case.
import { isField } from "./keys.js";
import { actOn } from "./row_acts.js";

const dialog = document.querySelector("#palette");
const input = dialog.querySelector("input");
const list = dialog.querySelector("ul");
const said = document.querySelector("#palette-said");
// Who types a word is asked for once.
const PAUSE_MS = 120;
let places = [];
let chosen = 0;
let asked = 0;
let waiting = 0;
let finding = Promise.resolve();

export function startPalette() {
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    // In a field these keys may be the browser's own, such as a search in the address line.
    if (document.querySelector("dialog[open]") || isField(event.target)) return;
    event.preventDefault();
    dialog.showModal();
  });
  new MutationObserver(() => dialog.open && begin()).observe(dialog, { attributeFilter: ["open"] });
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(startFinding, PAUSE_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Enter") void take();
    else return;
    event.preventDefault();
  });
}

function begin() {
  input.value = "";
  show([]);
  input.focus();
  startFinding();
}

/** The case or request that is open, or marked in the list. */
function marked() {
  return document.querySelector("tr.current[data-id]");
}

function startFinding() {
  clearTimeout(waiting);
  waiting = 0;
  finding = find();
}

async function find() {
  const number = ++asked;
  const query = new URLSearchParams({ q: input.value.trim(), case: document.body.dataset.case || (marked()?.dataset.id ?? "") });
  const answer = await fetch(`/search/places?${query}`).catch(() => null);
  // Of what was typed since, another answer comes.
  if (number !== asked) return;
  show(answer?.ok ? await answer.json() : [], answer?.ok ? "" : "The console did not answer.");
}

/** Enter takes what fits all that was typed, not what fitted before. */
async function take() {
  if (waiting) startFinding();
  await finding;
  list.children[chosen]?.click();
}

function show(found, failed = "") {
  places = found;
  list.replaceChildren(
    ...places.map((place, index) => {
      const item = document.createElement("li");
      item.id = `place-${index}`;
      item.role = "option";
      const kind = Object.assign(document.createElement("span"), { className: "quiet", textContent: place.kind });
      item.append(place.label, " ", kind);
      item.addEventListener("click", () => {
        dialog.close();
        go(place);
      });
      return item;
    }),
  );
  const count = places.length === 1 ? "1 found" : `${places.length} found`;
  said.textContent = failed || (places.length ? count : "Nothing found. Of ids type four characters or more.");
  choose(0);
}

function choose(at) {
  chosen = places.length ? (at + places.length) % places.length : 0;
  for (const [index, item] of [...list.children].entries()) item.ariaSelected = String(index === chosen);
  list.children[chosen]?.scrollIntoView({ block: "nearest" });
  if (places.length) input.setAttribute("aria-activedescendant", `place-${chosen}`);
  else input.removeAttribute("aria-activedescendant");
}

function go(place) {
  const form = place.act && document.querySelector(`form[data-act="${place.act}"]`);
  if (form) form.requestSubmit();
  else if (place.act && marked() && document.querySelector("#row-act")) void actOn(marked(), place.act);
  else if (new URL(place.address, location.href).pathname === location.pathname && place.address.includes("#")) reach(place);
  else location.assign(place.address);
}

/** A part of this very page: its script chooses what belongs to it when the page is loaded. */
function reach(place) {
  location.hash = new URL(place.address, location.href).hash;
  location.reload();
}
