// Goes to a page, a case or a channel by typing some of its name.
import { isField } from "./keys.js";

const dialog = document.querySelector("#palette");
const input = dialog.querySelector("input");
const list = dialog.querySelector("ul");
// As refs and pseudonyms in events.
const ID = /^[A-Za-z0-9._:~-]{4,128}$/;
let chosen = 0;

export function startPalette() {
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    // In a field these keys may be the browser's own, such as a search in the address line.
    if (document.querySelector("dialog[open]") || isField(event.target)) return;
    event.preventDefault();
    dialog.showModal();
  });
  new MutationObserver(() => dialog.open && begin()).observe(dialog, { attributeFilter: ["open"] });
  input.addEventListener("input", () => show(0));
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") show(chosen + 1);
    else if (event.key === "ArrowUp") show(chosen - 1);
    else if (event.key === "Enter") list.children[chosen]?.click();
    else return;
    event.preventDefault();
  });
}

function begin() {
  input.value = "";
  show(0);
  input.focus();
}

function places() {
  const typed = input.value.trim();
  const pages = [...document.querySelectorAll("nav[aria-label=Pages] a")]
    .map((link) => ({ label: link.textContent.trim(), go: () => link.click() }))
    .filter((page) => page.label.toLowerCase().includes(typed.toLowerCase()));
  const to = (address) => () => location.assign(address);
  const id = encodeURIComponent(typed);
  const found = ID.test(typed)
    ? [
        { label: `Case ${typed}`, go: to(`/cases/${id}`) },
        { label: `Cases of channel ${typed}`, go: to(`/desk?listed=all&channel=${id}`) },
      ]
    : [];
  return [...pages, ...found];
}

function show(at) {
  const all = places();
  chosen = all.length ? (at + all.length) % all.length : 0;
  list.replaceChildren(
    ...all.map((place, index) => {
      const item = document.createElement("li");
      item.id = `place-${index}`;
      item.role = "option";
      item.ariaSelected = String(index === chosen);
      item.textContent = place.label;
      item.addEventListener("click", () => {
        dialog.close();
        place.go();
      });
      return item;
    }),
  );
  if (all.length) input.setAttribute("aria-activedescendant", `place-${chosen}`);
  else input.removeAttribute("aria-activedescendant");
}
